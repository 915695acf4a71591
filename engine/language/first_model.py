"""The model that a run on text begins with: named, or built from nothing on demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.learner.filter import mix
from engine.language.learner.training import learn, tell_ending
from engine.language.material import evaluation_prompts, practice
from engine.language.model.ability import check_learning
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import add_adapter, load_model
from engine.language.model.tiny_model import build_model
from engine.language.settings import MixConfig
from engine.language.task import Demonstration, Task
from engine.run.reporter import Reporter

if TYPE_CHECKING:
    from engine.language.settings import TextConfig


def first_model(
    task: Task,
    config: TextConfig,
    real: Sequence[Demonstration],
    reporter: Reporter,
    *,
    values: bool = False,
    check: Callable[[LanguageModel], None] = lambda _: None,
) -> LanguageModel:
    """The model that is named, which is to learn `values`, or one built and trained on demonstrations.

    `check` is given it before it is trained.
    """
    if model := named_model(config, values=values):
        check(model)
        return model
    if not real:
        raise UserError(
            f"task '{task.name}' has no demonstrations to build a model on; name one with --model"
        )
    settings = config.model
    model = new_model(task, config, real)
    check(model)
    reporter.message(f"building a model of {settings.size} parameters on {len(real)} demonstrations")
    with reporter.phase("building the model", settings.steps, "steps") as move:
        found = learn(model, config, mix([], real, MixConfig(), 0, task=task), settings.steps, (0,), move)
    tell_ending(reporter, config, found, settings.steps)
    return model


def named_model(config: TextConfig, *, values: bool = False) -> LanguageModel | None:
    """The model that the settings name, with its adapter; None where they name none.

    Raises UserError where it cannot be loaded, or cannot learn, or not `values` where those are learnt.
    """
    settings = config.model
    if not settings.path:
        return None
    adapter = Path(settings.adapter) if settings.adapter else None
    model = load_model(Path(settings.path), adapter, chat=settings.chat)
    if settings.lora.rank and not model.has_adapter:
        lora = settings.lora
        model = add_adapter(model, lora.rank, lora.alpha, lora.dropout, config.seed)
    check_learning(model, values=values)
    return model


def new_model(task: Task, config: TextConfig, real: Sequence[Demonstration]) -> LanguageModel:
    """A model with fresh weights that can spell the task."""
    prompts = [d.prompt for d in real] + evaluation_prompts(task, config)
    written = [d.completion for d in real] + [p.text for p in (*prompts, *practice(task, config, real, []))]
    alphabet = task.alphabet or "".join(sorted(set().union(*written)))
    longest = max(len(prompt.text) for prompt in prompts) + task.max_tokens
    # Room for problems a little longer than those seen here.
    return build_model(alphabet, config.model.size, config.seed, context=max(256, longest + longest // 4))
