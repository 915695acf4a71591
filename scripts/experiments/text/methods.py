"""All methods on Countdown from one first model, with as many tokens to learn from and as many steps.

Arms are the methods that are registered. Each keeps its own settings but for how many problems it practises
on and how many steps it takes, which are set so that the run comes to the budget. Critics write nothing:
theirs is the greedy accuracy of the first model, and beside it the best of its samples by their values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.cli.text.run import open_task, open_verifier
from engine.config.layer import merge
from engine.errors import UserError
from engine.language.forecast.forecast import counts_of, stages
from engine.language.measure.evaluation import evaluate
from engine.language.method.registry import METHODS as REGISTERED
from engine.language.method.registry import build_text_config, method_of
from engine.language.problem.problems import demonstrations
from engine.language.record.text_run import newest_critic, newest_model
from engine.language.rollout import Policy
from engine.language.settings import TextConfig
from engine.run.metrics import read_metrics
from engine.statistics import pass_at_k
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, NotMeasuredError, Results
from experiments.table import rows
from experiments.text.product import Settings, curves, first_model, in_band, run_loop, settings_of

FREE = ("build the first model", "build other models", "watch", "control", "measure")
"""Stages of a forecast that are not of the method's own budget, nor are those that prepare a first model."""
WRITING = (("sample", "prompts"), ("policy", "groups"))
LEARNING = (("update", "steps"), ("constitution", "preference_steps"), ("constitution", "policy_steps"))
NEAR = 0.25
"""How far from the budget a run may be and count as equal."""
WATCHED = (
    "accuracy/greedy",
    "pass/at_01",
    "pass/at_16",
    "coverage/solutions",
    "drift/kl",
    "data/zero_spread",
)


def planned(config: TextConfig) -> tuple[float, float]:
    """(tokens written to learn from, gradient steps) of a run with these settings."""
    task = open_task(config.task)
    real = demonstrations(task, 200, config.seed)
    length = 1 + sum(len(each.completion) for each in real) / len(real)
    counts, trainer = counts_of(task, config, real), method_of(config).trainer(config)
    free = {*FREE, *(stage.name for stage in trainer.preparation(length, counts.practised))}
    own = [stage for stage in stages(config, length, counts) if stage.name not in free]
    return sum(stage.written for stage in own), sum(stage.steps for stage in own)


def budgeted(method: str, task: str, tokens: float, steps: float, *settings: Settings) -> dict[str, Any]:
    """What makes a run of a method come to so many tokens and steps, as near as its settings let it.

    Tokens are set by the first of WRITING that moves them, steps by all of LEARNING together.
    """
    chosen: dict[str, Any] = {}

    def config(*more: Settings) -> TextConfig:
        return build_text_config(method, task, *settings, merge(chosen, *more))

    for _ in range(4):  # whole numbers, and steps that grow, take a few rounds
        _, taken = planned(config())
        chosen = merge(chosen, _times(config(), LEARNING, steps / max(taken, 1)))
        written, _ = planned(config())
        for knob in WRITING:
            more = _times(config(), (knob,), tokens / max(written, 1))
            if written and more and planned(config(_times(config(), (knob,), 2)))[0] > 1.5 * written:
                chosen = merge(chosen, more)
                break
    return chosen


def _times(config: TextConfig, names: Sequence[tuple[str, str]], factor: float) -> dict[str, Any]:
    """Those of the settings that there are, times a factor, whole and 1 at least."""
    found: dict[str, Any] = {}
    for section, name in names:
        value = getattr(getattr(config, section, None), name, None)
        if value is not None:
            found.setdefault(section, {})[name] = max(1, round(value * factor))
    return found


def cell(method: str) -> Callable[[Cell], Measured]:
    """The cell of a method; one that is not for this task says why."""

    def measured(cell: Cell) -> Measured:
        task, shared = cell.sizes["task"], settings_of(cell.sizes, {"guards": {"mode": "observe"}})
        base = first_model(cell, task, cell.sizes["settings"])
        budget = cell.sizes["budget"]
        try:
            own = budgeted(method, task, budget["tokens"], budget["steps"], shared, {"seed": cell.seed}, base)
            run = run_loop(cell.folder, method, task, cell.seed, shared, own, base)
        except UserError as refused:
            return Measured(notes={"refused": str(refused)})
        lines = read_metrics(run / "metrics.jsonl")
        first, last = lines[0], lines[int(lines[-1]["accepted"])]
        values = {f"wanted {name}": float(amount) for name, amount in budget.items()}
        values |= {"tokens": sum(line.get("data/tokens", 0.0) for line in lines)}
        values |= {"steps": sum(line.get("data/steps", 0.0) for line in lines)}
        values |= {"minutes": lines[-1]["minutes"], "covered": last.get("coverage/solutions", float("nan"))}
        values |= {"iterations": float(len(lines) - 1), "covered at first": first["coverage/solutions"]}
        items = scores(cell, run)
        return Measured(items, values, curves(run, WATCHED), {"settings": own})

    return measured


def scores(cell: Cell, run: Any) -> dict[str, Items]:
    """Of the first model (`greedy/0`, `pass@k/0`), of what counts in the end, and of the best by a critic."""
    task, samples = open_task(cell.sizes["task"]), cell.sizes["samples"]
    prompts, found = task.prompts("test", cell.sizes["test"], 0), dict[str, Items]()
    with open_verifier(cell.sizes["task"], task) as verify:
        for name, path, critic in (
            ("/0", cell.shared / "base", None),
            ("", run, newest_critic(run)),
        ):
            made = evaluate(
                task, Policy(newest_model(path), ""), prompts, verify, samples=samples, critic=critic
            )
            keys, right = list(made.keys), (made.scores >= 1).sum(axis=1)
            found[f"greedy{name}"] = Items(keys, made.greedy.tolist())
            found[f"pass@{samples}{name}"] = Items(keys, pass_at_k(samples, right, samples).tolist())
            if made.best is not None and critic is not None:
                found[f"best of {samples}"] = Items(keys, made.best.tolist())
    return found


def table(found: Results) -> str:
    """A row a method, the best first: what it gained on the first model and on ReST-EM, and what it took."""
    ranked: list[tuple[float, list[str]]] = []
    refused = []
    for method in REGISTERED:
        seeds = found.seeds(method)
        if not seeds:
            continue
        if notes := [why for seed in seeds if (why := found.cells[method, seed].notes.get("refused"))]:
            refused.append(f"- `{method}` is not run: {notes[0]}")
            continue
        greedy = found.mean(method, "greedy").value
        cells = [f"`{method}`", f"{100 * greedy:.1f}", _gain(found, method, "greedy/0", method)]
        cells += [_gain(found, method, "greedy", "rest-em")]
        values = [found.value(method, name) for name in ("tokens", "steps", "minutes")]
        cells += [f"{values[0]:,.0f}", f"{values[1]:,.0f}", f"{values[2]:.1f}"]
        ranked.append((greedy, cells))
    ranked.sort(key=lambda row: -row[0])
    head = [
        "method",
        "greedy %",
        "more than the first model",
        "more than `rest-em`",
        "tokens",
        "steps",
        "minutes",
    ]
    return "\n".join([rows(head, [cells for _, cells in ranked]), *(["", *refused] if refused else [])])


def _gain(found: Results, method: str, old: str, other: str) -> str:
    try:
        gain = found.difference(method, other, "greedy", old)
    except NotMeasuredError:
        return ""
    return f"{100 * gain.difference:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"


def ran(found: Results) -> list[str]:
    """Methods that write and were measured."""
    names = [
        name for name in REGISTERED if found.seeds(name) and not any(
            "refused" in found.cells[name, seed].notes or "best of" in " ".join(found.cells[name, seed].items)
            for seed in found.seeds(name)
        )
    ]  # fmt: skip
    if not names:
        raise NotMeasuredError("a method")
    return names


def equal_budgets(found: Results) -> Figure:
    """Whether every method that writes to learn kept to the budget."""
    worst, told = 0.0, ""
    for method in ran(found):
        for name in FULL["budget"]:
            taken, wanted = found.value(method, name), found.value(method, f"wanted {name}")
            off = abs(taken / wanted - 1) if taken else 0.0
            if off > worst:
                worst, told = off, f"{method}: {taken:,.0f} {name} of {wanted:,.0f}"
    return Figure(worst <= NEAR, f"the farthest is {told}" if told else "none is off")


def beats_control(found: Results) -> Figure:
    """Whether ReST-EM gains on as many steps on real data, surely."""
    gain = found.difference("rest-em", "sft", "greedy")
    text = f"{100 * gain.difference:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    return Figure(gain.low > 0, text)


def best_gain(found: Results) -> Figure:
    """What the best method gains on ReST-EM; it is one that is surely better, or there is none."""
    gains = {
        method: found.difference(method, "rest-em", "greedy") for method in ran(found) if method != "rest-em"
    }
    if not gains:
        raise NotMeasuredError("another method than rest-em")
    best = max(gains, key=lambda method: gains[method].difference)
    gain = gains[best]
    text = f"{best}: {100 * gain.difference:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    return Figure(gain.low > 0, text)


FULL: Settings = {
    "task": "countdown",
    "test": 1000,
    "samples": 16,
    "budget": {"tokens": 600_000, "steps": 600},
    "settings": {
        "model": {"size": "0.1M", "demonstrations": 3500, "steps": 2000},
        "learner": {"batch_tokens": 2048},
        "measure": {"validation": 500, "test": 100, "control": False},
        "monitor": {"prompts": 128, "samples": 16},
    },
}
HALF = {"tokens": 300_000, "steps": 300}
METHODS = Experiment(
    name="methods",
    claim="All methods on Countdown at equal tokens and steps: what each gains, and what it takes.",
    arms={method: cell(method) for method in REGISTERED},
    lines=[
        in_band("rest-em"),
        Line(
            f"every method that writes comes within {NEAR:.0%} of the tokens and steps".replace("%", " %"),
            equal_budgets,
        ),
        Line("ReST-EM gains on as many steps on real data (95 % interval above 0)", beats_control),
        Line("some method gains on ReST-EM (95 % interval above 0)", best_gain),
    ],
    columns=[
        Column("greedy %, first model", "greedy/0"),
        Column("greedy %", "greedy"),
        Column("pass@16 %, first model", "pass@16/0"),
        Column("pass@16 %", "pass@16"),
        Column("best of 16 by its values %", "best of 16"),
        Column("solutions found %, first model", "covered at first"),
        Column("solutions found %", "covered"),
        Column("tokens", "tokens", percent=False),
        Column("steps", "steps", percent=False),
        Column("minutes", "minutes", percent=False),
    ],
    details=table,
    full=FULL,
    core=merge(FULL, {"budget": HALF}),
    core_arms=tuple(REGISTERED),
    smoke={
        "task": "countdown:max_number=8,max_target=20",
        "test": 40,
        "samples": 4,
        "budget": {"tokens": 3000, "steps": 12},
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 500, "steps": 60},
            "learner": {"batch_tokens": 512},
            "measure": {"validation": 20, "test": 20, "control": False, "holdout": 30, "samples": 0},
            "monitor": {"prompts": 12, "samples": 4, "replicates": 200},
        },
    },
    notes=[
        "Tokens are those that a method wrote to learn from, steps those of the model that writes or values; "
        "both are counted, not planned. `sft` writes none, `spin` one sample to each demonstration and no "
        "more. Solutions found are of 128 problems in 16 samples each. Minutes are of one thread of a "
        "machine that others used, too.",
    ],
)
