"""What a process gives up before it opens an untrusted file.

Everything here works without privileges. Where the system has no such guard (macOS, an old kernel, a strict
container), `lock` names it in its answer, and the parent logs that the sandbox is weaker than it should be.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable

from .limits import Limits

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38


def limit_resources(limits: Limits) -> None:
    """Bound memory, CPU and open files of this process and of those it starts; let it die with its parent."""
    cpu = max(1, int(limits.cpu.total_seconds()))
    with contextlib.suppress(ValueError, OSError):  # macOS does not know RLIMIT_AS
        _lower(resource.RLIMIT_AS, limits.memory_bytes)
    # The soft limit sends SIGXCPU, which says what happened; the hard one kills without a word.
    _lower(resource.RLIMIT_CPU, cpu, spare=1)
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    _lower(resource.RLIMIT_CORE, 0)  # a core dump would be a copy of the document on disk
    # Should the parent lose sight of us, the clock still ends us.
    signal.setitimer(signal.ITIMER_REAL, limits.wall.total_seconds() + 1)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that happens. parent: its process id."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(1)


def lock(readable: Iterable[str]) -> list[str]:
    """Give up writing, the network, and every file outside `readable`; returns the names of the guards that failed.

    readable: folders and files that may still be read and executed. Open descriptors stay usable.
    """
    missing = []
    _lower(resource.RLIMIT_FSIZE, 0)
    if sys.platform != "linux":
        return ["network", "files"]
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ["network", "files"]
    if not _restrict_files(readable):
        missing.append("files")
    if not _forbid_calls():
        missing.append("network")
    return missing


def _lower(which: int, soft: int, spare: int = 0) -> None:
    _, ceiling = resource.getrlimit(which)
    hard = soft + spare
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(which, (soft, hard))


# --- The network: a seccomp filter ----------------------------------------------------------------------------
# What a reader of documents never needs: sockets (io_uring makes them too), a look into or a hand on other processes,
# new namespaces, the kernel's larger attack surfaces. Numbers: x86_64, aarch64 (asm/unistd_64.h, asm-generic/unistd.h).
_FORBIDDEN = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "io_uring_setup": (425, 425),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 1  # the last with errno EPERM
_X32 = 0x40000000  # the second way to call the kernel on x86_64, with other numbers


def _forbid_calls() -> bool:
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        return False
    column = 0 if machine == "x86_64" else 1
    numbers = [pair[column] for pair in _FORBIDDEN.values()]
    program = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_JUMP_AT_LEAST, len(numbers) + 1, 0, _X32),
        *((_JUMP_EQUAL, len(numbers) - index, 0, number) for index, number in enumerate(numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    filter_mode = 2
    pointer = ctypes.byref(Program(len(program), ctypes.addressof(buffer)))
    return _libc.prctl(_PR_SET_SECCOMP, filter_mode, pointer, 0, 0) == 0


# --- Files: a Landlock domain ---------------------------------------------------------------------------------
# The same user owns the database, the secret and other people's documents; a reader that was taken over must not see
# them. Landlock also forbids ptrace and (newer kernels) signals and abstract sockets beyond the domain.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_FILE_RIGHTS_OF_ABI = ((5, 0xFFFF), (3, 0x7FFF), (2, 0x3FFF), (1, 0x1FFF))
_NETWORK_RIGHTS = 0b11  # bind and connect TCP, from ABI 4
_SCOPES = 0b11  # abstract sockets and signals, from ABI 6


def _restrict_files(readable: Iterable[str]) -> bool:
    version_flag = 1
    abi = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), version_flag)
    if abi < 1:
        return False
    rights = next(rights for since, rights in _FILE_RIGHTS_OF_ABI if abi >= since)
    handled = struct.pack("QQQ", rights, _NETWORK_RIGHTS, _SCOPES)[: 24 if abi >= 6 else 16 if abi >= 4 else 8]
    ruleset = _libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        return _libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, path: str) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this system
    try:
        access = _EXECUTE | _READ_FILE | (_READ_FOLDER if os.path.isdir(path) else 0)
        path_beneath = 1
        _libc.syscall(_ADD_RULE, ruleset, path_beneath, struct.pack("=Qi", access, handle), 0)
    finally:
        os.close(handle)
