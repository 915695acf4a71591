"""The task `python`: every kind of function, right and wrong bodies, and what its sandbox is asked."""

import random
import subprocess
import sys

import pytest
from confined import require_isolation

from engine.errors import UserError
from engine.language.task import Prompt
from games.text.python import HIDDEN, Python, _read
from games.text.python_kinds import KINDS, Kind, draw


@pytest.fixture(scope="module")
def task() -> Python:
    require_isolation()
    return Python()


def one(task: Python, kind: str) -> Prompt:
    return next(p for p in task.prompts("train", 500, 0) if p.key.startswith(f'["{kind}"'))


def test_there_are_many_kinds_in_every_split() -> None:
    assert len(KINDS) >= 20
    task = Python()
    for split in ("train", "test"):
        assert len({_read(prompt)[0] for prompt in task.prompts(split, 2000, 1)}) == len(KINDS)  # type: ignore[arg-type]
    assert {_read(p)[0].area for p in Python(area="string").prompts("train", 99, 0)} == {"string"}


def test_a_prompt_shows_examples_and_no_hidden_test(task: Python) -> None:
    prompt = task.prompts("test", 1, 0)[0]
    lines = prompt.text.split("\n")
    assert lines[0].startswith("# Return ")
    assert [line.startswith("# f(") for line in lines[1:3]] == [True, True]
    assert lines[3:] == [f"def f({', '.join(_read(prompt)[0].arguments)}):", ""]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_words_code_and_function_of_a_kind_agree(task: Python, kind: Kind) -> None:
    pairs = [(d.prompt, d.completion) for d in task.demonstrations(1000, 0) if _read(d.prompt)[0] is kind]
    sample = random.Random(0).sample(pairs, 3)
    assert [result.score for result in task.verify_all(sample)] == [1] * 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_hidden_tests_tell_parameters_apart(kind: Kind) -> None:
    """A function with other parameters of the same kind passes them by chance in one case of 50 at most."""
    source = random.Random(0)
    passed = 0
    for _ in range(300):
        right, wrong = source.sample(list(kind.parameters), 2)
        tests = [draw(kind, right, source) for _ in range(HIDDEN)]
        passed += all(kind.function(*right, *test) == kind.function(*wrong, *test) for test in tests)
    assert passed <= 6


def test_hidden_tests_tell_what_examples_cannot(task: Python) -> None:
    prompt = one(task, "add")
    table = dict(line[4:].split(") == ") for line in prompt.text.split("\n")[1:3])
    body = f"    return {{{', '.join(f'{a}: {b}' for a, b in table.items())}}}.get(x, 0)\n"
    weak = task.weak_verify(prompt, body)
    assert weak is not None
    assert weak.score == 1
    assert task.verify(prompt, body).score == 0
    assert 0 <= Python(graded=True).verify(prompt, body).score < 1


def test_forms_of_a_completion(task: Python) -> None:
    prompt = one(task, "add")
    body = next(d.completion for d in task.demonstrations(500, 0) if d.prompt == prompt)
    expression = body.strip().removeprefix("return ")
    for good in (
        body,
        f"    y = {expression}\n\n    return y\n",
        f"  return {expression}",
        f"def f(x):\n    return {expression}\n",
        f"import math\n\ndef f(x): return math.floor({expression})",
        f"    print('noise'); return {expression}\n\nprint('more')\n",
        f"    return float({expression})\n",
    ):
        assert task.verify(prompt, good).score == 1, good
    for bad, reason in (
        ("", "not run"),
        ("    pass", "another value"),
        (f"    return str({expression})", "another value"),
        ("return 1", "IndentationError: expected an indented block after function definition on line 1"),
        ("    return x +", "SyntaxError: invalid syntax"),
        ("    return 1 / 0", "ZeroDivisionError: division by zero"),
        ("    while True: pass", "too much time"),
        ("    return 9**9**9**9", "too much time"),
        ("    import os; os._exit(0)", "the program ended early"),
        ("    return [x] * 10**9", "MemoryError: "),
        ("def g(x): return 1", "there is no function f"),
        ("x" * 601, "not run"),
    ):
        result = task.verify(prompt, bad)
        assert (result.score, result.reason) == (0, reason), bad
    assert "timeout" in task.verify(prompt, "    while True: pass").flags


def test_behaviour_groups_completions_that_do_the_same(task: Python) -> None:
    prompt = one(task, "total")
    same = (
        task.behaviour(prompt, "    return sum(v)"),
        task.behaviour(prompt, "    t = 0\n    for i in v: t += i\n    return t"),
    )
    assert same[0] == same[1] is not None
    assert task.behaviour(prompt, "    return len(v)") != same[0]
    assert task.behaviour(prompt, "    return x") is None
    assert task.behaviour(prompt, "") is None


def test_variations_are_the_same_problem_in_another_dress(task: Python) -> None:
    prompts = task.prompts("test", 20, 0)
    varied = task.variations(prompts, 1)
    assert [v.key for v in varied] == [p.key for p in prompts]
    assert all(
        v.text != p.text and v.text.split("\n")[0] == p.text.split("\n")[0]
        for v, p in zip(varied, prompts, strict=True)
    )
    body = {d.prompt.key: d.completion for d in task.demonstrations(999, 0)}
    train = task.variations(task.prompts("train", 20, 0), 2)
    assert {result.score for result in task.verify_all([(v, body[v.key]) for v in train])} == {1}
    weak = [task.weak_verify(v, body[v.key]) for v in train[:3]]
    assert all(result and result.score == 1 for result in weak)


def test_arguments_are_often_where_parameters_matter() -> None:
    source = random.Random(0)
    kind = next(kind for kind in KINDS if kind.name == "above")
    near = [abs(i - 5) <= 1 for _ in range(200) for i in draw(kind, (5,), source)[0]]
    assert sum(near) > len(near) / 5


def test_a_prompt_of_another_task_is_refused(task: Python) -> None:
    with pytest.raises(UserError, match="none of the task 'python'"):
        task.verify(Prompt("x", "x", "x"), "    return 1")


def test_the_import_is_cheap() -> None:
    code = "import sys; before = set(sys.modules); import games.text.python as p; p.Python()\n"
    code += "print({'engine.sandbox', 'pydantic', 'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
