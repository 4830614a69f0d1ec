"""A filter of system calls for a process that runs student code: no tracing, no mounting, no kernel keys, no sockets but local ones.

Namespaces and limits hold most of a worker; this closes what they do not count or cover. The filter is classic BPF, made here
for the machine that it runs on (x86_64; aarch64 from the kernel's tables, untested).
"""

import ctypes
import errno
import platform
import struct

#: Refused with EPERM: the number on x86_64, and on aarch64 (None where there is no such call).
REFUSED = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # large and rarely used parts of the kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "vmsplice": (278, 75),
    # keys are shared by all namespaces of a user
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    # memory that no limit counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    # the machine
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "personality": (135, 92),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "lookup_dcookie": (212, 18),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
}
#: clone with a new namespace in its flags is refused; clone3, whose flags a filter cannot read, does not exist (libc falls back to clone).
CLONE, CLONE3 = (56, 220), (435, 435)
#: Sockets of any family but AF_UNIX do not exist.
SOCKETS = ((41, 198), (53, 199))

NEW_NAMESPACES = 0x7E020080  # CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; the argument's low half, little-endian


def supported() -> bool:
    """Whether there is a table for this machine."""
    return platform.machine() in _MACHINES


def program() -> bytes:
    """The filter's instructions for this machine. Raises OSError where there is no table for it."""
    if not supported():
        raise OSError(errno.ENOSYS, f"no table of system calls for {platform.machine()}")
    column, machine = _MACHINES[platform.machine()]
    code: list[tuple[int, int, int, int]] = []

    def where(test: int, value: int, *then: tuple[int, int, int, int]) -> None:
        """Run `then` only where the test holds."""
        code.extend([(test, 0, len(then), value), *then])

    def end(action: int) -> tuple[int, int, int, int]:
        return (_RETURN, 0, 0, action)

    code += [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, machine), end(_KILL), (_LOAD, 0, 0, _NUMBER)]
    if column == 0:
        where(_AT_LEAST, 0x40000000, end(_FAIL | errno.ENOSYS))  # x32, a second table of the same calls
    for numbers in REFUSED.values():
        if numbers[column] is not None:
            where(_EQUAL, numbers[column], end(_FAIL | errno.EPERM))
    where(_EQUAL, CLONE3[column], end(_FAIL | errno.ENOSYS))
    argument = (_LOAD, 0, 0, _FIRST_ARGUMENT)
    where(_EQUAL, CLONE[column], argument, (_ANY_BIT, 0, 1, NEW_NAMESPACES), end(_FAIL | errno.EPERM), end(_ALLOW))
    for numbers in SOCKETS:
        where(_EQUAL, numbers[column], argument, (_EQUAL, 1, 0, 1), end(_FAIL | errno.EAFNOSUPPORT), end(_ALLOW))
    code.append(end(_ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(code: bytes) -> None:
    """Put the filter on this process and all that it will start, for good. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    described = _Program(len(code) // 8, ctypes.addressof(buffer))
    no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    for arguments in ((no_new_privileges, 1, 0, 0, 0), (set_seccomp, mode_filter, ctypes.byref(described), 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "the filter of system calls could not be installed")
