"""GRPO raises pass@1, narrows, and learns nothing from groups that score alike; its variants; trl's trainer.

Shao et al. 2024 (2402.03300), Yu et al. 2025 (DAPO, 2503.14476), Liu et al. 2025 (Dr. GRPO, 2503.20783),
Ahmadian et al. 2024 (RLOO, 2402.14740). All arms of a seed start from one model, write as many groups a step
and take as many steps; guards only observe. That one frozen batch has the same loss, gradient and advantages
in trl's trainers to 1e-5 is what tests/language/learner/test_policy_loss.py asserts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from engine.cli.text.run import open_task, open_verifier
from engine.language.measure.evaluation import evaluate
from engine.language.method.policy.config import PolicySettings
from engine.language.method.registry import build_text_config
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import load_model
from engine.language.rollout import Policy
from engine.language.task import Prompt
from engine.statistics import pass_at_k
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, Results
from experiments.text.product import (
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

WATCHED = (
    "policy/reward", "policy/zero_spread", "policy/entropy", "policy/length", "policy/kl",
    "policy/clipped_low", "policy/clipped_high", "pass/at_01", "pass/at_16", "coverage/solutions",
    "diversity/entropy", "drift/kl", "drift/bits_per_character", "alarm/level",
)  # fmt: skip

ARMS: dict[str, tuple[str, Settings]] = {
    "dapo": ("grpo", {}),
    "no_std": ("grpo", {"policy": {"scale": "none"}}),
    "kl": ("grpo", {"policy": {"beta": 0.04}}),
    "dynamic": ("grpo", {"policy": {"refills": 3}}),
    "reused": ("grpo", {"policy": {"updates": 4}}),
    "rloo": ("rloo", {}),
    "real": ("grpo", {"mix": {"real": True, "real_fraction": 0.2}}),
}
"""Method and settings: the token mean; without the deviation; held to the base; groups that score alike
replaced; four updates of each batch, in a quarter of the rounds; leave-one-out; a fifth
of each round real data."""


def cell(arm: str) -> Callable[[Cell], Measured]:
    """The cell of an arm that the product runs."""
    method, own = ARMS[arm]

    def measured(cell: Cell) -> Measured:
        return _measured(cell, method, own)

    return measured


def curriculum(cell: Cell) -> Measured:
    """Fewer problems, of which those that were all right or all wrong do not come again."""
    own = {"sample": {"band": [0.01, 0.99], "prompts": cell.sizes["pool"]}}
    return _measured(cell, "grpo", own)


def _measured(cell: Cell, method: str, own: Settings) -> Measured:
    task, shared = cell.sizes["task"], settings_of(cell.sizes, {"guards": {"mode": "observe"}})
    base = first_model(cell, task, shared)
    # Rewards alone, as in the papers and in trl; the arm `real` has what the method adds.
    groups = {
        "policy": {"groups": cell.sizes["groups"]},
        "mix": {"real": False, "real_fraction": 0.0},
    }
    run = run_loop(cell.folder, method, task, cell.seed, shared, groups, own, base)
    last = max(checkpoints(run))
    found = measure_all(run, cell.sizes["test"], [0, last], samples=cell.sizes["samples"])
    items = {name.replace(f"/{last}", "/last"): each for name, each in found.items()}
    return Measured(items, curves=curves(run, WATCHED))


def trl_cell(cell: Cell) -> Measured:
    """trl's GRPOTrainer on the same base, task, groups, steps and rate."""
    name, sizes = cell.sizes["task"], cell.sizes
    shared = settings_of(sizes)
    base = first_model(cell, name, shared)
    folder = Path(base["model"]["path"])
    task = open_task(name)
    groups, steps = sizes["groups"], sizes["trl_steps"]
    prompts = task.prompts("train", groups * steps, cell.seed)
    Random(cell.seed).shuffle(prompts)
    network = train_by_trl(cell, name, folder, prompts, groups, steps)
    model = LanguageModel(network, load_model(folder).codec.tokenizer)
    items = {f"{name}/last": each for name, each in _scores(cell, name, model).items()}
    items |= {f"{name}/0": each for name, each in _scores(cell, name, load_model(folder)).items()}
    return Measured(items)


def train_by_trl(cell: Cell, name: str, folder: Path, prompts: list[Prompt], groups: int, steps: int) -> Any:
    """The network after as many steps of trl's trainer, with the settings of the arm `dapo`."""
    import datasets
    import transformers
    import trl

    task, known = open_task(name), {prompt.text: prompt for prompt in prompts}
    samples = 8

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        pairs = zip(prompts, completions, strict=True)
        return [task.verify(known[prompt], text.partition(task.end)[0]).score for prompt, text in pairs]

    own = build_text_config("grpo", name, settings_of(cell.sizes))
    assert isinstance(own, PolicySettings)
    config = trl.GRPOConfig(
        output_dir=str(cell.folder), report_to=[], use_cpu=True, bf16=False, disable_tqdm=True,
        gradient_checkpointing=False, save_strategy="no", seed=cell.seed, max_steps=steps,
        per_device_train_batch_size=groups * samples, num_generations=samples, beta=0.0,
        loss_type="dapo", epsilon_high=0.28, max_completion_length=task.max_tokens, temperature=1.0,
        learning_rate=own.policy.learning_rate, lr_scheduler_type="constant_with_warmup", warmup_steps=5,
        weight_decay=own.learner.weight_decay, adam_beta2=own.learner.beta2,
        max_grad_norm=own.learner.gradient_clip,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
        reward_funcs=reward,
        args=config,
        train_dataset=datasets.Dataset.from_dict({"prompt": list(known)}),
        processing_class=load_model(folder).codec.tokenizer,
    )
    trainer.train()
    return trainer.model.eval()


def _scores(cell: Cell, name: str, model: LanguageModel) -> dict[str, Items]:
    """As `measure` has them."""
    task, samples = open_task(name), cell.sizes["samples"]
    with open_verifier(name, task) as verify:
        prompts = task.prompts("test", cell.sizes["test"], 0)
        result = evaluate(task, Policy(model, ""), prompts, verify, samples=samples)
    keys, right = list(result.keys), (result.scores >= 1).sum(axis=1)
    found = {"greedy": Items(keys, result.greedy.tolist())}
    for k in sorted({1, samples}):
        found[f"pass@{k}"] = Items(keys, pass_at_k(samples, right, k).tolist())
    return found


def gains(arm: str, name: str) -> Callable[[Results], Figure]:
    """Whether an arm ends 10 points or more above its base."""
    return ahead(arm, f"{name}/last", arm, f"{name}/0", 10.0)


def entropy_falls(found: Results) -> Figure:
    """Token entropy on the probe, last against first."""
    first, last = (found.point("dapo", "diversity/entropy", place) for place in (0, -1))
    return Figure(last <= 0.8 * first, f"{first:.3f} to {last:.3f} nats: {100 * (last / first - 1):+.0f} %")


def alike(arm: str) -> Callable[[Results], Figure]:
    """Whether fewer than half of the groups score alike, in the last iteration."""

    def check(found: Results) -> Figure:
        share = found.point(arm, "policy/zero_spread", -1)
        return Figure(share < 0.5, f"{100 * share:.0f} %")

    return check


def close(new: str, old: str, points: float) -> Callable[[Results], Figure]:
    """Whether two arms end within so many points of each other, greedy."""

    def check(found: Results) -> Figure:
        paired = found.difference(new, old, "greedy/last")
        low, high = 100 * paired.low, 100 * paired.high
        text = f"{100 * paired.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
        return Figure(abs(100 * paired.difference) <= points, text)

    return check


FULL: Settings = {
    "task": "countdown",
    "test": 1000,
    "samples": 16,
    "pool": 800,
    "groups": 64,
    "trl_steps": 150,
    "settings": {
        "model": {"size": "0.1M", "demonstrations": 6000, "steps": 1200},
        "sample": {"prompts": 3200, "samples": 8},
        "update": {"steps": 50},
        "loop": {"iterations": 3},
        "measure": {"validation": 500, "test": 1000, "control": False},
        "monitor": {"prompts": 128},
    },
}

GRPO = Experiment(
    name="grpo",
    claim="GRPO raises pass@1 and narrows; its variants and trl's trainer come out alike.",
    arms={**{arm: cell(arm) for arm in ARMS}, "curriculum": curriculum, "trl": trl_cell},
    lines=[
        in_band("dapo"),
        Line("the token mean (DAPO): 10 points or more over its base, greedy", gains("dapo", "greedy")),
        Line("its pass@1 rises by 10 points or more", gains("dapo", "pass@1")),
        Line("entropy falls by 20 % or more", entropy_falls),
        Line("own and trl's trainer end within 2 points", close("dapo", "trl", 2.0)),
        Line("with a curriculum fewer than half of the groups score alike", alike("curriculum")),
        Line("leave-one-out: 10 points or more over its base", gains("rloo", "greedy")),
    ],
    columns=[
        Column("greedy %, base", "greedy/0"),
        Column("greedy %", "greedy/last"),
        Column("pass@1 %, base", "pass@1/0"),
        Column("pass@1 %", "pass@1/last"),
        Column("pass@16 %, base", "pass@16/0"),
        Column("pass@16 %", "pass@16/last"),
    ],
    core_arms=("dapo", "curriculum", "rloo", "trl"),
    full=FULL,
    core=FULL,
    smoke={
        "task": "countdown:max_number=8,max_target=20",
        "test": 100,
        "samples": 16,
        "pool": 24,
        "groups": 8,
        "trl_steps": 2,
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 1000, "steps": 300},
            "sample": {"prompts": 60, "samples": 8},
            "update": {"steps": 4},
            "loop": {"iterations": 1},
            "measure": {"validation": 40, "test": 100, "control": False, "holdout": 50},
            "monitor": {"prompts": 16, "samples": 4},
        },
    },
)  # fmt: skip
