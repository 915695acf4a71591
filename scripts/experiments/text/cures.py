"""Every cure of collapse by itself, on sentences of a grammar and on Countdown, beside a model that has none.

The frame is that of `collapse` (Shumailov et al. 2023, 2305.17493): in each generation a model with fresh
weights learns what the one before it wrote, unverified and without real data. A cure is one change of that.
All arms of a task write as many samples and take as many gradient steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean

from engine.run.metrics import read_metrics
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Measured, NotMeasuredError, Results
from experiments.table import rows
from experiments.text.product import (
    Settings,
    checkpoints,
    curves,
    ever_accepted,
    first_model,
    in_band,
    measure_all,
    run_loop,
    settings_of,
)

BITS, RARE = "drift/bits_per_character", "coverage/rare_recall"
WATCHED = (
    BITS, RARE, "pass/at_01", "pass/at_16", "coverage/solutions", "coverage/unique", "diversity/entropy",
    "diversity/self_bleu_across", "drift/kl", "accuracy/greedy", "data/kept", "alarm/level",
)  # fmt: skip

UNVERIFIED: Settings = {
    "sample": {"distinct": False},
    "filter": {"thresholds": [0.0], "distinct": False},
    "mix": {"real": False},
    "update": {"start": "fresh"},
    "guards": {"mode": "observe"},
}
BOTH, COUNTDOWN = ("grammar", "countdown"), ("countdown",)

NEVER = {"warn": 1e6, "alert": 1e6}
QUIET: Settings = {
    **dict.fromkeys(
        ("distinct", "self_bleu", "entropy", "unique", "coverage", "rare", "holdout", "accuracy", "kl", "gap",
         "gold", "exploits", "length", "length_correlation", "variation_gap", "top_share", "zero_spread"),
        NEVER,
    ),
    "gate": {"warn": 1.0, "alert": 1.0}, "pass_at_k": 1.0, "narrowing": 1.0, "kl_growth": 1000.0,
    "entropy_floor": 0.0,
}  # fmt: skip
"""Thresholds that no alarm passes, for guards of which one alone is to act."""


def alone(**thresholds: object) -> Settings:
    """Guards that act on these thresholds and no others."""
    return {"guards": {"mode": "act"}, "monitor": {"thresholds": {**QUIET, **thresholds}}}


KINDS: dict[str, tuple[tuple[str, ...], Settings]] = {
    "replace": (BOTH, {}),
    "tenth": (BOTH, {"mix": {"real": True, "real_fraction": 0.1}}),
    "half": (BOTH, {"mix": {"real": True, "real_fraction": 0.5}}),
    "accumulate": (BOTH, {"mix": {"real": True, "keep": "accumulate"}}),
    "verified": (BOTH, {"filter": {"thresholds": [1.0]}}),
    "base": (BOTH, {"update": {"start": "base"}}),
    "last": (BOTH, {"update": {"start": "last"}}),
    "weights": (BOTH, {"update": {"start": "last"}, "noise": {"weights": 0.1}}),
    "cool": (BOTH, {"sample": {"temperature": 0.7}}),
    "hot": (BOTH, {"sample": {"temperature": 1.15}}),
    "steps": (BOTH, {"noise": {"steps": 0.2, "temperature": 1.5}}),
    "prompts": (COUNTDOWN, {"noise": {"prompts": 0.1}}),
    "cap": (BOTH, {"filter": {"per_prompt": 2}}),
    "distinct": (BOTH, {"sample": {"distinct": True}}),
    "band": (COUNTDOWN, {"sample": {"band": [0.05, 0.95]}}),
    "rare": (BOTH, {"mix": {"rare": 0.5}}),
    "gate": (BOTH, alone(gate={"warn": 0.5, "alert": 0.95})),
    "budget": (BOTH, {"update": {"start": "last"}, **alone(kl_budget=2.0)}),
    "guarded": (BOTH, {"guards": {"mode": "act"}}),
    "together": (
        BOTH,
        {"filter": {"thresholds": [1.0]}, "mix": {"real": True}, "update": {"start": "base"}},
    ),
}
"""By name the tasks that a cure can act on, and what it changes."""

MEANING = {
    "replace": "no cure",
    "tenth": "a tenth is real data (`mix.real_fraction`)",
    "half": "half is real data (`mix.real_fraction`)",
    "accumulate": 'real data and all that was written before (`mix.keep = "accumulate"`)',
    "verified": "what the verifier lets through (`filter.thresholds`)",
    "base": 'training from the first model (`update.start = "base"`)',
    "last": 'training from the model before (`update.start = "last"`)',
    "weights": "the same beside noise on its weights (`noise.weights = 0.1`)",
    "cool": "`sample.temperature = 0.7`",
    "hot": "`sample.temperature = 1.15`",
    "steps": "every fifth step at temperature 1.5 (`noise.steps`)",
    "prompts": "every tenth character of a prompt another one (`noise.prompts`)",
    "cap": "the two most different of four samples of a problem (`filter.per_prompt`)",
    "distinct": "samples of a problem without replacement (`sample.distinct`)",
    "band": "problems that are neither hopeless nor solved (`sample.band`)",
    "rare": "texts of rare kinds count more (`mix.rare = 0.5`)",
    "gate": "the gate alone: a model that is surely worse is not taken (`thresholds.gate`)",
    "budget": "`last`, and 2 nats a sample from the first model (`thresholds.kl_budget`)",
    "guarded": 'the gate, all alarms and their responses, roll-back (`guards.mode = "act"`)',
    "together": "`verified` and `base`, with each piece of real data once: ReST-EM",
}


def cell(task: str, change: Settings) -> Callable[[Cell], Measured]:
    """The cell of one cure on one task: its generations, and what is left of the first model."""

    def measured(cell: Cell) -> Measured:
        sizes = cell.sizes[task]
        shared = settings_of(sizes)
        base = first_model(cell, sizes["task"], shared, {"sample": {"distinct": False}}, name=task)
        run = run_loop(cell.folder, "rest-em", sizes["task"], cell.seed, shared, UNVERIFIED, change, base)
        lines, taken = read_metrics(run / "metrics.jsonl"), ever_accepted(run)
        last = int(lines[-1]["accepted"])
        bits = [line[BITS] / lines[0][BITS] - 1 for line in lines]
        values = {"nll_rise": bits[last], "worst_nll_rise": max(bits[number] for number in taken)}
        values |= {"rare_recall": lines[last].get(RARE, 1.0), "accepted": float(len(taken) - 1)}
        for name in ("pass/at_16", "coverage/solutions"):
            if name in lines[0]:
                values[f"{name} kept"] = lines[last][name] / max(lines[0][name], 1e-9)
        values["tokens"] = float(lines[-1]["speed/tokens"])
        items = {}
        if task == "countdown":
            items = measure_all(run, sizes["test"], sorted({*checkpoints(run)}))
            means = [fmean(items[f"greedy/{number}"].scores) for number in checkpoints(run)]
            values |= {"kept": means[last] / max(means[0], 1e-9), "loss": means[0] - means[last]}
            values["worst_accepted"] = min(means[number] - means[0] for number in taken)
        return Measured(items, values, curves(run, WATCHED), {"accepted": taken})

    return measured


DAMAGE: Mapping[str, str] = {"grammar": "nll_rise", "countdown": "loss"}
"""What collapse does to each task: likelihood of real data lost, greedy accuracy lost."""


def undone(found: Results, task: str, cure: str) -> float:
    """Share of the damage that a cure spares: 1 all, 0 none, below 0 it makes things worse."""
    name, arm = DAMAGE[task], f"{task}-{cure}"
    seeds = found.seeds(arm, f"{task}-replace")
    if not seeds:
        raise NotMeasuredError(f"{arm} and {task}-replace of one seed")
    without, with_it = (
        fmean(found.cells[each, seed].values[name] for seed in seeds) for each in (f"{task}-replace", arm)
    )
    if without <= 0:
        raise NotMeasuredError(f"damage of {task}-replace")
    return 1 - with_it / without


def table(found: Results) -> str:
    """One row a cure, the best first: what it spares on each task, and what is left of what is rare."""
    ranked = []
    for cure, (tasks, _) in KINDS.items():
        spared: dict[str, float] = {}
        for task in tasks:
            try:
                spared[task] = undone(found, task, cure)
            except NotMeasuredError:
                continue
        if spared:
            left = [_value(found, f"grammar-{cure}", "rare_recall")]
            kept = ("pass/at_16 kept", "coverage/solutions kept")
            left += [_value(found, f"countdown-{cure}", name) for name in kept]
            cells = [f"{100 * spared[task]:.0f}" if task in spared else "" for task in BOTH]
            ranked.append((fmean(spared.values()), [cure, MEANING[cure], *cells, *left]))
    ranked.sort(key=lambda row: -row[0])
    head = ["cure", "what", "grammar: damage spared %", "Countdown: damage spared %", "rare words left %",
            "pass@16 kept %", "solutions kept %"]  # fmt: skip
    return rows(head, [cells for _, cells in ranked])


def _value(found: Results, arm: str, name: str) -> str:
    try:
        return f"{100 * found.value(arm, name):.0f}"
    except NotMeasuredError:
        return ""


def spares(cure: str, share: float, tasks: tuple[str, ...] = BOTH) -> Callable[[Results], Figure]:
    """Whether a cure spares so much of the damage on each of the tasks."""

    def check(found: Results) -> Figure:
        shares = {task: undone(found, task, cure) for task in tasks}
        text = ", ".join(f"{task} {100 * value:.0f} %" for task, value in shares.items())
        return Figure(all(value >= share for value in shares.values()), text)

    return check


def collapses(found: Results) -> Figure:
    """Whether the arm without a cure does."""
    bits, rare = (found.value("grammar-replace", name) for name in ("nll_rise", "rare_recall"))
    lost = 1 - found.value("countdown-replace", "kept")
    text = f"bits {100 * bits:+.0f} %, rare words left {100 * rare:.0f} %, greedy lost {100 * lost:.0f} %"
    return Figure(bits >= 0.15 and rare <= 0.5 and lost >= 0.5, text)


def forgets_less(new: str, old: str) -> Callable[[Results], Figure]:
    """Whether more of the rare words are left to one arm than to another."""

    def check(found: Results) -> Figure:
        more, less = (found.value(f"grammar-{cure}", "rare_recall") for cure in (new, old))
        return Figure(more > less, f"{100 * more:.0f} % against {100 * less:.0f} %")

    return check


def noise_helps(found: Results) -> Figure:
    """Whether some noise spares a tenth on some task, beside the arm that is like it but for the noise."""
    gains = {
        f"{noise}, {task}": undone(found, task, noise) - undone(found, task, beside)
        for noise, beside in (("steps", "replace"), ("prompts", "replace"), ("weights", "last"))
        for task in KINDS[noise][0]
    }
    text = ", ".join(f"{name} {100 * gain:+.0f} points" for name, gain in gains.items())
    return Figure(max(gains.values()) >= 0.1, text)


def no_worse_model(found: Results) -> Figure:
    """Whether guards let none through that is much worse than the first."""
    fell = min(found.values("countdown-guarded", "worst_accepted"))
    rose = max(found.values("grammar-guarded", "worst_nll_rise"))
    return Figure(fell >= -0.03 and rose <= 0.1, f"{100 * fell:+.1f} points, {100 * rose:+.1f} % bits")


CORE = (
    "replace", "half", "accumulate", "base", "verified", "together", "cool", "hot", "steps", "rare", "cap",
)  # fmt: skip
SIZES: Settings = {
    "model": {"size": "0.1M", "demonstrations": 3500, "steps": 1400},
    "learner": {"batch_tokens": 2048},
    "sample": {"prompts": 1000, "samples": 4},
    "update": {"steps": 1400},
    "measure": {"validation": 500, "test": 1000, "control": False},
    "monitor": {"prompts": 128, "samples": 16},
    "loop": {"iterations": 2},
}
SENTENCES: Settings = {
    "model": {"size": "0.1M", "demonstrations": 1000, "steps": 500},
    "learner": {"batch_tokens": 2048},
    "sample": {"prompts": 250, "samples": 4},
    "update": {"steps": 500},
    "measure": {"validation": 50, "test": 50, "control": False},
    "monitor": {"prompts": 128, "samples": 16, "rare_share": 0.006, "rare_keys": 4},
    "loop": {"iterations": 5},
}

ARMS = {f"{task}-{cure}": cell(task, change) for cure, (tasks, change) in KINDS.items() for task in tasks}
CURES = Experiment(
    name="cures",
    claim="Which cure of collapse spares how much, each alone, on a grammar and on Countdown.",
    arms=ARMS,
    lines=[
        in_band("countdown-replace"),
        Line(
            "without a cure: bits a character rise by 15 % or more, half or more of the rare words and of "
            "the greedy accuracy are lost",
            collapses,
        ),
        Line("half real data spares 90 % or more of the damage on both tasks", spares("half", 0.9)),
        Line("a tenth of real data spares half or more on both tasks", spares("tenth", 0.5)),
        Line("accumulating spares 80 % or more on both tasks", spares("accumulate", 0.8)),
        Line("restart from the first model spares half or more on both tasks", spares("base", 0.5)),
        Line("verification spares half or more on Countdown", spares("verified", 0.5, COUNTDOWN)),
        Line(
            "verification, real data and restart together spare all of it on Countdown",
            spares("together", 1.0, COUNTDOWN),
        ),
        Line("at temperature 0.7 fewer rare words are left than at 1", forgets_less("replace", "cool")),
        Line("weight on rare kinds leaves more rare words", forgets_less("rare", "replace")),
        Line(
            "the most different two of four leave more rare words than all four",
            forgets_less("cap", "replace"),
        ),
        Line(
            "noise on steps, prompts or weights spares a tenth or more of the damage on some task",
            noise_helps,
        ),
        Line(
            "guards acting: no accepted model is more than 3 points or 10 % bits worse than the first",
            no_worse_model,
        ),
    ],
    columns=[
        Column("greedy %, base", "greedy/0"),
        Column("generation 1", "greedy/1"),
        Column("generation 2", "greedy/2"),
        Column("bits a character, rise %", "nll_rise"),
        Column("rare words left %", "rare_recall"),
        Column("accepted", "accepted", percent=False),
        Column("tokens written", "tokens", percent=False),
    ],
    details=table,
    full={
        "countdown": {"task": "countdown", "test": 1000, "settings": SIZES},
        "grammar": {"task": "grammar:words=300", "settings": SENTENCES},
    },
    core={
        "countdown": {
            "task": "countdown",
            "test": 1000,
            "settings": {
                **SIZES,
                "model": {"size": "0.1M", "demonstrations": 3500, "steps": 1100},
                "update": {"steps": 1100},
                "measure": {"validation": 200, "test": 1000, "control": False},
                "monitor": {"prompts": 48, "samples": 16},
                "loop": {"iterations": 1},
            },
        },
        "grammar": {
            "task": "grammar:words=300",
            "settings": {
                **SENTENCES,
                "learner": {"batch_tokens": 1024},
                "update": {"steps": 400},
                "monitor": {"prompts": 64, "samples": 16, "rare_share": 0.01, "rare_keys": 3},
                "loop": {"iterations": 2},
            },
        },
    },
    core_arms=tuple(arm for arm in ARMS if arm.partition("-")[2] in CORE),
    smoke={
        "countdown": {
            "task": "countdown:max_number=8,max_target=20",
            "test": 100,
            "settings": {
                "model": {"size": "0.1M", "demonstrations": 500, "steps": 60},
                "learner": {"batch_tokens": 1024},
                "sample": {"prompts": 20, "samples": 4},
                "update": {"steps": 6},
                "measure": {"validation": 30, "test": 100, "control": False, "holdout": 40},
                "monitor": {"prompts": 16, "samples": 2, "replicates": 200},
                "loop": {"iterations": 2},
            },
        },
        "grammar": {
            "task": "grammar:words=100",
            "settings": {
                "model": {"size": "0.1M", "demonstrations": 300, "steps": 60},
                "learner": {"batch_tokens": 1024},
                "sample": {"prompts": 15, "samples": 4},
                "update": {"steps": 6},
                "measure": {"validation": 16, "test": 16, "control": False, "holdout": 40},
                "monitor": {
                    "prompts": 16,
                    "samples": 2,
                    "replicates": 200,
                    "rare_share": 0.3,
                    "rare_keys": 1,
                },
                "loop": {"iterations": 2},
            },
        },
    },
    notes=[
        "Damage is the rise of bits a character of real data on the grammar, the loss of greedy accuracy on "
        "Countdown, of the model that counts in the end; a cure that spares all of it has 100 %, the arm "
        "without one 0. `accumulate` has real data, as all that was there before the first generation stays.",
        "`weights` is to be read beside `last`: noise on weights that are fresh anyway is nothing. Every "
        "prompt of the grammar is one character, so `prompts` and `band` are of Countdown alone.",
        "Where guards act a model that is refused leaves the one before it, which is what spares the damage.",
        "Ensembles of verifiers are for verdicts that can be fooled: `overoptimisation` has them.",
    ],
)
