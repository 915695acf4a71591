"""Every option and preset of a game and of a text task does something."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import _core
from engine.config import build_config
from engine.language.problem.jsonl_task import JsonlTask
from engine.language.problem.task_registry import load_task, task_names, task_option_names, task_preset
from engine.language.settings import TextConfig
from engine.language.task import Task
from engine.registry import game_names, load_game, option_names, position_text, preset


def walks(spec: str, games: int = 40) -> list[Any]:
    """What some games of random play show of the rules: moves, results, planes, scores."""
    game = load_game(spec)
    shown: list[Any] = [game.planes_shape, game.num_actions, position_text(game, game.initial())]
    for seed in range(games):
        moves = _core.rollout_moves(game, seed, min(game.max_plies, 600))
        state = game.initial()
        for move in moves:
            state.play(move)
        told = game.describe(state) if hasattr(game, "describe") else None
        shown.append((list(moves), state.outcome(), state.text(), told))
    return shown


IN_GAMES = {
    "chess.draws": ("chess", "chess:draws=fide"),
    "chess.history": ("chess", "chess:history=3"),
    "chess.max_plies": ("chess:max_plies=10", "chess:max_plies=30"),
    "chess960.start": ("chess960", "chess960:start=7"),
    "chess960.draws": ("chess960", "chess960:draws=fide"),
    "chess960.history": ("chess960", "chess960:history=3"),
    "chess960.max_plies": ("chess960:max_plies=10", "chess960:max_plies=30"),
    "gardner.draws": ("gardner", "gardner:draws=fide"),
    "gardner.history": ("gardner", "gardner:history=3"),
    "gardner.max_plies": ("gardner:max_plies=10", "gardner:max_plies=30"),
    "go.size": ("go:size=3", "go:size=4"),
    "go.rules": ("go:size=3", "go:size=3,rules=chinese"),
    "go.ko": ("go:size=2,ko=simple", "go:size=2,ko=positional"),
    "go.suicide": ("go:size=3,suicide=true", "go:size=3,suicide=false"),
    "go.scoring": ("go:size=3,scoring=area", "go:size=3,scoring=territory"),
    "go.komi": ("go:size=3,komi=0", "go:size=3,komi=4.5"),
    "go.handicap_bonus": (
        "go:size=5,handicap=A1+B2,handicap_bonus=none",
        "go:size=5,handicap=A1+B2,handicap_bonus=stones",
    ),
    "go.handicap": ("go:size=5", "go:size=5,handicap=A1+B2"),
    "go.max_plies": ("go:size=3,max_plies=4", "go:size=3,max_plies=9"),
    "go.resumptions": ("go:size=2", "go:size=2,resumptions=3"),
    "nim.heaps": ("nim", "nim:heaps=2-3"),
}
"""Two names that differ in the option alone."""


def test_every_option_of_every_game_is_here() -> None:
    assert {f"{game}.{name}" for game in game_names() for name in option_names(game)} == set(IN_GAMES)


@pytest.mark.parametrize("option", IN_GAMES)
def test_an_option_changes_the_game(option: str) -> None:
    one, other = IN_GAMES[option]
    assert walks(one) != walks(other)


GAME_PRESETS = [(game, name) for game in game_names() for name in getattr(load_game(game), "presets", {})]


@pytest.mark.parametrize(("game", "name"), GAME_PRESETS)
def test_a_preset_of_a_game_changes_settings_and_differs_from_others(game: str, name: str) -> None:
    rules = load_game(game)
    settings = build_config(preset(rules, name)).model_dump()
    others = [build_config()] + [
        build_config(preset(rules, each))
        for g, each in GAME_PRESETS
        if (g, each) != (game, name) and g == game
    ]
    assert all(settings != other.model_dump() for other in others)


def judged(task: Task, *texts: str) -> list[Any]:
    """What a task shows: problems, real data, verdicts of its own solutions and of `texts`."""
    prompts, real = task.prompts("train", 30, 1), task.demonstrations(30, 1)
    try:
        task.prepare()
        pairs = [(each.prompt, each.completion) for each in real[:8]] + [(prompts[0], text) for text in texts]
        verdicts = task.verify_all(pairs)
    finally:
        close = getattr(task, "close", None)
        if close is not None:
            close()
    return [prompts, real, [(v.score, v.parsed) for v in verdicts], task.max_tokens, task.alphabet]


IN_TASKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "addition.digits": ("addition", "addition:digits=3", ()),
    "addition.scratchpad": ("addition", "addition:scratchpad=false", ()),
    "addition.strict": (
        "addition:digits=1",
        "addition:digits=1,strict=false",
        ("", "1", "12", "5;12", "5;7"),
    ),
    "addition.demonstrated": ("addition", "addition:demonstrated=1", ()),
    "addition.hinted": ("addition", "addition:hinted=2", ()),
    "chat.faults": ("chat", "chat:faults=0.3", ()),
    "countdown.numbers": ("countdown", "countdown:numbers=4", ()),
    "countdown.max_number": ("countdown", "countdown:max_number=9", ()),
    "countdown.max_target": ("countdown", "countdown:max_target=20", ()),
    "countdown.demonstrations": ("countdown", "countdown:demonstrations=solver", ()),
    "grammar.words": ("grammar", "grammar:words=200", ()),
    "grammar.sentences": ("grammar:sentences=150", "grammar:sentences=200", ()),
    "grammar.zipf": ("grammar", "grammar:zipf=0", ()),
    "nim.heaps": ("nim", "nim:heaps=2-3", ()),
    "nim.opening_plies": ("nim", "nim:opening_plies=1", ()),
    "program.steps": ("program:steps=1", "program:steps=2", ()),
    "program.examples": ("program:steps=1", "program:steps=1,examples=1", ()),
    "python.area": ("python:area=list", "python:area=string", ()),
    "textgame.game": ("textgame", "textgame:game=tictactoe", ()),
    "textgame.opening_plies": ("textgame", "textgame:opening_plies=1", ()),
    "tictactoe.opening_plies": ("tictactoe", "tictactoe:opening_plies=1", ()),
}
"""Two names that differ in the option alone, and completions whose verdicts tell them apart."""


def test_every_option_of_every_task_is_here() -> None:
    options = {f"{task}.{name}" for task in task_names() for name in task_option_names(task)}
    assert options == {*IN_TASKS, *VERDICTS}


@pytest.mark.parametrize("option", IN_TASKS)
def test_an_option_changes_the_task(option: str) -> None:
    one, other, texts = IN_TASKS[option]
    shown = [judged(load_task(spec), *texts) for spec in (one, other)]
    assert shown[0] != shown[1]


def near_miss(task: Task) -> float:
    """The score of a completion that uses all numbers and misses the target."""
    found: dict[str, list[Any]] = {}
    for each in task.demonstrations(400, 1):
        numbers = found.setdefault(each.prompt.key, [])
        for other in numbers:
            if other.prompt.text != each.prompt.text:
                return task.verify(each.prompt, other.completion).score
        numbers.append(each)
    raise AssertionError("no two problems of the same numbers")


def good_start(task: Task) -> float:
    """The score of a completion that takes the first of two right steps and no other."""
    real = task.demonstrations(1, 0)[0]
    return task.verify(real.prompt, task.steps(real.completion)[0]).score


def constant(task: Task) -> set[float]:
    """The scores of functions that return the same whatever they are asked."""
    pairs = [
        (prompt, f"    return {value}\n") for prompt in task.prompts("train", 12, 0) for value in (0, True)
    ]
    return {verdict.score for verdict in task.verify_all(pairs)} - {0.0, 1.0}


def laborious(task: Task) -> float:
    """The score of a right function that counts to a million first."""
    real = task.demonstrations(1, 0)[0]
    return task.verify(real.prompt, f"    for _ in range(10**6): pass\n{real.completion}").score


VERDICTS: dict[str, tuple[Callable[[Task], Any], tuple[str, Any], tuple[str, Any]]] = {
    "countdown.graded": (
        lambda task: near_miss(task) > 0,
        ("countdown", False),
        ("countdown:graded=true", True),
    ),
    "countdown.partial": (good_start, ("countdown", 0.0), ("countdown:partial=true", 0.25)),
    "python.graded": (lambda task: bool(constant(task)), ("python", False), ("python:graded=true", True)),
    "python.cpu_ms": (laborious, ("python:cpu_ms=50", 0.0), ("python:cpu_ms=60000", 1.0)),
}
"""What tells two names apart, and what it says of each."""


@pytest.mark.parametrize("option", VERDICTS)
def test_an_option_changes_verdicts(option: str) -> None:
    shown, *pairs = VERDICTS[option]
    for spec, expected in pairs:
        task = load_task(spec)
        task.prepare()
        try:
            assert shown(task) == expected
        finally:
            getattr(task, "close", lambda: None)()


ROWS = [
    {
        "prompt": f"{n}+1=",
        "answer": str(n + 1),
        "q": f"what is {n}?",
        "a": f"{n}.0",
        "half": f"{n}.5",
        "whole": f"it is {n + 1}",
        "part": "test" if n % 2 else "train",
    }
    for n in range(1, 40)
]
HALVES = {"answer": "half", "verifier": "numeric"}
"""Whole numbers are compared exactly whatever the tolerance."""

OF_FILES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "prompt": ({}, {"prompt": "q"}),
    "answer": ({}, {"answer": "a"}),
    "verifier": ({}, {"verifier": "numeric"}),
    "completion": ({}, {"completion": "whole"}),
    "split": ({}, {"split": "part"}),
    "pattern": (
        {"verifier": "regex", "pattern": "is ([0-9]+)"},
        {"verifier": "regex", "pattern": "so ([0-9]+)"},
    ),
    "tolerance": (HALVES, {**HALVES, "tolerance": 0.5}),
    "max_tokens": ({}, {"max_tokens": 9}),
    "end": ({}, {"end": ";"}),
}


@pytest.mark.parametrize("option", OF_FILES)
def test_an_option_changes_the_task_of_a_file(option: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def shown(options: dict[str, Any]) -> list[Any]:
        task = JsonlTask(str(path), **options)
        verdicts = []
        for prompt in sorted(task.prompts("train", 99, 0), key=lambda each: each.id)[:3]:
            right = task._answers[prompt.id]
            for text in (right, f"{right}.0", f"it is {right}", f"so {right}", str(1.2 * float(right))):
                verdicts.append(task.verify(prompt, text).score)  # noqa: PERF401
        return [task.prompts("train", 9, 0), task.demonstrations(9, 0), verdicts, task.end, task.max_tokens]

    one, other = OF_FILES[option]
    assert shown(one) != shown(other)


def test_every_option_of_a_file_is_here() -> None:
    options = set(task_option_names("engine.language.problem.jsonl_task:JsonlTask"))
    assert options == {*OF_FILES, "path"}


PRESETS = [(task, name) for task in task_names() for name in load_task(task).presets]


@pytest.mark.parametrize(("task", "name"), PRESETS)
def test_a_preset_of_a_task_changes_settings(task: str, name: str) -> None:
    layer = task_preset(load_task(task), name)
    plain = TextConfig(task=task, method="rest-em")
    changed = plain.changed(layer)
    for section, values in layer.items():
        for key, value in values.items():
            assert getattr(getattr(changed, section), key) == (
                tuple(value) if isinstance(value, list) else value
            )
    assert changed != plain
