"""The walls around one submission: a process in namespaces of its own, with little memory, disk and time, and few system calls.

Linux only; imported by the zygote alone. Everything here fails closed: what cannot be built raises OSError, and no student code runs.
"""

import ctypes
import json
import os
import platform
import resource
import sys
from dataclasses import dataclass

from . import seccomp

#: Where a jailed process finds the notebook, and where it writes its frames. It holds no other descriptor.
NOTEBOOK, FRAMES = 3, 4

#: The uid and gid that a worker started by root becomes. RLIMIT_NPROC does not bind root, not even in a user namespace.
NOBODY = 64123

_CLONE = {"x86_64": 56, "aarch64": 220}
_SIGCHLD = 17
_NEW_NAMESPACES = (
    0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
)  # mount cgroup uts ipc user pid net
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_EXEC, _REMOUNT = 1, 2, 4, 8, 32
_SET_DUMPABLE, _DROP_BOUNDING, _PARENT_DEATH_SIGNAL = 4, 24, 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Walls:
    """How much a jailed process gets. memory_bytes: of address space, beyond what the zygote has mapped already."""

    memory_bytes: int
    processes: int
    disk_bytes: int


def become_plain_user() -> None:
    """Where root started this: mount /proc, then give up root for good. The first thing that runs in a sandbox; otherwise nothing."""
    if os.getuid() != 0:
        return
    _mount("proc", "/proc", "proc", _NO_SETUID | _NO_DEVICES | _NO_EXEC)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _check(_libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0), "become dumpable, which changing the user undid and children need to map theirs")
    _check(_libc.prctl(_PARENT_DEATH_SIGNAL, 9, 0, 0, 0), "ask to die with the grader, which changing the user undid")


def clone() -> int:
    """Like os.fork, but the child is the first process of seven new namespaces. Needs a process with a single thread."""
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    child = _libc.syscall(_CLONE[platform.machine()], _NEW_NAMESPACES | _SIGCHLD, 0, 0, 0, 0)
    error = ctypes.get_errno()
    if child == 0:
        python.PyOS_AfterFork_Child()
        return 0
    python.PyOS_AfterFork_Parent()
    if child < 0:
        raise OSError(error, f"namespaces for a submission could not be made: {os.strerror(error)}")
    return child


class Jail:
    """What all children of a zygote have in common, made ready before the first: `confine` then takes about a millisecond."""

    def __init__(self, walls: Walls) -> None:
        self.walls = walls
        self.user, self.group = os.getuid(), os.getgid()  # before a clone: in a new user namespace both read as nobody's
        self.address_space = _mapped_bytes() + walls.memory_bytes
        self.filter = seccomp.program()

    def confine(self, notebook: int, frames: int) -> None:
        """Wall in the calling process, the first of its namespaces, for good. Raises OSError."""
        os.setsid()  # or kill(0, 9) would reach the zygote, whose process group it is
        os.nice(5)
        self._map_user()
        self._mount_own()
        self._keep_descriptors(notebook, frames)  # standard error among the rest: up to here a failure can say what it is
        self._limit()
        for capability in range(41):
            _libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0)
        header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        _check(_libc.capset(header, none), "drop capabilities")
        seccomp.install(self.filter)
        os.chdir("/box")

    def _keep_descriptors(self, notebook: int, frames: int) -> None:
        """Leave /dev/null as the standard streams, the notebook and the frames, and close everything else."""
        null = os.open("/dev/null", os.O_RDWR)
        high = [os.dup2(descriptor, 100 + place) for place, descriptor in enumerate((null, null, null, notebook, frames))]
        for place, descriptor in enumerate(high):
            os.dup2(descriptor, place)
        os.closerange(FRAMES + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def _map_user(self) -> None:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{self.user} {self.user} 1")
        _write("/proc/self/gid_map", f"{self.group} {self.group} 1")

    def _mount_own(self) -> None:
        """A /proc that shows only this jail, and scratch space of its own."""
        hidden = _NO_SETUID | _NO_DEVICES | _NO_EXEC
        _mount("proc", "/proc", "proc", hidden)
        _write("/proc/sys/user/max_user_namespaces", "0")
        _write("/proc/self/oom_score_adj", "1000")
        _mount(None, "/proc", None, hidden | _READ_ONLY | _REMOUNT)  # last, or the score could be lowered again
        size = f"size={self.walls.disk_bytes},mode=700,uid={self.user},gid={self.group}"
        _mount("scratch", "/box", "tmpfs", _NO_SETUID | _NO_DEVICES, f"{size},nr_inodes=4k")
        os.mkdir("/box/tmp")
        _mount("shared", "/dev/shm", "tmpfs", hidden, f"{size},nr_inodes=1k")

    def _limit(self) -> None:
        limits = {
            resource.RLIMIT_AS: self.address_space,
            resource.RLIMIT_NPROC: self.walls.processes,
            resource.RLIMIT_FSIZE: self.walls.disk_bytes,
            resource.RLIMIT_NOFILE: 128,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_MEMLOCK: 0,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_SIGPENDING: 64,
        }
        for which, most in limits.items():
            resource.setrlimit(which, (most, most))


def _mapped_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _check(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _check(result: int, what: str) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"could not {what}: {os.strerror(error)}")


def main() -> None:
    """Build one jail and leave it: the self-test of a machine. Given the walls as JSON; fails with a traceback."""
    jail = Jail(Walls(**json.loads(sys.argv[1])))
    child = clone()
    if child == 0:
        try:
            jail.confine(0, 1)
            os.write(FRAMES, b"jailed")
            os._exit(0)
        except OSError as error:
            os.write(2, f"{error.strerror}\n".encode())
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
