"""Looks at a jailed process from outside, and ends it. Linux only."""

import contextlib
import os
import signal
from collections.abc import Iterator


def process_of(handle: int) -> int:
    """The process id behind a pidfd; 0 where it has ended."""
    with open(f"/proc/self/fdinfo/{handle}", encoding="ascii") as file:
        number = next(int(line.split()[1]) for line in file if line.startswith("Pid:"))
    return max(number, 0)


def kill(handle: int) -> None:
    """Kill the process behind a pidfd. As the first of its pid namespace it takes all others with it."""
    with contextlib.suppress(ProcessLookupError):  # it may have been faster
        signal.pidfd_send_signal(handle, signal.SIGKILL)


def memory_of(process: int, shared: int, limit: int) -> tuple[int, int]:
    """(bytes, processes) of a process and its descendants.

    shared: what each has in common with the zygote until it writes to it. A cheap estimate first; only where the sum could be
    above `limit` the kernel's exact account, which takes milliseconds a process.
    """
    tree = list(_tree(process))
    resident = {each: _resident(each) for each in tree}
    if sum(resident.values()) < limit:
        return sum(max(0, size - shared) for size in resident.values()), len(tree)
    return sum(map(_proportional, tree)), len(tree)


def _tree(process: int) -> Iterator[int]:
    """A process and its descendants. Complete for the first of a pid namespace: orphans become its children."""
    waiting = [process]
    while waiting:
        process = waiting.pop()
        yield process
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                    waiting += map(int, file.read().split())
        except OSError:
            pass  # it has ended since


def _resident(process: int) -> int:
    return _sum(f"/proc/{process}/status", ("RssAnon:", "RssShmem:"))


def _proportional(process: int) -> int:
    return _sum(f"/proc/{process}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))


def _sum(path: str, names: tuple[str, ...]) -> int:
    """The bytes in those lines, which are given in kB; 0 where the process has ended."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return sum(int(line.split()[1]) << 10 for line in file if line.startswith(names))
    except OSError:
        return 0
