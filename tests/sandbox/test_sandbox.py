"""What the sandbox gives back, how it compares values, and how it ends."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confined import LIMITS, Run, require_isolation, wait_for, watched

from engine.sandbox import Limits, Program, Result, Sandbox, printable, same
from engine.sandbox.canary import marked


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    require_isolation()
    with Sandbox(LIMITS, workers=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def run(sandbox: Sandbox) -> Run:
    return watched(sandbox)


def test_a_program_reads_computes_and_writes(run: Run) -> None:
    result = run("import sys\nprint(sum(map(int, sys.stdin.read().split())))", stdin="1 2\n3")
    assert (result.stdout, result.stderr, result.exit, result.reason, result.limit) == ("6\n", "", 0, "", "")
    assert not result.timed_out
    assert 0 < result.cpu_s < 0.5
    assert result.wall_s < 2


def test_the_library_is_there_and_installed_packages_are_not(run: Run) -> None:
    text = "import json, decimal, difflib, zipfile, argparse, statistics, asyncio\nimport numpy"
    assert run(text).reason == "ModuleNotFoundError: No module named 'numpy'"


def test_a_function_returns_values(run: Run) -> None:
    text = "def f(a, b=2):\n    print('noise')\n    return {'sum': a + b, 'pair': (a, None), 'half': b / 2}"
    result = run(text, function="f", inputs=[[1, 3], [1], ["x", "é\ud800"], [1, "x"], []])
    values = [returned.value for returned in result.returned]
    assert values[0] == {"sum": 4, "pair": [1, None], "half": 1.5}
    assert values[1] == {"sum": 3, "pair": [1, None], "half": 1.0}
    assert [returned.error.partition(":")[0] for returned in result.returned] == ["", ""] + ["TypeError"] * 3
    assert result.stdout == "noise\n" * 4


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("return {1, 2}", "TypeError: Object of type set is not JSON serializable"),
        ("return {1: 2}", "TypeError: a key that is no string cannot be returned"),
        ("return float('nan')", "ValueError: Out of range float values are not JSON compliant"),
        ("return 10 ** 5000", "ValueError: Exceeds the limit"),
        ("x = []\n    x.append(x)\n    return x", "RecursionError: maximum recursion depth exceeded"),
        ("x = 0\n    for _ in range(200): x = [x]\n    return x", "the value is nested too deeply"),
        ("return 'x' * 10 ** 6", "too much output"),
        ("return x", "NameError: name 'x' is not defined"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import os; os._exit(0)", "the program ended early"),
        (
            "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})",
            "an exception that cannot be told",
        ),
        ("raise ValueError('\\x1b[2J\\n\\u202e')", "ValueError: \\x1b[2J\\n\\u202e"),
        ("return [0] * 10 ** 9", "MemoryError: "),
        ("return f()", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_what_is_no_value_is_an_error(run: Run, body: str, error: str) -> None:
    (returned,) = run(f"def f():\n    {body}", function="f", inputs=[[]]).returned
    assert returned.value is None
    assert returned.error.startswith(error)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"value": NaN}', "no value"),
        ('{"value": 1e999}', "no value"),
        ('{"value": ' + "9" * 5000 + "}", "no value"),
        ("[" * 8000, "no value"),
        ('{"value": ' + '["]",' * 100 + "1" + "]" * 100 + "}", "the value is nested too deeply"),
        ('{"value": ' + '{"]":' * 100 + "1" + "}" * 100 + "}", "the value is nested too deeply"),
        ("\xff\xfe", "no value"),
        ("", "no value"),
        ("null", "no value"),
        ('{"value": 1, "error": ""}', ""),
        ('{"error": "\\u001b[31m"}', "\\x1b[31m"),
        ('{"error": {"a": []}}', "{'a': []}"),
    ],
)
def test_lines_forged_on_the_channel_are_read_without_trust(run: Run, line: str, error: str) -> None:
    data = line.encode("latin-1") + b"\n"
    text = f"import os\nos.write(3, {data!r})\ndef f(x): return x"
    first, second = run(text, function="f", inputs=[[1], [2]]).returned
    assert first.error.startswith(error)
    assert (second.value, second.error) == (1, "")  # what was forged stands for the first call


def test_forged_verdicts_are_values_like_any_other(run: Run) -> None:
    """Whatever the program does to its interpreter, it can only say what its function returned."""
    text = """
import builtins, json, os, sys
for module in list(sys.modules.values()):
    for name in ("same", "READY"):
        if hasattr(module, name): setattr(module, name, lambda *a: True)
json.dumps = lambda *a, **k: '{"value": true}'
builtins.isinstance = lambda *a: True
frame = sys._getframe()
while frame:
    frame.f_locals.update(score=1.0, verdict=True); frame = frame.f_back
print('{"value": 4}'); os.write(1, b'{"score": 1}'); sys.stderr.write("OK 1.0")
def f(x): return Everything()
class Everything:
    def __eq__(self, other): return True
"""
    result = run(text, function="f", inputs=[[1]])
    assert result.returned[0].value is True
    assert not same(result.returned[0].value, 4)


def test_randomness_and_hashes_are_the_same_every_time() -> None:
    require_isolation()
    text = "import random\nprint(hash('x'), hash(('a', 'b')), random.random(), {'b', 'a', 'c'})"
    with Sandbox(LIMITS, workers=1) as one, Sandbox(LIMITS, workers=1) as two:
        outputs = {box.run(Program(text)).stdout for box in (one, two, one)}
    assert len(outputs) == 1


def test_a_loop_in_a_function_leaves_the_answers_before_it(run: Run) -> None:
    result = run("def f(x):\n    while x == 2: pass\n    return x", function="f", inputs=[[1], [2], [3]])
    assert [returned.value for returned in result.returned] == [1, None, None]
    assert [returned.error for returned in result.returned] == ["", *["out of processor time"] * 2]


def test_output_is_raw_and_its_reason_printable(run: Run) -> None:
    text = """
import sys
print('\\x1b[2J\\x07', flush=True)
sys.stdout.buffer.write(b'\\xff\\x00')
sys.exit('\\x1b]0;x\\x07\\u202e')
"""
    result = run(text)
    assert result.stdout == "\x1b[2J\x07\n\ufffd\0"
    assert result.reason == "\\x1b]0;x\\x07\\u202e"


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "\ud800",
        "x = (",
        "(" * 10**5,
        "-" * 10**6 + "1",
        "x" * (3 << 20),
        "lambda: " * 10**5,
        "# coding: none\nx",
        "\f\n  x",
    ],
)
def test_texts_that_are_no_programs_fail(run: Run, text: str) -> None:
    result = run(text)
    assert result.exit not in (0, None)
    assert result.reason.isprintable()


def test_stdin_of_any_size_is_read_or_left(run: Run) -> None:
    big = "x" * (4 << 20)
    assert run("import sys; print(len(sys.stdin.read()))", stdin=big).stdout == f"{4 << 20}\n"
    assert run("print('done')", stdin=big).stdout == "done\n"
    assert run("import sys; print(ascii(sys.stdin.buffer.read()))", stdin="\0\ud800\r\n").stdout.startswith(
        "b'\\x00"
    )
    assert run("input()").reason == "EOFError: EOF when reading a line"


def test_exit_codes_and_last_words(run: Run) -> None:
    assert run("import sys; sys.exit(3)").exit == 3
    assert run("import os; os._exit(7)").exit == 7
    assert run("raise SystemExit('words')").reason == "words"
    assert run("import atexit\natexit.register(print, 'bye')\nprint('hi')").stdout == "hi\nbye\n"
    assert "line 2" in run("x = 1\n1 / 0").stderr


def test_many_programs_keep_their_order() -> None:
    require_isolation()
    programs = [Program("def f(x): return x * x", function="f", inputs=[[i]]) for i in range(24)]
    programs[5] = Program("import os; os.kill(1, 9); 1 / 0")
    with Sandbox(LIMITS, workers=3) as sandbox:
        results = sandbox.run_many(programs)
    assert [result.returned[0].value for i, result in enumerate(results) if i != 5] == [
        i * i for i in range(24) if i != 5
    ]
    assert results[5].reason == "ZeroDivisionError: division by zero"


def test_a_sandbox_serves_threads_and_survives_the_death_of_its_worker() -> None:
    require_isolation()
    with Sandbox(LIMITS, workers=2) as sandbox:
        results: list[Result] = []
        threads = [
            threading.Thread(target=lambda: results.append(sandbox.run(Program("print(1)"))))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [result.stdout for result in results] == ["1\n"] * 6
        for worker in {sandbox.mark() for _ in range(2)}:
            os.kill(min(marked(worker)), 9)
        results = [sandbox.run(Program("print(1)")) for _ in range(3)]
        assert {(result.exit, result.limit) for result in results} <= {(0, ""), (None, "lost")}
        assert results[2].stdout == "1\n"


def test_killing_the_worker_kills_the_program() -> None:
    require_isolation()
    with Sandbox(Limits(cpu_s=60, wall_s=60, processes=2, memory_mb=512), workers=1) as sandbox:
        mark = sandbox.mark()
        text = "import os\nos.fork()\nwhile True: pass"
        thread = threading.Thread(target=lambda: sandbox.run(Program(text)))
        thread.start()
        assert wait_for(lambda: len(marked(mark)) == 4)
        os.kill(min(marked(mark)), 9)
        thread.join(5)
        assert not thread.is_alive()
        assert wait_for(lambda: not marked(mark))


def test_limits_that_no_program_can_start_in_are_refused() -> None:
    with pytest.raises(ValueError, match="memory_mb is 100 for 3 processes; give 40 for each"):
        Limits(memory_mb=100, processes=3)
    require_isolation()
    with Sandbox(Limits(memory_mb=40), workers=1) as sandbox:
        assert sandbox.run(Program("import json, collections; print(1)")).stdout == "1\n"


def test_closing_leaves_no_process_and_no_file() -> None:
    require_isolation()
    descriptors = len(os.listdir("/proc/self/fd"))
    mounts = Path("/proc/self/mounts").read_text()
    sandbox = Sandbox(LIMITS, workers=1)
    mark = sandbox.mark()
    sandbox.run(Program("open('x', 'w').write('y')"))
    sandbox.close()
    assert marked(mark) == []
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert Path("/proc/self/mounts").read_text() == mounts


def test_a_forgotten_sandbox_ends_its_workers() -> None:
    require_isolation()
    sandbox = Sandbox(LIMITS, workers=1)
    mark = sandbox.mark()
    del sandbox
    assert marked(mark) == []


EQUAL = [
    *[(1, 1), (1, 1.0), (None, None), (0.1 + 0.2, 0.3), (10**400, 10**400), ([1, 2], (1, 2))],
    *[({"a": 1}, {"a": 1.0}), ([], []), ({}, {}), (True, True), (1e300, 1e300 + 1e285)],
]
DIFFERENT = [
    *[(True, 1), (1, True), (0, False), (0.31, 0.3), (10**400, 1.0), (2**53 + 1, 2**53), ("1", 1)],
    *[([1], [1, 2]), ([True], [1]), ({"a": 1}, {"b": 1}), ([], {}), ("", None), ([[1]], [[2]]), ([], "")],
]


@pytest.mark.parametrize(
    ("value", "expected", "equal"),
    [(*pair, True) for pair in EQUAL] + [(*pair, False) for pair in DIFFERENT],
)
def test_values_are_compared_strictly(value: object, expected: object, equal: bool) -> None:
    assert same(value, expected) is equal


def test_printable_text_moves_no_cursor() -> None:
    assert printable("a\x1b[2J\r\n\u202eé") == "a\\x1b[2J\\r\\n\\u202eé"
    assert len(printable("\x1b" * 1000)) == 300
