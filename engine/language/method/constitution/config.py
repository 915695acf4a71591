"""Settings of constitutional methods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from engine.config.section import Section
from engine.language.method.policy.ppo_config import PpoSettings
from engine.language.settings import FilePath, ModelPath, Share

PhaseName = Literal["revise", "prefer", "reinforce"]


def _once_each(phases: tuple[PhaseName, ...]) -> tuple[PhaseName, ...]:
    if len(set(phases)) < len(phases):
        raise ValueError("a phase is named twice; each is one iteration, and the last one goes on")
    return phases


class ConstitutionConfig(Section):
    """The principles, and what is made of them (Bai et al. 2022)."""

    path: FilePath = ""
    """A constitution in TOML; empty: the task's own, else principles in prose for models that read it."""
    phases: Annotated[tuple[PhaseName, ...], AfterValidator(_once_each)] = Field(
        ("revise", "prefer", "reinforce"), min_length=1
    )
    """One an iteration, the last one in all that follow: to revise and learn the revisions; to choose between
    replies and learn a preference model; to reinforce what that prefers."""
    revisions: int = Field(4, ge=1, le=100)
    """Rounds of critique and revision, each by a principle drawn at random."""
    temperature: float = Field(1.0, ge=0, le=10)
    """Of critiques, revisions and thoughts; 0 is greedy."""
    learning_rate: float = Field(7e-4, gt=0, le=1)
    """Of the training on revisions; `learner.learning_rate` is that of a first model, `policy.learning_rate`
    that of reinforcement. Tiny models take 5e-4 to 1e-3, large ones 1e-5, LoRA 1e-4."""
    drafts: bool = False
    """The revisions of all rounds are learnt, not the last one's alone."""
    feedback: ModelPath = ""
    """The model that chooses between replies; empty: the first one."""
    labels: Literal["soft", "hard"] = "soft"
    """What a choice says: the probability of each reply, or the likelier one alone."""
    thought: bool = False
    """The feedback model writes a thought before it chooses; its probabilities are then cut to `clamp`."""
    clamp: Annotated[tuple[Share, Share], AfterValidator(lambda band: _ascending(band))] = (0.4, 0.6)
    """Between which a probability after a thought stays, which is sure of itself whatever it says."""
    helpful: float = Field(0.4, ge=0, lt=1)
    """Share of preferences between a reply that does what was asked and one that the verifier rejects; the
    others are by principles."""
    held_out: float = Field(0.1, ge=0, le=0.5)
    """Share of the problems whose preferences are not learnt from: what is known of the preference model is
    measured on them."""
    preference_steps: int = Field(600, ge=1, le=10_000_000)
    """Gradient steps of the preference model."""
    preference_rate: float = Field(1e-3, gt=0, le=1)
    """Its learning rate."""
    policy_steps: int = Field(200, ge=1, le=10_000_000)
    """Gradient steps of an iteration that reinforces, at the rate `policy.learning_rate`; of one that revises
    `update.steps`."""
    policy_real: float = Field(0.1, ge=0, lt=1)
    """Share of real data that joins it, of what breaks no rule that a program can check."""
    checked: int = Field(64, ge=1, le=100_000)
    """Most rules of the constitution that a measured reply is checked by, spread evenly over all."""


def _ascending(band: tuple[float, float]) -> tuple[float, float]:
    if not band[0] <= 0.5 <= band[1]:
        raise ValueError("one half, which says nothing, lies between the two")
    return band


class ConstitutionalSettings(PpoSettings):
    """Those of a run by a constitution."""

    constitution: ConstitutionConfig = ConstitutionConfig()
