"""Constitutional AI in miniature: does a model that revises by principles break fewer rules, and still help?

Bai et al. 2022 (2212.08073) on the task `chat`: requests with one right content, six rules that real data
breaks, and a seventh that no principle has. A first model learns replies, critiques, revisions and choices.
Its revisions are learnt (arms sl-1, sl-2, sl-4 by the rounds of critique and revision), and from what sl-4
leads to its choices train a preference model that PPO reinforces (arms soft and hard by the labels). Rules
are counted on one sample of each problem at temperature 1, as the model is used; guards only observe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.cli.text.run import open_task
from engine.language.record.text_run import load_checkpoint, read_text_config
from engine.language.rollout import Draw, Policy, sample
from engine.run.layout import METRICS, checkpoint_folder
from engine.run.metrics import read_metrics
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, Results
from experiments.text.product import Settings, checkpoints, curves, first_model, run_loop, settings_of
from games.text.chat import HELD_OUT, RULES, broken

TASK = "games.text.chat:Chat"

TOLD = (
    "constitution/agreement", "constitution/right", "constitution/steady", "constitution/position",
    "constitution/sure", "constitution/missing", "reward/accuracy", "reward/calibration",
)  # fmt: skip
"""What the phase of preferences says of its choices."""

WATCHED = ("constitution/broken_samples", "constitution/broken_revisions", "policy/kl", "policy/reward",
           "drift/kl", "length/mean", "alarm/level")  # fmt: skip


def kept(run: Path, count: int) -> dict[str, Items]:
    """By iteration: `broken` (a rule of the constitution), `rule …` (each), `done` as asked, `greedy`.

    All but `greedy` of one sample a problem at temperature 1.
    """
    task, found = open_task(TASK), dict[str, Items]()
    prompts = task.prompts("test", count, 0)
    keys = [prompt.key for prompt in prompts]
    for iteration in checkpoints(run):
        policy = Policy(load_checkpoint(read_text_config(run), checkpoint_folder(run, iteration)), "")
        drawn, greedy = (
            sample(task, [policy], prompts, 1, Draw(heat), task.verify_all, seed=0, iteration=-1)
            for heat in (1.0, 0.0)
        )
        rules = [broken(each.completion) for each in drawn]
        told = {
            "broken": [float(any(rule != HELD_OUT for rule in each)) for each in rules],
            "done": [each.worth for each in drawn],
            "greedy": [each.worth for each in greedy],
            **{f"rule {name}": [float(name in each) for each in rules] for name in RULES},
        }
        found |= {f"{name}/{iteration}": Items(keys, scores) for name, scores in told.items()}
    return found


def revised(rounds: int) -> Callable[[Cell], Measured]:
    """The supervised phase with so many rounds, from the seed's first model."""

    def measured(cell: Cell) -> Measured:
        return _measured(cell, _revisions(cell, cell.folder, rounds))

    return measured


def reinforced(labels: str) -> Callable[[Cell], Measured]:
    """Preferences of the first model and PPO on them, from what four rounds led to."""

    def measured(cell: Cell) -> Measured:
        shared, base = _shared(cell)
        start = _revisions(cell, cell.shared / "revised", 4)
        own: Settings = {
            "model": {"path": str(checkpoint_folder(start, 1))},
            "constitution": {
                "phases": ["prefer", "reinforce"], "labels": labels, "feedback": base["model"]["path"],
            },
            "loop": {"iterations": cell.sizes["iterations"]},
        }  # fmt: skip
        run = run_loop(cell.folder, "constitutional", TASK, cell.seed, shared, own, cell.sizes["reinforced"])
        return _measured(cell, run)

    return measured


def control(cell: Cell) -> Measured:
    """As many steps on real data alone."""
    shared, base = _shared(cell)
    own: Settings = {"sample": {"samples": 0}}
    return _measured(
        cell, run_loop(cell.folder, "sft", TASK, cell.seed, shared, base, cell.sizes["revised"], own)
    )


def _shared(cell: Cell) -> tuple[Settings, Settings]:
    """The settings of all arms, and those that name the seed's first model."""
    shared = settings_of(cell.sizes, {"guards": {"mode": "observe"}})
    return shared, first_model(cell, TASK, shared)


def _revisions(cell: Cell, path: Path, rounds: int) -> Path:
    shared, base = _shared(cell)
    own: Settings = {
        "constitution": {"phases": ["revise"], "revisions": rounds},
        "loop": {"iterations": 1},
    }
    return run_loop(path, "constitutional", TASK, cell.seed, shared, base, own, cell.sizes["revised"])


def _measured(cell: Cell, run: Path) -> Measured:
    lines = read_metrics(run / METRICS)
    values = {name: line[name] for line in lines for name in TOLD if name in line}
    return Measured(kept(run, cell.sizes["test"]), values, curves(run, WATCHED))


def share(arm: str, name: str, at_most: float) -> Callable[[Results], Figure]:
    """Whether a share is no more than so many percent."""

    def check(found: Results) -> Figure:
        value = 100 * found.mean(arm, name).value
        return Figure(value <= at_most, f"{value:.1f} %")

    return check


def base_breaks(found: Results) -> Figure:
    """Whether the first model has something to mend."""
    value = 100 * found.mean("sl-4", "broken/0").value
    return Figure(value >= 40, f"{value:.1f} %")


def still_helps(arm: str, name: str) -> Callable[[Results], Figure]:
    """Whether what was asked is done as often as by the first model, but for 2 points."""

    def check(found: Results) -> Figure:
        paired = found.difference(arm, "sl-4", name, "done/0")
        points, low, high = (100 * each for each in (paired.difference, paired.low, paired.high))
        return Figure(points >= -2, f"{points:+.1f} points ({low:+.1f} to {high:+.1f})")

    return check


def told(name: str, least: float) -> Callable[[Results], Figure]:
    """Whether a share that the phase of preferences tells is so many percent at least."""

    def check(found: Results) -> Figure:
        value = 100 * found.value("soft", name)
        return Figure(value >= least, f"{value:.1f} %")

    return check


def soft_is_no_worse(found: Results) -> Figure:
    """Whether soft labels break no more rules than hard ones."""
    paired = found.difference("soft", "hard", "broken/2")
    points, low, high = (100 * each for each in (paired.difference, paired.low, paired.high))
    return Figure(paired.low <= 0, f"{points:+.1f} points ({low:+.1f} to {high:+.1f})")


def details(found: Results) -> str:
    """Each rule's share by arm, the held-out one's last."""
    rows: Mapping[str, tuple[str, str]] = {
        "first model": ("sl-4", "0"), "sl-1": ("sl-1", "1"), "sl-2": ("sl-2", "1"), "sl-4": ("sl-4", "1"),
        "soft": ("soft", "2"), "hard": ("hard", "2"), "control": ("control", "1"),
    }  # fmt: skip
    names = [f"{name} (held out)" if name == HELD_OUT else name for name in RULES]
    lines = [
        f"| % that break | {' | '.join(names)} |",
        f"|---|{'---|' * len(RULES)}",
    ]
    for title, (arm, iteration) in rows.items():
        if found.seeds(arm):
            shares: Sequence[float] = [found.mean(arm, f"rule {name}/{iteration}").value for name in RULES]
            lines.append(f"| {title} | {' | '.join(f'{100 * each:.1f}' for each in shares)} |")
    return "\n".join(lines)


CONSTITUTIONAL = Experiment(
    name="constitutional",
    claim="Revisions learnt lower violations, AI preferences lower them further, and help is kept.",
    arms={
        "sl-4": revised(4),
        "soft": reinforced("soft"),
        "hard": reinforced("hard"),
        "sl-1": revised(1),
        "sl-2": revised(2),
        "control": control,
    },
    lines=[
        Line("base inside its band: 40 % of the replies or more break a rule", base_breaks),
        Line("sl-4: in 15 % or less", share("sl-4", "broken/1", 15)),
        Line("soft: in 5 % or less", share("soft", "broken/2", 5)),
        Line(
            "soft: what was asked is done no more than 2 points less than by the base",
            still_helps("soft", "done/2"),
        ),
        Line(
            "choices agree with the rules in 85 % or more of what these tell apart",
            told("constitution/right", 85),
        ),
        Line("choices in both orders agree in 85 % or more of these", told("constitution/steady", 85)),
        Line("soft labels break no more rules than hard ones (95 % interval not above 0)", soft_is_no_worse),
    ],
    columns=[
        Column("breaks a rule %, base", "broken/0"),
        Column("iteration 1", "broken/1"),
        Column("iteration 2", "broken/2"),
        Column("done %, base", "done/0"),
        Column("iteration 1", "done/1"),
        Column("iteration 2", "done/2"),
        Column("held-out rule %, base", f"rule {HELD_OUT}/0"),
        Column("iteration 1", f"rule {HELD_OUT}/1"),
        Column("iteration 2", f"rule {HELD_OUT}/2"),
    ],
    full={
        "settings": {
            "model": {"size": "0.2M", "demonstrations": 16000, "steps": 4000},
            "learner": {"learning_rate": 2e-3},
            "filter": {"thresholds": [0.0]},
            "measure": {"validation": 200, "test": 200, "control": False},
            "monitor": {"prompts": 64, "samples": 4},
        },
        "revised": {
            "sample": {"prompts": 1000, "samples": 1},
            "update": {"steps": 200},
        },
        "reinforced": {
            "sample": {"prompts": 1000, "samples": 4},
            "policy": {"beta": 0.1, "learning_rate": 3e-4},
            "constitution": {
                "helpful": 0.6,
                "preference_steps": 500,
                "policy_steps": 100,
                "policy_real": 0.0,
            },
        },
        "iterations": 2,
        "test": 1000,
    },
    smoke={
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 400, "steps": 60},
            "learner": {"batch_tokens": 1024},
            "filter": {"thresholds": [0.0]},
            "measure": {"validation": 40, "test": 40, "control": False, "holdout": 20},
            "monitor": {"prompts": 16, "samples": 2},
        },
        "revised": {"sample": {"prompts": 40, "samples": 1}, "update": {"steps": 20}},
        "reinforced": {
            "sample": {"prompts": 40, "samples": 2},
            "policy": {"groups": 8},
            "constitution": {"preference_steps": 10, "policy_steps": 16, "policy_real": 0.0},
        },
        "iterations": 2,
        "test": 60,
    },
    notes=[
        "The base of 40 % is of violations, not of greedy accuracy, which this experiment wants high.",
        "Arms soft and hard start from what sl-4 learnt; their iteration 0 is that model, 1 the phase of "
        "preferences, which leaves it as it is, 2 reinforcement.",
    ],
    details=details,
)
