"""No process of an engine outlives the arena, whichever way that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine_games import fake, running

from engine.arena.client.error import EngineError
from engine.arena.client.process import EngineProcess
from engine.player.spec import parse_spec


def wait_until(is_there: bool, *texts: str) -> None:
    """Until there is a process with all of these in its command line, or none; the arena names it too."""
    deadline = time.monotonic() + 60
    while True:
        found = [
            line for line in running(texts[0]) if all(text in line for text in texts) and "name=" not in line
        ]
        if bool(found) == is_there:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(("fault", "program"), [("family", "sleep"), ("hang", "fake_engine.py")])
def test_engines_end_with_the_arena(number: signal.Signals, fault: str, program: str) -> None:
    seconds = f"43{number:03}.{os.getpid()}"
    words = ["arena", fake("json", fault, seconds), "mcts:3000", "--games", "4000", "--threads", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as arena:
        wait_until(True, program, seconds)
        arena.send_signal(number)
        _, errors = arena.communicate(timeout=60)
    assert arena.returncode == (130 if number == signal.SIGINT else -number)
    assert b"Traceback" not in errors
    wait_until(False, seconds)


def test_a_process_says_how_it_ended() -> None:
    process = EngineProcess([sys.executable, "-c", "import sys; sys.stderr.write('so long'); sys.exit(5)"])
    with pytest.raises(EngineError, match=r"crash: ended with exit code 5; it said 'so long'"):
        process.receive(time.monotonic() + 60)
    process.close()


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    path = tmp_path / "engine"
    path.write_text("no program")
    path.chmod(0o755)
    process = EngineProcess([str(path)])
    with pytest.raises(EngineError, match=r"ended with exit code 127; it said .*Exec format error"):
        process.receive(time.monotonic() + 60)
    process.close()


def test_lines_and_their_ends() -> None:
    code = "import os; os.write(1, b'one\\r\\ntwo\\n\\xff\\n'); os.write(1, b'last')"
    process = EngineProcess([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    assert [process.receive(deadline) for _ in range(4)] == [
        "one",
        "two",
        "\N{REPLACEMENT CHARACTER}",
        "last",
    ]
    with pytest.raises(EngineError, match="ended with exit code 0"):
        process.receive(deadline)
    process.close()


def test_an_engine_that_does_not_read_is_not_waited_for() -> None:
    process = EngineProcess(["sleep", "4321.75"])
    with pytest.raises(EngineError, match="hang"):
        process.send("x" * (1 << 20), time.monotonic() + 0.5)
    process.close("quit", grace_s=0.2)
    assert not running("sleep 4321.75")


def test_an_engine_that_writes_much_to_stderr_is_heard() -> None:
    code = "import sys; sys.stderr.write('noise\\n' * 200_000); sys.stderr.flush(); print(input())"
    process = EngineProcess([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    process.send("hello", deadline)
    assert process.receive(deadline) == "hello"
    process.close()


def test_a_command_is_no_shell_script(tmp_path: Path) -> None:
    path = tmp_path / "engine"
    path.write_text(f"#!{sys.executable}\nimport sys; print(sys.argv[1:])\n")
    path.chmod(0o755)
    process = EngineProcess(parse_spec(f"json:{path} 'a b; c' $HOME * `id` > x").words)
    assert process.receive(time.monotonic() + 60) == "['a b; c', '$HOME', '*', '`id`', '>', 'x']"
    process.close()
