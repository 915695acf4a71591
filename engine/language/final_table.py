"""The table at the end of a run: what the first model, a control and the result do on test problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.language.evaluation import Result, aligned, evaluate, table_row
from engine.language.learner.filter import mix
from engine.language.model.model import LanguageModel
from engine.language.parts import Parts, learn, tell_ending
from engine.language.problem.problems import some_problems
from engine.language.rollout import Policy
from engine.language.settings import MixConfig
from engine.language.task import Prompt
from engine.run.tensorboard import markdown_table


def final_table(parts: Parts) -> list[dict[str, Any]]:
    """Base, control and result on the test problems; the control has as many steps on real data.

    A critic writes nothing: its row is of the first model's samples, valued by it.
    """
    prompts = some_problems(parts.task, "test", parts.config.measure.test, 0)
    parts.reporter.message(f"measuring on {len(prompts)} test problems")
    rows = _critic_row(parts, prompts) if parts.config.is_critic else _rows(parts, prompts)
    parts.metrics.text(parts.progress.iteration, "result/table", markdown_table(rows))
    return rows


def _critic_row(parts: Parts, prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    iteration = parts.progress.accepted
    name = f"first, valued by iteration {iteration}" if iteration else "first"
    return [table_row(name, _measured(parts, prompts, parts.base, parts.model))]


def _rows(parts: Parts, prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    config, run = parts.config, parts.run
    first = _measured(parts, prompts, run.model(0))
    found = {"first": first}
    if config.measure.control and parts.real and parts.progress.steps:
        control = run.model(0)
        examples, steps = mix([], parts.real, MixConfig(), 0, task=parts.task), parts.progress.steps
        with parts.reporter.phase("training the control", steps, "steps") as move:
            found_by = learn(control, config, examples, steps, ("control",), move)
        tell_ending(parts.reporter, config, found_by, steps)
        found["control"] = _measured(parts, prompts, control)
    rows = [table_row("first", first, dict.fromkeys(found, first))]
    if "control" in found:
        rows.append(table_row("control", found["control"], found))
    result = _measured(parts, prompts, parts.model)
    return aligned([*rows, table_row(f"iteration {parts.progress.accepted}", result, found)])


def _measured(
    parts: Parts, prompts: Sequence[Prompt], model: LanguageModel, critic: LanguageModel | None = None
) -> Result:
    config = parts.config
    with parts.reporter.phase("measuring", len(prompts) * (1 + config.measure.samples)) as move:
        return evaluate(
            parts.task, Policy(model, ""), prompts, parts.verify, samples=config.measure.samples,
            rows=config.loop.rows, seed=config.seed, on_rows=move, critic=critic,
        )  # fmt: skip
