"""Learning from searches against learning from filtered samples, at as many generated tokens.

`alphazero` trains policy and value on a tree search's visits and values (Silver et al. 2017), `without value`
the policy alone, `rest-em` on samples that passed (Singh et al. 2023). All arms of a seed start from one
model, take as many gradient steps, and generate about as many tokens an iteration.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.cli.text.run import open_task, open_verifier
from engine.language.method.registry import build_text_config
from engine.language.model.model_folder import load_model
from engine.language.rollout import Policy
from engine.language.search.tree_search import Plan, search_completions
from engine.run.layout import checkpoint_folder
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, Results
from experiments.text.product import (
    SMALL,
    Settings,
    ahead,
    checkpoints,
    curves,
    first_model,
    in_band,
    measure_all,
    run_loop,
    settings_of,
)

ARMS: dict[str, tuple[str, Settings]] = {
    "alphazero": ("alphazero", {}),
    "without value": ("alphazero", {"value": {"weight": 0.0}}),
    "rest-em": ("rest-em", {"update": {"start": "last"}}),
}


def cell(arm: str) -> Callable[[Cell], Measured]:
    """The cell of an arm: the models of all iterations, and what a search reaches with the first."""
    method, own = ARMS[arm]

    def measured(cell: Cell) -> Measured:
        task, shared = cell.sizes["task"], settings_of(cell.sizes)
        base = first_model(cell, task, shared)
        run = run_loop(cell.folder, method, task, cell.seed, shared, cell.sizes[method], own, base)
        items = measure_all(run, cell.sizes["test"], checkpoints(run), task=task)
        if arm == "alphazero":
            items["search/0"] = searched(cell, shared)
        return Measured(items, curves=curves(run, ("speed/tokens", "value/auc", "drift/kl", "accepted")))

    return measured


def searched(cell: Cell, shared: Settings) -> Items:
    """Scores of the first model's searches as the loop makes them, with the verifier at the ends."""
    task = open_task(cell.sizes["task"])
    prompts = task.prompts("test", cell.sizes["test"], 0)
    config = build_text_config("alphazero", cell.sizes["task"], shared, cell.sizes["alphazero"])
    model = load_model(checkpoint_folder(cell.folder, 0))
    plan = Plan(config.sample.simulations, judge=True)
    with open_verifier(cell.sizes["task"], task) as verify:
        found = search_completions(
            task, Policy(model, ""), prompts, plan, config.search, config.proposals, verify, seed=cell.seed
        )
    return Items([prompt.key for prompt in prompts], [episode.result.score for episode in found])


def equal_tokens(found: Results) -> Figure:
    """Whether the arms have generated about as much."""
    totals = {arm: found.point(arm, "speed/tokens", -1) for arm in ("alphazero", "rest-em")}
    ratio = totals["alphazero"] / totals["rest-em"]
    return Figure(0.8 <= ratio <= 1.25, f"{ratio:.2f}")


SEARCH_TARGETS = Experiment(
    name="search_targets",
    claim="A search's visits and values teach more than filtered samples of as many tokens.",
    arms={arm: cell(arm) for arm in ARMS},
    lines=[
        in_band("rest-em"),
        Line("tokens of alphazero over those of rest-em: 0.8 to 1.25", equal_tokens),
        Line(
            "alphazero - rest-em at iteration 4: 3 points or more",
            ahead("alphazero", "greedy/4", "rest-em", "greedy/4", 3),
        ),
        Line(
            "greedy at iteration 4 is no more than 2 points below the first model's search",
            ahead("alphazero", "greedy/4", "alphazero", "search/0", -2),
        ),
    ],
    columns=[
        Column("greedy %, base", "greedy/0"),
        *(Column(f"iteration {n}", f"greedy/{n}") for n in (1, 2, 3, 4)),
        Column("search, base", "search/0"),
    ],
    full={
        "task": "countdown",
        "test": 1000,
        "settings": {
            "model": {"size": "0.2M", "demonstrations": 3500, "steps": 1500},
            "update": {"steps": 300},
            "measure": {"validation": 500, "test": 500, "control": False},
            "loop": {"iterations": 4},
        },
        "alphazero": {"sample": {"prompts": 2000, "simulations": 16}},
        "rest-em": {"sample": {"prompts": 2000, "samples": 12}},
    },
    smoke={
        "task": "countdown:max_number=8,max_target=20",
        "test": 60,
        "settings": {**SMALL, "update": {"steps": 10}, "loop": {"iterations": 1}},
        "alphazero": {
            "sample": {"prompts": 40, "simulations": 4},
            "value": {"steps": 10, "completions": 2},
        },
        "rest-em": {"sample": {"prompts": 40, "samples": 4}},
    },
)
