"""Of each method every setting is read by its runs, or refused by name where it has another value."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import letters
import pytest
from reads import leaves, reading, with_other
from text_runs import TASK, TINY

from engine.cli.progress import Reporter
from engine.errors import UserError
from engine.language.loop import improve
from engine.language.method.registry import METHODS, build_text_config, changed_idle, load_method
from engine.language.problem.task_registry import load_task
from engine.language.problem.verifier import open_verifier
from engine.language.record.text_run import TextRun
from engine.language.settings import TextConfig
from engine.report.naming import is_share
from engine.run.metrics import read_metrics

TASKS = {"constitutional": "games.text.chat:Chat", "spin": TASK}
"""Of methods that need more than a verifier."""
MORE: dict[str, dict[str, Any]] = {
    "constitutional": {
        "loop.iterations": 3, "constitution.policy_steps": 2, "constitution.preference_steps": 3,
        "constitution.revisions": 1, "filter.thresholds": [0.0], "policy.groups": 4, "policy.updates": 1,
        "policy.minibatches": 2,
    },
    "star": {"sample.temperature": 1.0, "sample.prompts": 40},
    "alphazero": {"sample.simulations": 4},
    "grpo": {"policy.groups": 4, "update.steps": 4},
    "rloo": {"policy.groups": 4, "update.steps": 4},
    "ppo": {"policy.groups": 4, "update.steps": 4},
    "self-rewarding": {"judge.by": "program", "judge.program": f"{letters.__file__}:liking"},
}  # fmt: skip


def nested(settings: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = found
        *sections, name = key.split(".")
        for each in sections:
            inner = inner.setdefault(each, {})
        inner[name] = value
    return found


def small(method: str, **more: Any) -> TextConfig:
    """Settings of a tiny run."""
    tiny = {key: value for key, value in TINY.items() if not key.startswith("sample.samples")}
    if method not in ("sft", "alphazero"):
        tiny["sample.samples"] = 4
    return build_text_config(
        method, TASKS.get(method, TASK), nested({**tiny, **MORE.get(method, {}), **more})
    )


def run(config: TextConfig, path: Path) -> list[str]:
    """Make it; what was said."""
    said: list[str] = []

    class Told(Reporter):
        def message(self, text: str) -> None:
            said.append(text)

    task = load_task(config.task)
    with open_verifier(task, config.task, workers=1, max_failures=0.05) as verify:
        improve(task, config, path, verify, resume=False, reporter=Told(quiet=True))
    return said


def idle(config: TextConfig) -> dict[str, str]:
    """What would be refused of these settings, were all of them given."""
    return {
        each.name: each.line
        for each in changed_idle(load_method(config.method), config, load_task(config.task))
    }


def is_accepted(config: TextConfig) -> bool:
    """Whether these settings go together, whatever their effect."""
    try:
        load_method(config.method).check(config)
        load_method(config.method).fits(config, load_task(config.task))
    except UserError:
        return False
    return True


def is_refused(config: TextConfig, key: str) -> bool:
    """Whether a run with these settings is refused for the one named."""
    try:
        load_method(config.method).check(config)
        load_method(config.method).fits(config, load_task(config.task))
    except UserError as error:
        return key in str(error) or key.split(".")[-1] in str(error)
    return key in idle(config)


def content(path: Path) -> dict[str, Any]:
    """Weights, episodes and numbers of a run."""
    weights = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*.safetensors")}
    with TextRun.open(path) as made:
        made.latest()
        episodes = [repr(each) for each in made.episodes()]
    ours = ("machine/", "speed/")
    lines = [
        {key: value for key, value in line.items() if not key.startswith(ours) and key != "minutes"}
        for line in read_metrics(path / "metrics.jsonl")
    ]
    return {**weights, "episodes": episodes, "metrics": json.dumps(lines)}


UNSEEN = (
    "preset",
    "method",
    "task",
    "loop.iterations",
    "judge.restarts",
    "search.",
    "proposals.",
    "guards.",
    "monitor.",
)
"""What names the run, what its length, a judge's death or an alarm calls for, and what the core reads."""


MEASURED = (
    "diversity/",
    "coverage/",
    "drift/",
    "hacking/",
    "length/",
    "oversight/",
    "pass/",
    "accuracy/",
    "judge/",
)
"""Groups of the monitors' own."""
NUMBERS = (
    "loss/", "machine/", "speed/", "alarm/", "guard/", "gate/", "data/sampled", "data/kept", "data/tokens",
    "data/steps", "data/gini", "data/overlap", "accepted", "minutes", "iteration", "value/auc", "value/brier",
    "policy/reward", "policy/length", "policy/ratio", "policy/entropy", "policy/kl", "ppo/beta", "ppo/passes",
    "ppo/kl_step", "preference/margin", "preference/chosen", "preference/rejected", "preference/pairs",
    "preference/drift", "preference/real_margin", "preference/real_change", "pairs/longer", "instruction/new",
    "reward/comparisons", "reward/margin", "reward/held_out", "reward/length", "reward/calibration",
    "reward/disagreement", "constitution/sure", "constitution/position",
)  # fmt: skip
"""Figures that are no shares, by the start of their names; what is neither is to be told to one of them."""


class Made(NamedTuple):
    """A tiny run, and (section, name) of the settings that it has read."""

    path: Path
    read: set[tuple[type, str]]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """The tiny run of a method, made once."""
    folder = tmp_path_factory.mktemp("idle")

    @cache
    def make(method: str) -> Made:
        with pytest.MonkeyPatch.context() as patch, reading(patch) as read:
            run(small(method), folder / method)
        return Made(folder / method, read)

    return make


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_is_read_or_refused_by_name(method: str, made: Callable[[str], Made]) -> None:
    config, (_, read) = small(method), made(method)
    dropped = []
    for key, section, name in leaves(config):
        if (type(section), name) in read or key.startswith(UNSEEN):
            continue
        other = with_other(config, key)
        if other is not None and not is_refused(other, key):
            dropped.append(key)
    assert dropped == [], "settings that are taken and that nothing reads"


@pytest.mark.parametrize("method", METHODS)
def test_what_is_refused_as_idle_changes_nothing(
    method: str, made: Callable[[str], Made], tmp_path: Path
) -> None:
    plain = changed = small(method)
    reasons = load_method(method).idle(plain, load_task(plain.task))
    for key in [key for key, reason in reasons.items() if reason]:
        other = with_other(changed, key)
        # A file that is named is looked for, whatever is made of it.
        if other is not None and is_accepted(other) and other.paths().keys() == plain.paths().keys():
            changed = other
    wanted = idle(changed)
    assert len(wanted) > 10
    said = run(changed, tmp_path / "changed")
    for line in wanted.values():
        assert any(line in told for told in said), line
    one, other = content(made(method).path), content(tmp_path / "changed")
    assert [name for name in one if one[name] != other.get(name)] == []


@pytest.mark.parametrize("method", METHODS)
def test_every_figure_is_in_the_report_as_a_share_or_a_number(
    method: str, made: Callable[[str], Made]
) -> None:
    path = made(method).path
    told = {name for line in read_metrics(path / "metrics.jsonl") for name in line}
    own = {name for name in told if not name.startswith((*MEASURED, "gate/"))}
    unclear = sorted(name for name in own if is_share(name) == name.startswith(NUMBERS))
    assert unclear == [], "neither a share nor a number, or both"
    with TextRun.open(path) as opened:
        last = opened.latest()
        assert last is not None
        shown = last.progress["monitor"]["history"].keys()
    loop = (
        "gate/",
        "guard/",
        "alarm/",
        "machine/",
        "speed/",
        "data/sampled",
        "data/kept",
        "data/steps",
        "data/tokens",
    )
    assert {name for name in told if "/" in name and not name.startswith(loop)} - {"data/yield"} <= shown
