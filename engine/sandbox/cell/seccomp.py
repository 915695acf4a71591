"""The filter of system calls: what Python needs to compute is let through, all else fails with EPERM."""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Iterator

from .kernel import prctl

_X86_64 = """
read=0 write=1 readv=19 writev=20 pread64=17 pwrite64=18 open=2 openat=257 close=3 close_range=436 stat=4
fstat=5 lstat=6 newfstatat=262 statx=332 lseek=8 mmap=9 mprotect=10 munmap=11 mremap=25 brk=12 madvise=28
rt_sigaction=13 rt_sigprocmask=14 rt_sigreturn=15 rt_sigpending=127 rt_sigtimedwait=128 rt_sigsuspend=130
sigaltstack=131 access=21 faccessat=269 faccessat2=439 pipe=22 pipe2=293 dup=32 dup2=33 dup3=292 select=23
pselect6=270 poll=7 ppoll=271 sched_yield=24 nanosleep=35 clock_nanosleep=230 clock_gettime=228
clock_getres=229 gettimeofday=96 time=201 getpid=39 getppid=110 gettid=186 getuid=102 geteuid=107 getgid=104
getegid=108 getresuid=118 getresgid=120 getgroups=115 getpgrp=111 getpgid=121 getsid=124 setsid=112
setpgid=109 getpriority=140 getcwd=79 chdir=80 fchdir=81 getdents=78 getdents64=217 mkdir=83 mkdirat=258
rmdir=84 unlink=87 unlinkat=263 rename=82 renameat=264 renameat2=316 readlink=89 readlinkat=267 symlink=88
symlinkat=266 link=86 linkat=265 truncate=76 ftruncate=77 fallocate=285 umask=95 chmod=90 fchmod=91
fchmodat=268 utimensat=280 fsync=74 fdatasync=75 flock=73 uname=63 sysinfo=99 getrusage=98 times=100
getrlimit=97 statfs=137 fstatfs=138 futex=202 set_robust_list=273 get_robust_list=274 rseq=334
set_tid_address=218 exit=60 exit_group=231 getrandom=318 sched_getaffinity=204 getcpu=309 kill=62 tgkill=234
tkill=200 alarm=37 setitimer=38 getitimer=36 pause=34 wait4=61 waitid=247 restart_syscall=219
clone=56 clone3=435 fork=57 vfork=58 ioctl=16 fcntl=72 prlimit64=302
"""  # Linux arch/x86/entry/syscalls/syscall_64.tbl

_AARCH64 = """
read=63 write=64 readv=65 writev=66 pread64=67 pwrite64=68 openat=56 close=57 close_range=436 fstat=80
newfstatat=79 statx=291 lseek=62 mmap=222 mprotect=226 munmap=215 mremap=216 brk=214 madvise=233
rt_sigaction=134 rt_sigprocmask=135 rt_sigreturn=139 rt_sigpending=136 rt_sigtimedwait=137 rt_sigsuspend=133
sigaltstack=132 faccessat=48 faccessat2=439 pipe2=59 dup=23 dup3=24 pselect6=72 ppoll=73 sched_yield=124
nanosleep=101 clock_nanosleep=115 clock_gettime=113 clock_getres=114 gettimeofday=169 getpid=172 getppid=173
gettid=178 getuid=174 geteuid=175 getgid=176 getegid=177 getresuid=148 getresgid=150 getgroups=158
getpgid=155 getsid=156 setsid=157 setpgid=154 getpriority=141 getcwd=17 chdir=49 fchdir=50 getdents64=61
mkdirat=34 unlinkat=35 renameat=38 renameat2=276 readlinkat=78 symlinkat=36 linkat=37 truncate=45
ftruncate=46 fallocate=47 umask=166 fchmod=52 fchmodat=53 utimensat=88 fsync=82 fdatasync=83 flock=32
uname=160 sysinfo=179 getrusage=165 times=153 getrlimit=163 statfs=43 fstatfs=44 futex=98 set_robust_list=99
get_robust_list=100 rseq=293 set_tid_address=96 exit=93 exit_group=94 getrandom=278 sched_getaffinity=123
getcpu=168 kill=129 tgkill=131 tkill=130 setitimer=103 getitimer=102 wait4=260 waitid=95 restart_syscall=128
clone=220 clone3=435 ioctl=29 fcntl=25 prlimit64=261
"""  # Linux include/uapi/asm-generic/unistd.h

_MACHINES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _AARCH64)}
"""AUDIT_ARCH number (linux/audit.h) and system calls by machine."""

_MAKES_PROCESSES = {"clone", "fork", "vfork"}
_CLONE_REFUSED = 0x7E028000
"""Every CLONE_NEW* flag and CLONE_PARENT."""
_IOCTLS = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what opening a file in Python asks."""
_F_SETPIPE_SZ = 1031

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # linux/bpf_common.h
_ALLOW, _FAIL, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000  # linux/seccomp.h
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jump_true", ctypes.c_uint8),
        ("jump_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def check_machine() -> None:
    """Raise OSError where the numbers of system calls are not known."""
    if platform.machine() not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no filter of system calls for {platform.machine()} (seccomp)")


def install(can_fork: bool) -> None:
    """Filter this process and all it will start, for good. Needs no_new_privs."""
    instructions = list(_instructions(can_fork))
    filters = (_Filter * len(instructions))(*(_Filter(*instruction) for instruction in instructions))
    program = _Program(len(instructions), filters)
    prctl(22, 2, ctypes.addressof(program))  # PR_SET_SECCOMP, mode FILTER


def _instructions(can_fork: bool) -> Iterator[Instruction]:
    machine, text = _MACHINES[platform.machine()]
    numbers = {name: int(number) for name, _, number in (word.partition("=") for word in text.split())}
    yield from ((_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _KILL_PROCESS))
    yield (_LOAD, 0, 0, _NUMBER)
    for name, number in numbers.items():
        if name in _MAKES_PROCESSES and not can_fork:
            continue
        verdict = list(_verdict(name))
        yield (_EQUAL, 0, len(verdict), number)
        yield from verdict
    yield (_RETURN, 0, 0, _FAIL | errno.EPERM)


def _verdict(name: str) -> Iterator[Instruction]:
    """What is done with one system call; every way through it ends in a return."""
    allow, refuse = (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _FAIL | errno.EPERM)
    if name == "clone3":  # its flags are in memory, where no filter can see them; libc then takes clone
        yield (_RETURN, 0, 0, _FAIL | errno.ENOSYS)
    elif name == "clone":
        yield from (_load_argument(0), (_ANY_BIT, 0, 1, _CLONE_REFUSED), refuse, allow)
    elif name == "ioctl":
        yield _load_argument(1)
        for request in _IOCTLS:
            yield from ((_EQUAL, 0, 1, request), allow)
        yield refuse
    elif name == "fcntl":
        yield from (_load_argument(1), (_EQUAL, 0, 1, _F_SETPIPE_SZ), refuse, allow)
    elif name == "prlimit64":  # reading limits, not setting them: the address of new ones is null
        for half in (0, 4):
            yield from (_load_argument(2, half), (_EQUAL, 1, 0, 0), refuse)
        yield allow
    else:
        yield allow


def _load_argument(index: int, half: int = 0) -> Instruction:
    """The low half of an argument, or with 4 the high one; both machines are little endian."""
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * index + half)
