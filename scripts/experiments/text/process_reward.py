"""The value of steps against the value of outcomes, in picking one of many samples.

Wang et al. 2024 (2312.08935) label each start of a completion by how often it is finished rightly; Cobbe et
al. 2021 (2110.14168) train on outcomes; Guan et al. 2025 (2501.04519) rank steps. All critics of a seed begin
as one policy, and pick among the same samples of it. Countdown can be enumerated, so the truth of a step is
known: it computes, and the target can still be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.cli.text.run import open_task, open_verifier
from engine.config.layer import merge
from engine.language.episode import Episode
from engine.language.learner.label import starts
from engine.language.measure.evaluation import majority
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import load_model
from engine.language.model.scoring import text_values
from engine.language.rollout import Draw, Policy, sample
from engine.language.task import Prompt, Task
from engine.run.layout import checkpoint_folder
from engine.statistics import area_under_curve
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, Results
from experiments.text.product import SMALL, Settings, ahead, first_model, run_loop, settings_of
from experiments.text.search_budget import in_band
from games.text.arithmetic import StepError, apply, reachable
from games.text.arithmetic import read_steps as read
from games.text.countdown import read_prompt

OBSERVED: Settings = {"guards": {"mode": "observe", "force": True}}
"""A critic counts whatever the monitors say of the policy that it is saved with."""

ARMS: dict[str, tuple[str, Settings]] = {
    "none": ("", {}),
    "outcome": ("orm", {}),
    "soft": ("prm", {"value": {"labels": "rollouts", "kind": "soft"}}),
    "hard": ("prm", {"value": {"labels": "rollouts", "kind": "hard"}}),
    "pairwise": ("prm", {"value": {"labels": "rollouts", "kind": "pairwise"}}),
    "quarter": ("prm", {"value": {"labels": "rollouts", "kind": "soft"}}),
}
"""Method and settings of each critic; `quarter` is the soft one with a quarter of the problems."""


def cell(arm: str) -> Callable[[Cell], Measured]:
    """The cell of an arm: what its critic picks, and how well it knows good steps from bad ones."""

    def measured(cell: Cell) -> Measured:
        task = open_task(cell.sizes["task"])
        shared = settings_of(cell.sizes)
        base = first_model(cell, cell.sizes["task"], shared)
        policy = load_model(base["model"]["path"])
        prompts = task.prompts("test", cell.sizes["test"], 0)
        with open_verifier(cell.sizes["task"], task) as verify:
            writer, count = Policy(policy, ""), cell.sizes["samples"]
            drawn = sample(task, [writer], prompts, count, Draw(), verify, seed=cell.seed, iteration=-1)
            greedy = sample(task, [writer], prompts, 1, Draw(0.0), verify, seed=cell.seed, iteration=-1)
        groups = [drawn[i : i + count] for i in range(0, len(drawn), count)]
        keys = [prompt.key for prompt in prompts]
        rows = {"greedy": [each.result.score for each in greedy]}
        rows["majority"] = [majority(group) for group in groups]
        found = {}
        if arm != "none":
            critic = _critic(cell, arm, shared, base)
            rows |= picks(critic, task, groups)
            found["step AUC"] = step_auc(critic, task, drawn)
        return Measured({name: Items(keys, row) for name, row in rows.items()}, found)

    return measured


def _critic(cell: Cell, arm: str, shared: Settings, base: Settings) -> LanguageModel:
    method, own = ARMS[arm]
    sizes = cell.sizes[method]
    if arm == "quarter":
        sizes = merge(sizes, {"sample": {"prompts": max(1, sizes["sample"]["prompts"] // 4)}})
    run = run_loop(cell.folder, method, cell.sizes["task"], cell.seed, shared, sizes, own, OBSERVED, base)
    return load_model(checkpoint_folder(run, 1))


def picks(critic: LanguageModel, task: Task, groups: Sequence[Sequence[Episode]]) -> dict[str, list[float]]:
    """The score of each problem's best sample: by its last value, the least and the product of its steps'."""
    rows: dict[str, list[float]] = {"last": [], "least": [], "product": [], "vote": []}
    flat = [step_values(critic, task, group) for group in groups]
    for group, table in zip(groups, flat, strict=True):
        by = {
            "last": [each[-1] for each in table],
            "least": [each.min() for each in table],
            "product": [each.prod() for each in table],
        }
        for name, liked in by.items():
            rows[name].append(group[int(np.argmax(liked))].result.score)
        rows["vote"].append(majority(group, np.array(by["last"], np.float32)))
    return rows


def step_values(critic: LanguageModel, task: Task, episodes: Sequence[Episode]) -> list[NDArray[np.float32]]:
    """What the critic says after each step of each completion, one number at least."""
    cuts = [[text for _, text in starts(task, each.completion)][1:] or [""] for each in episodes]
    prompts = [each.prompt.text for each, texts in zip(episodes, cuts, strict=True) for _ in texts]
    ends = np.cumsum([len(texts) for texts in cuts])[:-1]
    return list(np.split(text_values(critic, prompts, [text for texts in cuts for text in texts]), ends))


def step_auc(critic: LanguageModel, task: Task, episodes: Sequence[Episode]) -> float:
    """P(a start that can be finished rightly has more value than one that cannot)."""
    first = {(each.prompt.id, each.completion): each for each in episodes}
    distinct = list(first.values())
    found = np.concatenate(step_values(critic, task, distinct))
    truth = np.array(
        [
            is_alive(each.prompt, text)
            for each in distinct
            for text in [text for _, text in starts(task, each.completion)][1:] or [""]
        ]
    )
    return area_under_curve(found[truth], found[~truth]) if truth.any() and not truth.all() else float("nan")


def is_alive(prompt: Prompt, text: str) -> bool:
    """Whether all steps compute and what is left can still make the target."""
    numbers, target = read_prompt(prompt)
    try:
        left = apply(numbers, read(text, len(numbers) - 1)) if text else numbers
    except StepError:
        return False
    return target in reachable(left)


def knows_steps(found: Results) -> Figure:
    """Whether the soft critic tells good steps from bad ones."""
    value = found.value("soft", "step AUC")
    return Figure(value >= 0.8, f"{value:.3f}")


CRITIC: Settings = {
    "sample": {"prompts": 4400, "samples": 3},
    "update": {"steps": 600},
    "measure": {"samples": 0, "control": False},
}

PROCESS_REWARD = Experiment(
    name="process_reward",
    claim="Values of steps pick better than values of outcomes, and those better than a vote.",
    arms={arm: cell(arm) for arm in ARMS},
    lines=[
        Line("base inside its band: 15 % to 40 % greedy", lambda found: in_band(found, "none")),
        Line(
            "soft labels of steps - outcomes, best of 32: 2 points or more",
            ahead("soft", "last", "outcome", "last", 2),
        ),
        Line("outcomes - majority, best of 32: above 0", ahead("outcome", "last", "none", "majority", 1e-9)),
        Line("AUC of the soft labels' critic on true steps: 0.80 or more", knows_steps),
        Line(
            "soft labels with a quarter of the problems are no worse than outcomes with all",
            ahead("quarter", "last", "outcome", "last", 0),
        ),
    ],
    columns=[
        Column("greedy %", "greedy"),
        Column("majority", "majority"),
        Column("best by the last value", "last"),
        Column("by the least", "least"),
        Column("by the product", "product"),
        Column("vote by value", "vote"),
        Column("AUC on true steps", "step AUC", percent=False),
    ],
    full={
        "task": "countdown",
        "test": 1000,
        "samples": 32,
        "settings": {
            "model": {"size": "0.2M", "demonstrations": 3500, "steps": 1500},
            "measure": {"validation": 400, "test": 500, "control": False},
        },
        "prm": CRITIC,
        "orm": merge(CRITIC, {"sample": {"samples": 16}, "filter": {"per_prompt": 16}}),
    },
    smoke={
        "task": "countdown:max_number=8,max_target=20",
        "test": 60,
        "samples": 4,
        "settings": SMALL,
        "prm": {
            "sample": {"prompts": 40, "samples": 2},
            "update": {"steps": 10},
            "value": {"completions": 2},
            "measure": {"samples": 0},
        },
        "orm": {
            "sample": {"prompts": 40, "samples": 4},
            "update": {"steps": 10},
            "measure": {"samples": 0},
        },
    },
)
