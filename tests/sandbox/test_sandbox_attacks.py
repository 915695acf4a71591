"""Programs that mean harm, and what is left of the machine after them."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from confined import LIMITS, SEVERAL, Run, require_isolation, watched

from engine.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    require_isolation()
    with Sandbox(LIMITS, workers=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def run(sandbox: Sandbox) -> Run:
    return watched(sandbox)


def test_the_environment_and_the_command_line_tell_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_SECRET", "canary")
    text = "import os, sys\nprint(dict(os.environ), sys.argv, os.uname().nodename, sys.path)"
    folders = [f"/python/{index}" for index in range(2)]
    assert run(text).stdout == f"{{}} ['program.py'] sandbox {folders}\n"


def test_infinite_loops_end_by_processor_time(run: Run) -> None:
    result = run("while True: pass")
    assert (result.limit, result.timed_out, result.reason) == ("cpu", True, "out of processor time")
    assert 0.4 <= result.cpu_s < 0.9
    assert run("9**9**9**9").limit == "cpu"


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.sleep(60)",
        "import os; [os.close(fd) for fd in range(64) if fd > 4 or not os.close(fd)]",
        "import os, time\nfor fd in range(4): os.close(fd)\ntime.sleep(60)",
        "import signal, time\nfor n in range(1, 65):\n"
        "    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ntime.sleep(60)",
        "import os; r, w = os.pipe(); os.read(r, 1)",
        "import atexit, time; atexit.register(time.sleep, 60)",
        "import signal; signal.pause()",
        "import sys; sys.stdout = None\nclass D:\n    def __del__(self):\n        while True: pass\nD()",
    ],
)
def test_waiting_ends_by_the_wall_clock(run: Run, text: str) -> None:
    limits = LIMITS.model_copy(update={"wall_s": 0.4, "cpu_s": 0.2})
    assert run(text, limits).limit in ("wall", "cpu", "")


@pytest.mark.parametrize(
    "text",
    [
        "x = bytearray(10 << 30)",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        "import mmap; mmap.mmap(-1, 10 << 30)",
        "x = 'a' * (1 << 26)\nwhile True: x += x",
    ],
)
def test_memory_is_bounded(run: Run, text: str) -> None:
    result = run(text)
    assert result.exit == 1
    assert "MemoryError" in result.stderr or "Cannot allocate memory" in result.stderr


def test_deep_recursion_kills_the_program_alone(run: Run) -> None:
    text = "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x): return sorted([x], key=f)\nf(1)"
    assert run(text, LIMITS.model_copy(update={"cpu_s": 5})).exit == -11
    assert run(text.replace("sorted([x], key=f)", "f(x)"), LIMITS).exit in (1, -9)
    assert run("import ctypes; ctypes.string_at(0)").reason == "killed by signal 11"
    assert run("import os; os.abort()").exit in (-6, -11)


@pytest.mark.parametrize("stream", [1, 2, 3])
def test_floods_are_cut(run: Run, stream: int) -> None:
    result = run(f"import os\nwhile True: os.write({stream}, b'x' * 65536)")
    assert (result.limit, result.exit) == ("output", -9)
    assert max(len(result.stdout), len(result.stderr)) <= 16 << 10


def test_processes_and_threads_cannot_be_started(run: Run) -> None:
    for text in (
        "import os; os.fork()",
        "import threading; threading.Thread(target=print).start()",
        "import subprocess, sys; subprocess.run(['/bin/true'])",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import multiprocessing; multiprocessing.Process(target=print).start()",
        "import os; os.execv('/python/0/x', ['x'])",
    ):
        assert run(text).exit == 1, text


FORK_BOMB = """
import os
while True:
    try: os.fork()
    except OSError: pass
"""
SLEEPERS = """
import os, time
while True:
    try:
        if not os.fork(): os.setsid(); time.sleep(60)
    except OSError: break
"""
THREADS = """
import threading, time
while True:
    try: threading.Thread(target=time.sleep, args=(60,)).start()
    except RuntimeError: break
"""
KILLER_OF_CHILDREN = """
import os, signal
if not os.fork(): signal.pause()
for pid in (-1, 0, 1): os.kill(pid, 9)
"""
KILLER_OF_PARENTS = """
import os
if not os.fork():
    for pid in (os.getppid(), -1, 0): os.kill(pid, 9)
    os._exit(0)
os.wait()
"""
DAEMON = """
import os
if not os.fork():
    os.setsid()
    if not os.fork():
        while True: pass
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize(
    "text", [FORK_BOMB, SLEEPERS, THREADS, KILLER_OF_CHILDREN, KILLER_OF_PARENTS, DAEMON]
)
def test_nothing_that_several_processes_do_outlives_the_program(run: Run, text: str) -> None:
    result = run(text, SEVERAL.model_copy(update={"wall_s": 1}))
    assert result.limit in ("", "cpu", "wall")


def test_processes_are_bounded_together(run: Run) -> None:
    text = """
import os, sys
count = 0
try:
    while True:
        if os.fork() == 0:
            sys.stdin.read(1); import time; time.sleep(5); os._exit(0)
        count += 1
except OSError:
    print(count)
"""
    assert run(text, SEVERAL).stdout == "3\n"


def test_memory_is_shared_out_among_processes(run: Run) -> None:
    text = "x = bytearray(200 << 20)"
    assert "MemoryError" in run(text, SEVERAL).stderr
    assert run(text, LIMITS.model_copy(update={"memory_mb": 512})).exit == 0


def test_files_are_few_small_and_gone_afterwards(run: Run) -> None:
    assert run("open('/tmp/a', 'w').write('x'); print(open('a').read())").stdout == "x\n"
    assert run("import os; print(os.listdir('.'))").stdout == "[]\n"
    count = "import os\nn = 0\ntry:\n    while n < 999: {}; n += 1\nexcept OSError: print(n)"
    assert 20 <= int(run(count.format("open(str(n), 'w').close()")).stdout) < 32
    assert 20 <= int(run(count.format("os.symlink('/' + 'x' * 4000, str(n))")).stdout) < 32
    assert 16 <= int(run("f = open('x', 'wb', 0)\n" + count.format("f.write(bytes(1 << 16))")).stdout) <= 32


def test_files_of_the_machine_are_out_of_reach(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "canary"
    path.write_text("canary")
    path.chmod(0o666)
    text = f"""
import os
found = []
paths = [{str(path)!r}, "/etc/passwd", "/proc/self/mem", "/proc/1/environ", "/proc/self/root", "/dev/null",
    "/sys", "/python/../etc", "/..", "../../..{path}", "/dev/mem", "/home", "/root"]
for target in paths:
    os.path.islink("link") and os.unlink("link")
    os.symlink(target, "link")
    for way in (target, "link"):
        try: open(way).read(); found.append(way)
        except OSError: pass
        try: open(way, "w").write("x"); found.append(way)
        except OSError: pass
        if target != "/..":
            try: found += os.listdir(way)
            except OSError: pass
for folder in ("/", "/python", "/python/0", "/python/1", "/python/0/json"):
    try: open(folder + "/x", "w"); found.append(folder)
    except OSError: pass
packages = "/python/0/site-packages"  # which Debian's Python does not have
print(found, sorted(os.listdir("/..")), os.listdir(packages) if os.path.isdir(packages) else [])
"""
    assert run(text).stdout == "[] ['python', 'tmp'] []\n"
    assert path.read_text() == "canary"


def test_the_network_is_out_of_reach(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        text = f"""
import socket
made = []
for family in range(0, 46):
    for kind in (1, 2, 3, 5):
        try: made.append(socket.socket(family, kind))
        except OSError: pass
try: made += socket.socketpair()
except OSError: pass
try: made.append(socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 1))
except OSError: pass
print(made)
"""
        assert run(text).stdout == "[]\n"
        with pytest.raises(BlockingIOError):
            server.accept()


SYSTEM_CALLS = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
number = {numbers}
done = []
for name, (call, *arguments) in number.items():
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(call), *[ctypes.c_long(a) for a in arguments]) != -1 or (
        ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS)):
        done.append((name, errno.errorcode.get(ctypes.get_errno())))
print(done)
"""
X86_64 = """
ptrace:101,0,0,0,0 process_vm_readv:310,1,0,0,0,0,0 process_vm_writev:311,1,0,0,0,0,0 mount:165,0,0,0,0,0
umount2:166,0,2 pivot_root:155,0,0 chroot:161,0 unshare:272,268435456 setns:308,0,0
clone-user:56,268435473,0,0,0,0 clone:56,17,0,0,0,0 fork:57 vfork:58 clone3:435,0,88 io_uring_setup:425,1,0
userfaultfd:323,1 keyctl:250,0,0 add_key:248,0,0,0,0,0 bpf:321,0,0,0 perf_event_open:298,0,0,0,0,0
memfd_create:319,0,0 shmget:29,0,4096,896 msgget:68,0,896 semget:64,0,1,896 mq_open:240,0,0,0,0
socket:41,2,1,0 socketpair:53,1,1,0,0 execve:59,0,0,0 execveat:322,0,0,0,0,0 setuid:105,0
setresuid:117,0,0,0 setgroups:116,0,0 capset:126,0,0 prctl:157,4,1 seccomp:317,1,0,0 personality:135,0
setrlimit:160,9,0 prlimit:302,0,9,1,0 kexec_load:246,0,0,0,0 init_module:175,0,0,0 reboot:169,0,0,0,0
open_by_handle_at:304,0,0,0 name_to_handle_at:303,0,0,0,0,0 open_tree:428,0,0,0 move_mount:429,0,0,0,0,0
fsopen:430,0,0 pidfd_open:434,1,0 pidfd_getfd:438,0,0,0 mount_setattr:442,0,0,0,0,0 landlock:444,0,0,1
sethostname:170,0,0 settimeofday:164,0,0 inotify_init:253 epoll_create:213,1 timer_create:222,0,0,0
F_SETPIPE_SZ:72,1,1031,1048576 TIOCSTI:16,0,21522,0 vmsplice:278,1,0,0,0 swapon:167,0,0 mlock:149,0,1
x32-getpid:1073741863 modify_ldt:154,0,0,0 iopl:172,3 sched_setscheduler:144,0,0,0 mknod:133,0,0,0
"""  # name:number,arguments


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls are those of x86_64")
@pytest.mark.parametrize("processes", [1, 4])
def test_dangerous_system_calls_are_refused(run: Run, processes: int) -> None:
    calls = {}
    for word in X86_64.split():
        name, _, numbers = word.partition(":")
        if processes == 1 or name not in ("clone", "fork", "vfork"):
            calls[name] = [int(number) for number in numbers.split(",")]
    assert len(calls) > 50
    limits = LIMITS.model_copy(update={"processes": processes, "memory_mb": 512})
    assert run(SYSTEM_CALLS.format(numbers=calls), limits).stdout == "[]\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code is that of x86_64")
def test_system_calls_of_another_mode_kill(run: Run) -> None:
    """int 0x80 enters the kernel as a 32-bit program, whose numbers are others."""
    text = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))())
"""
    assert (run(text).exit, run(text).stdout) == (-31, "")


def test_other_processes_are_invisible(run: Run) -> None:
    text = f"""
import os
seen = []
for pid in [{os.getpid()}, {os.getppid()}, *range(2, 5000)]:
    try: os.kill(pid, 9); seen.append(pid)
    except ProcessLookupError: pass
    except OSError: seen.append(pid)
os.kill(1, 9)
print(seen, os.getpid(), os.getppid(), os.getuid(), os.getgid(), os.getgroups())
"""
    assert run(text).stdout == "[] 1 0 65534 65534 [65534]\n" if os.geteuid() else "[] 1 0 65534 65534 []\n"
