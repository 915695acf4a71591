"""Every registered task keeps the laws, on every machine alike, and a task that breaks one is found."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from confined import missing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.game.laws import LawError
from engine.language.problem.task_laws import check_task
from engine.language.problem.task_registry import load_task, task_names
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of, text_flags

OTHERS = [
    "countdown:numbers=4,max_number=20",
    "countdown:numbers=5,max_number=9",
    "countdown:numbers=6,max_number=100",
    "countdown:demonstrations=solver,graded=true",
]
SANDBOXED = {"python"}
NAMES = [name for name in task_names() if name not in SANDBOXED or not missing()]
LOADED = {spec: load_task(spec) for spec in [*NAMES, *OTHERS]}
PROMPTS = {spec: task.prompts("test", 1, 0)[0] for spec, task in LOADED.items()}


@pytest.mark.parametrize("spec", LOADED)
def test_tasks_keep_the_laws(spec: str) -> None:
    assert check_task(LOADED[spec], count=20 if spec in task_names() else 4, seed=1) > 60


@pytest.mark.parametrize("spec", LOADED)
def test_a_task_is_named_as_it_is_loaded(spec: str) -> None:
    assert LOADED[spec].name == spec
    again = load_task(LOADED[spec].name)
    assert again.prompts("test", 5, 3) == LOADED[spec].prompts("test", 5, 3)


PRINT = """
import hashlib, sys
from engine.language.problem.task_registry import load_task
for spec in sys.argv[1:]:
    task = load_task(spec)
    made = [task.prompts(split, 20, 7) for split in ("train", "validation", "test")]
    made += [task.demonstrations(20, 7), task.variations(made[2], 7), task.harder(made[2], 7)]
    verdicts = [task.verify(d.prompt, d.completion) for d in made[3]]
    hints = [task.hint(prompt) for prompt in made[2]]
    print(hashlib.sha256(repr((made, verdicts, hints)).encode()).hexdigest())
"""


def test_problems_are_the_same_in_every_process() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PRINT, *NAMES],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0].split())) == len(NAMES)


@pytest.mark.parametrize("spec", LOADED)
@settings(max_examples=60)
@given(text=st.text(max_size=80), data=st.data())
def test_a_verifier_judges_any_text(spec: str, text: str, data: st.DataObject) -> None:
    task = LOADED[spec]
    prompt = PROMPTS[spec]
    letters = st.text(alphabet=task.alphabet or "ab;", max_size=60)
    for completion in (text, data.draw(letters)):
        result = task.verify(prompt, completion)
        assert 0 <= result.score <= 1
        assert "".join(task.steps(completion)) == completion
        assert task.player(prompt, completion) in range(task.num_players)
        task.is_complete(prompt, completion)
        task.legal_steps(prompt, completion)
        task.leaks(prompt, completion)
        task.weak_verify(prompt, completion)
        task.behaviour(prompt, completion)


@pytest.mark.parametrize("spec", LOADED)
def test_a_long_text_takes_no_longer_than_its_length(spec: str) -> None:
    task = LOADED[spec]
    prompt = PROMPTS[spec]
    demonstrations = task.demonstrations(1, 0)
    own = demonstrations[0].completion if demonstrations else "1;"
    for text in (
        "9" * 1_000_000,
        own * (1_000_000 // len(own)),
        ";" * 1_000_000,
        "1+" * 500_000,
        "(" * 1_000_000,
    ):
        before = time.perf_counter()
        assert task.verify(prompt, text).score < 1 or task.num_players == 2
        assert task.player(prompt, text) in (0, 1)
        assert time.perf_counter() - before < 2.0


class Sums(Task):
    """Add two digits; each fault breaks one law."""

    name = "sums"
    alphabet = "0123456789+=;\n"

    def __init__(self, **faults: Any) -> None:
        for name, fault in faults.items():
            setattr(self, name, fault)

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        del seed
        keys = [f"{a}+{b}" for a in range(10) for b in range(10)]
        mine = [key for key in keys if split_of(key) == split]
        return [Prompt(id=key, text=f"{key}=", key=key) for key in mine[:count]]

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        return [Demonstration(prompt, self.answer(prompt)) for prompt in self.prompts("train", count, seed)]

    def answer(self, prompt: Prompt) -> str:
        return str(int(prompt.key[0]) + int(prompt.key[2]))

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        right = completion == self.answer(prompt)
        return VerifyResult(float(right), completion if right else "")

    def solutions(self, prompt: Prompt) -> frozenset[str]:
        return frozenset([self.answer(prompt)])


def test_the_stand_in_itself_keeps_the_laws() -> None:
    assert check_task(Sums()) > 100


def verdict(**fields: Any) -> Any:
    return lambda *_: VerifyResult(**{"score": 1.0, **fields})


def first_prompts(split: Split, count: int, seed: int) -> list[Prompt]:
    del split
    return Sums().prompts("train", count, seed)


def turned_prompts(split: Split, count: int, seed: int) -> list[Prompt]:
    return Sums().prompts(split, count, seed)[::-1]


def same_prompts(split: Split, count: int, seed: int) -> list[Prompt]:
    return Sums().prompts(split, 1, seed) * count


def same_variations(prompts: Sequence[Prompt], seed: int) -> Sequence[Prompt]:
    del seed
    return prompts


@pytest.mark.parametrize(
    ("faults", "law"),
    [
        ({"name": ""}, "has a name"),
        ({"max_tokens": 0}, "limits of tokens"),
        ({"max_tokens": 2}, "fits max_tokens"),
        ({"num_players": 3}, "players"),
        ({"alphabet": "01"}, "alphabet"),
        ({"prompts": first_prompts}, "key belongs to its split"),
        ({"prompts": turned_prompts}, "fewer problems come first"),
        ({"prompts": same_prompts}, "problems of a split differ"),
        ({"verify": verdict(score=1.5)}, "score is in"),
        ({"verify": verdict(score=float("nan"))}, "score is in"),
        ({"verify": verdict(score=0.0)}, "demonstrations are right"),
        ({"verify": verdict(kind="self")}, "kind is of the task"),
        ({"verify": lambda *_: True}, "VerifyResult"),
        (
            {"verify": lambda *_: VerifyResult(1 / 0)},
            r"no method raises: .*ZeroDivisionError.*test_tasks.py:\d+",
        ),
        ({"steps": lambda completion: completion.split()}, "steps joined"),
        ({"solutions": lambda _: frozenset(["3"])}, "solutions"),
        ({"variations": same_variations}, "variations are other problems"),
        (
            {"demonstrations": lambda *_: [Demonstration(Sums().prompts("test", 1, 0)[0], "1")]},
            "training split",
        ),
        ({"legal_steps": lambda *_: []}, "legal steps"),
        ({"player": lambda *_: 1}, "player is"),
        ({"hint": lambda _: ""}, "hint"),
    ],
)
def test_a_broken_task_is_found(faults: dict[str, Any], law: str) -> None:
    with pytest.raises(LawError, match=law):
        check_task(Sums(**faults))


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("3+4=7;", ()),
        ("", ("empty",)),
        (" \n ", ("empty",)),
        ("9**9=1;", ("power",)),
        ("1+1=2;1+1=2;1+1=2;", ("loop",)),
        ("1+1=2;1+1=2;", ()),
        ("1+1=2;" * 20, ("overlong", "loop")),
    ],
)
def test_degenerate_text_is_flagged(text: str, flags: tuple[str, ...]) -> None:
    assert text_flags(text, ";", 100) == flags


def test_the_task_of_the_guide_keeps_the_laws() -> None:
    guide = (Path(__file__).resolve().parents[3] / "games" / "README.md").read_text(encoding="utf-8")
    source = guide.split("## Text tasks")[1].split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {
        "Task": Task,
        "Prompt": Prompt,
        "VerifyResult": VerifyResult,
        "split_of": split_of,
    }
    exec(source, names)
    assert check_task(names["MyTask"]()) > 40
