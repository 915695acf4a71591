"""All methods by name. One is registered by its line here, and whatever lists methods finds it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import UserError
from engine.language.method.idle import Idle, shown, value_at
from engine.language.method.method import Method

if TYPE_CHECKING:
    from engine.language.settings import TextConfig
    from engine.language.task import Task


class Entry(NamedTuple):
    """A method's line."""

    place: str
    """`module:NAME`; a dot before it: of this package."""
    summary: str
    """For the command's help, which imports no method."""


METHODS = {
    "sft": Entry(".text:SFT", "Supervised fine-tuning on demonstrations."),
    "rft": Entry(".text:RFT", "Rejection-sampling fine-tuning: right completions of several models."),
    "star": Entry(".text:STAR", "STaR: right completions, and failures again with the answer as a hint."),
    "rest": Entry(".text:REST", "ReST: one sampling, several trainings with rising thresholds."),
    "rest-em": Entry(".text:REST_EM", "ReST-EM: right completions, each time from the first model again."),
    "alphazero": Entry(".search:ALPHAZERO", "Tree search on text: its visits and values are the targets."),
    "prm": Entry(".critic.method:PRM", "A process reward model: the value of every step."),
    "orm": Entry(".critic.method:ORM", "An outcome reward model: the value of a completion by its outcome."),
    "reward": Entry(".reward.method:REWARD", "A reward model: which of two responses is the better."),
    "dpo": Entry(".preference.dpo:DPO", "Direct preference optimisation: better completions against worse."),
    "spin": Entry(".preference.spin:SPIN", "Self-play: real data against what the model itself writes."),
    "grpo": Entry(".policy.group:GRPO", "GRPO: what scores above the mean of its problem is reinforced."),
    "rloo": Entry(".policy.group:RLOO", "RLOO: REINFORCE less the mean of a problem's others."),
    "ppo": Entry(".policy.ppo:PPO", "PPO: a critic says what was to be expected at every token."),
    "constitutional": Entry(
        ".constitution.constitutional:CONSTITUTIONAL",
        "Constitutional AI: replies revised by principles, preferences by principles, and PPO on those.",
    ),
    "self-rewarding": Entry(
        ".judged.self_rewarding:SELF_REWARDING",
        "Self-rewarding: pairs by its own judgement of what it writes, or another judge's.",
    ),
}


def load_method(name: str) -> Method:
    """The method of that name; UserError where there is none."""
    if name not in METHODS:
        from engine.plugin import suggest

        raise UserError(f"unknown method '{name}'; {suggest(name, METHODS, 'methods')}")
    module, _, attribute = METHODS[name].place.partition(":")
    method: Method = getattr(import_module(module, __package__), attribute)
    return method


def method_of(config: TextConfig) -> Method:
    """The method of a run; UserError where it is unknown."""
    return load_method(config.method)


def build_text_config(method: str, task: str, *changes: Mapping[str, Any]) -> TextConfig:
    """Defaults, the method's settings, then `changes`; raise UserError naming a bad one."""
    from engine.config.config import build_section
    from engine.config.layer import merge

    found = load_method(method)
    return build_section(found.settings(), merge(found.changes, *changes, {"method": method, "task": task}))


def read_text_settings(content: Mapping[str, Any]) -> TextConfig:
    """The settings of a run as they were saved, of the method that they name; UserError likewise."""
    from engine.config.config import build_section

    return build_section(load_method(str(content["method"])).settings(), content)


def changed_idle(method: Method, config: TextConfig, task: Task) -> list[Idle]:
    """Settings without effect that are neither at their default nor as method and preset have them."""
    from engine.config.config import build_section
    from engine.config.layer import merge
    from engine.language.problem.task_registry import task_preset

    layer = task_preset(task, config.preset)
    own = {"method": config.method, "task": config.task, "preset": config.preset}
    usual = build_section(method.settings(), merge(method.changes, layer, own))
    plain = build_section(method.settings(), own)
    found = []
    for name, reason in method.idle(config, task).items():
        value = value_at(config, name)
        if reason and value not in (value_at(usual, name), value_at(plain, name)):
            found.append(Idle(name, f"{name} = {shown(value)} has no effect {reason}"))
    return found
