"""Equal generated tokens: greedy, a vote, the best of many by value, tree search.

Feng et al. 2023 (2309.17179) compare so, and find simple re-ranking hard to beat on shallow trees. All arms
of a seed have one policy and one critic, a model of its own trained as `selfplay text prm` does: on how often
each start of a completion is finished rightly (Wang et al. 2024, 2312.08935). Arms named `checker` may ask
the verifier at test, which the task allows: it needs the prompt alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from engine.cli.text.run import open_task, open_verifier
from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.language.episode import Episode
from engine.language.measure.evaluation import majority, values_of
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import load_model
from engine.language.rollout import Draw, Policy, Verify, sample
from engine.language.search.tree_search import Plan, search_completions
from engine.language.task import Prompt, Task
from engine.run.layout import checkpoint_folder
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, NotMeasuredError, Results
from experiments.text.product import BAND, SMALL, Settings, ahead, first_model, run_loop, settings_of

SHORTEST = 6
"""Tokens of the shortest completion worth counting on: so many samples are drawn that a budget is used up."""


def models(cell: Cell) -> tuple[LanguageModel, LanguageModel]:
    """(policy, critic) of a seed, built where no cell has yet."""
    task, shared = cell.sizes["task"], settings_of(cell.sizes)
    base = first_model(cell, task, shared)
    # The critic counts whatever its gate says.
    own = {"guards": {"mode": "observe", "force": True}}
    run = run_loop(cell.shared / "critic", "prm", task, cell.seed, shared, cell.sizes["critic"], own, base)
    return load_model(base["model"]["path"]), load_model(checkpoint_folder(run, 1))


def samples_for(
    task: Task, policy: Policy, prompts: Sequence[Prompt], budget: int, verify: Verify, seed: int
) -> list[list[Episode]]:
    """Of each problem, as many samples as the budget of tokens pays for."""
    most = max(1, budget // SHORTEST)
    drawn = sample(task, [policy], prompts, most, Draw(), verify, seed=seed, iteration=-1)
    groups = []
    for place in range(0, len(drawn), most):
        group = drawn[place : place + most]
        within = np.cumsum([episode.tokens for episode in group]) <= budget
        groups.append([episode for episode, paid in zip(group, within, strict=True) if paid])
    return groups


def sampled(cell: Cell) -> Measured:
    """What is made of samples: one, a vote, the best."""
    task = open_task(cell.sizes["task"])
    policy, critic = models(cell)
    prompts = task.prompts("test", cell.sizes["test"], 0)
    keys = [prompt.key for prompt in prompts]
    scores: dict[str, list[float]] = {}
    with open_verifier(cell.sizes["task"], task) as verify:
        writer = Policy(policy, "")
        greedy = sample(task, [writer], prompts, 1, Draw(0.0), verify, seed=cell.seed, iteration=-1)
        scores["greedy"] = [episode.result.score for episode in greedy]
        for budget in cell.sizes["budgets"]:
            groups = samples_for(task, writer, prompts, budget, verify, cell.seed)
            for name, row in pick_all(critic, groups).items():
                scores[f"{name}/{budget}"] = row
    return Measured({name: Items(keys, row) for name, row in scores.items()})


def pick_all(critic: LanguageModel, groups: Sequence[Sequence[Episode]]) -> dict[str, list[float]]:
    """The score of what each rule picks of each problem's samples, 0 where there is none."""
    flat = [episode for group in groups for episode in group]
    ends = np.cumsum([len(group) for group in groups])[:-1]
    liked = np.split(values_of(critic, flat), ends) if flat else [np.zeros(0, np.float32)] * len(groups)
    rows: dict[str, list[float]] = {
        name: [] for name in ("one", "likeliest", "majority", "best", "vote", "checker")
    }
    for group, values in zip(groups, liked, strict=True):
        right = [episode.result.score for episode in group] or [0.0]
        likely = [episode.logprob for episode in group] or [0.0]
        rows["one"].append(right[0])
        rows["likeliest"].append(right[int(np.argmax(likely))])
        rows["majority"].append(majority(group))
        rows["best"].append(right[int(np.argmax(values))] if len(group) else 0.0)
        rows["vote"].append(majority(group, values))
        rows["checker"].append(max(right))
    return rows


def arm_name(rule: str, judge: bool, distinct: bool) -> str:
    """Of a search, and of its items before the budget."""
    return rule + " checker" * judge + " repeats" * (not distinct)


def searched(rule: str, judge: bool, distinct: bool = True) -> Callable[[Cell], Measured]:
    """The cell of a tree search by `rule`; with `judge` the verifier values ends, else the critic does.

    No step of a node comes twice, or with `distinct` false steps are sampled and weigh how often they came.
    """

    def measured(cell: Cell) -> Measured:
        task = open_task(cell.sizes["task"])
        policy, critic = models(cell)
        prompts = task.prompts("test", cell.sizes["test"], 0)
        items, values = {}, {}
        name = arm_name(rule, judge, distinct)
        proposals = ProposalConfig(**cell.sizes["proposals"], distinct=distinct)
        with open_verifier(cell.sizes["task"], task) as verify:
            for budget in cell.sizes["budgets"]:
                plan = Plan(cell.sizes["simulations"], budget, judge=judge)
                settings = ProposedSearchConfig(**{**cell.sizes["search"], "rule": rule})
                found = search_completions(
                    task, Policy(policy, ""), prompts, plan, settings, proposals, verify, seed=cell.seed,
                    critic=critic,
                )  # fmt: skip
                assert all(episode.tokens <= budget for episode in found)
                items[f"{name}/{budget}"] = Items(
                    [prompt.key for prompt in prompts], [episode.result.score for episode in found]
                )
                values[f"tokens of {name}/{budget}"] = float(np.mean([e.tokens for e in found]))
        return Measured(items, values)

    return measured


def monotone(found: Results) -> Figure:
    """Whether each curve rises with the budget, within a standard error of its points."""
    budgets = (60, 240, 960)
    falls = []
    for arm, name in (("samples", "majority"), ("samples", "vote"), ("puct", "puct")):
        rows = [found.mean(arm, f"{name}/{budget}") for budget in budgets]
        error = max((row.high - row.low) / 4 for row in rows)
        falls += [name for one, two in pairwise(rows) if two.value < one.value - error]
    return Figure(not falls, ", ".join(falls) or "no fall")


def in_band(found: Results, arm: str = "samples") -> Figure:
    """Whether the base has something to learn and something to learn from."""
    mean = found.mean(arm, "greedy").value
    return Figure(BAND[0] <= mean <= BAND[1], f"{100 * mean:.1f} %")


WAYS = (
    ("one sample", "samples", "one"),
    ("likeliest sample", "samples", "likeliest"),
    ("majority", "samples", "majority"),
    ("best by value", "samples", "best"),
    ("vote by value", "samples", "vote"),
    ("PUCT", "puct", "puct"),
    ("Gumbel", "gumbel", "gumbel"),
    ("PUCT, steps may repeat", "puct repeats", "puct repeats"),
    ("best by checker", "samples", "checker"),
    ("PUCT, checker", "puct checker", "puct checker"),
    ("Gumbel, checker", "gumbel checker", "gumbel checker"),
    ("PUCT, checker, steps may repeat", "puct checker repeats", "puct checker repeats"),
)
"""Title, arm, and the name of its items."""


def by_budget(found: Results) -> str:
    """A table of all ways by budget, in percent."""
    budgets = sorted(
        {int(name.partition("/")[2]) for cell in found.cells.values() for name in cell.items if "/" in name}
    )
    lines = ["| way | " + " | ".join(f"{budget} tokens" for budget in budgets) + " |"]
    lines.append("| --- |" + " --- |" * len(budgets))
    for title, arm, name in WAYS:
        cells = []
        for budget in budgets:
            try:
                mean = found.mean(arm, f"{name}/{budget}")
                cells.append(f"{100 * mean.value:.1f} ({100 * mean.low:.1f} to {100 * mean.high:.1f})")
            except NotMeasuredError:
                cells.append("")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


SETTINGS: Settings = {
    "model": {"size": "0.2M", "demonstrations": 3500, "steps": 1500},
    "measure": {"validation": 400, "test": 500, "control": False},
}
CRITIC: Settings = {"measure": {"samples": 0}}
SEARCH: Settings = {"simulations": 128, "search": {}, "proposals": {}}

SIZES: Settings = {"task": "countdown", "test": 1000, "settings": SETTINGS, "critic": CRITIC, **SEARCH}

SEARCH_BUDGET = Experiment(
    name="search_budget",
    claim="At equal tokens tree search is better than the best of many by value, a vote, one answer.",
    arms={
        "samples": sampled,
        **{
            arm_name(rule, judge, distinct): searched(rule, judge, distinct)
            for judge in (False, True)
            for rule, distinct in (("puct", True), ("gumbel", True), ("puct", False))
        },
    },
    lines=[
        Line("base inside its band: 15 % to 40 % greedy", in_band),
        Line(
            "search - greedy at 240 tokens: 5 points or more",
            ahead("puct", "puct/240", "samples", "greedy", 5),
        ),
        Line(
            "search - best of many by value at 240 tokens: 3 points or more, or a tie is reported",
            ahead("puct", "puct/240", "samples", "best/240", 3),
        ),
        Line(
            "search - majority at 240 tokens: 3 points or more",
            ahead("puct", "puct/240", "samples", "majority/240", 3),
        ),
        Line(
            "with the checker, search - best of many at 240 tokens: 3 points or more",
            ahead("puct checker", "puct checker/240", "samples", "checker/240", 3),
        ),
        Line(
            "search - greedy at 960 tokens: 15 points or more",
            ahead("puct", "puct/960", "samples", "greedy", 15),
        ),
        Line("curves rise with the budget, within a standard error", monotone),
    ],
    columns=[Column("greedy %", "greedy")],
    details=by_budget,
    full={**SIZES, "budgets": [60, 240, 960]},
    core={**SIZES, "budgets": [240]},
    core_arms=(
        "samples", "puct", "gumbel", "puct repeats", "puct checker", "gumbel checker", "puct checker repeats",
    ),
    smoke={
        "task": "countdown:max_number=8,max_target=20",
        "test": 60,
        "budgets": [60],
        "settings": SMALL,
        "critic": {
            "sample": {"prompts": 40, "samples": 4},
            "update": {"steps": 20},
            "value": {"completions": 2},
            "measure": {"samples": 0},
        },
        **SEARCH,
    },
)  # fmt: skip
