"""The table at the end of a run: what the first model, a control and the result do on test problems."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from engine.language.learner.filter import mix
from engine.language.learner.training import learn, tell_ending
from engine.language.measure.evaluation import Result, aligned, evaluate, table_row
from engine.language.method.role import Measured
from engine.language.model.model import LanguageModel
from engine.language.parts import Parts
from engine.language.problem.problems import some_problems
from engine.language.rollout import Policy
from engine.language.settings import MixConfig
from engine.language.task import Prompt
from engine.run.tensorboard import markdown_table


def final_table(parts: Parts) -> list[dict[str, Any]]:
    """What the role shows of the result, on the test problems, each row with how much better it is.

    Behind the first row stands a control, which has had as many steps on real data alone.
    """
    prompts = some_problems(parts.task, "test", parts.config.measure.test, 0)
    parts.reporter.message(f"measuring on {len(prompts)} test problems")
    first, *others = parts.role.measured(parts.base, parts.model, parts.progress.accepted)
    begun = _measured(parts, prompts, first)
    found = {first.name: begun}
    if others and parts.config.measure.control and parts.real and parts.progress.steps:
        found["control"] = _measured(parts, prompts, Measured("control", _control(parts)))
    rows = [
        table_row(first.name, found[first.name], dict.fromkeys(found, found[first.name]) if others else {})
    ]
    rows += [table_row(name, result, found) for name, result in found.items() if name != first.name]
    rows += [table_row(other.name, _measured(parts, prompts, other), found) for other in others]
    parts.metrics.text(parts.progress.iteration, "result/table", markdown_table(aligned(rows)))
    return aligned(rows)


def _control(parts: Parts) -> LanguageModel:
    """The first model, trained on real data alone for as many steps as the result."""
    control, steps = parts.run.model(0), parts.progress.steps
    examples = mix([], parts.real, MixConfig(), 0, task=parts.task)
    with parts.reporter.phase("training the control", steps, "steps") as move:
        found = learn(control, parts.config, examples, steps, ("control",), move)
    tell_ending(parts.reporter, parts.config, found, steps)
    return control


def _measured(parts: Parts, prompts: Sequence[Prompt], row: Measured) -> Result:
    config, turn = parts.config, parts.now or parts.turn()
    with parts.reporter.phase("measuring", len(prompts) * (1 + config.measure.samples)) as move:
        return evaluate(
            parts.task, Policy(row.writer, ""), prompts, parts.verify, samples=config.measure.samples,
            rows=config.loop.rows, seed=config.seed, on_rows=move, critic=row.critic,
            figures=partial(parts.method.figures, turn),
        )  # fmt: skip
