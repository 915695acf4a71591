"""Settings of policy gradients."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.section import Section
from engine.language.settings import TextConfig


class PolicyConfig(Section):
    """Rounds of writing and learning, and the loss."""

    groups: int = Field(64, ge=1, le=1_000_000)
    """Problems of a round, each with `sample.samples` completions."""
    updates: int = Field(1, ge=1, le=1000)
    """Times that a round's completions are learnt from; an iteration takes `update.steps` steps in all, in
    whole rounds."""
    minibatches: int = Field(1, ge=1, le=1000)
    """Parts that a round is cut into, each with a step of its own."""
    learning_rate: float = Field(3e-4, gt=0, le=1)
    """Of updates, which it stays after warm-up; `learner.learning_rate` is that of a first model, and of a
    control. Tiny models take 1e-4 to 3e-4, large ones 1e-6, LoRA 1e-5."""
    baseline: Literal["group", "others", "role", "critic"] = "group"
    """What a score is compared with: the mean of all completions of the problem (GRPO, Shao et al. 2024), of
    the others (RLOO, Ahmadian et al. 2024), a moving mean of a player's results (SPIRAL, 2506.24119), or what
    a critic has expected at each token (PPO)."""
    decay: float = Field(0.95, ge=0, lt=1)
    """Of that moving mean, a completion."""
    scale: Literal["group", "batch", "none"] = "group"
    """What the difference is divided by: the deviation of the problem's scores, of the round's, or nothing
    (Dr. GRPO, Liu et al. 2025)."""
    mean: Literal["token", "row", "constant"] = "token"
    """Of the loss: over all tokens (DAPO, Yu et al. 2025), over each completion's and then over completions
    (GRPO), or their sum over completions times the task's limit of tokens (Dr. GRPO)."""
    surrogate: Literal["clipped", "cispo"] = "clipped"
    """PPO's, or one that clips the weight of a token and keeps its gradient (MiniMax-M1, 2506.13585)."""
    ratio: Literal["token", "geometric", "sequence"] = "token"
    """Of new to old probability: each token's, the geometric mean of a completion's (GSPO, 2507.18071), or
    the whole completion's (RLOO)."""
    clip_low: float = Field(0.2, ge=0, le=1)
    """A ratio this far below 1 has no gradient where it would fall."""
    clip_high: float = Field(0.28, ge=0, le=100)
    """A ratio this far above 1 has no gradient where it would rise (DAPO: clip-higher)."""
    beta: float = Field(0.0, ge=0, le=1000)
    """Weight of the divergence from the reference; 0: none is loaded."""
    divergence: Literal["k3", "unbiased", "reward"] = "k3"
    """Where it enters: k3 in the loss (GRPO), k3 times the ratio, whose gradient is that of KL
    (DeepSeek-V3.2), or ln p - ln p_reference of a completion taken off its score (RLOO)."""
    reference: Literal["first", "accepted"] = "first"
    """The model that the run began with, or the one that was accepted last."""
    entropy: float = Field(0.0, ge=0, le=10)
    """Bonus a nat of the mean entropy at the tokens."""
    refills: int = Field(0, ge=0, le=100)
    """How often, at most, problems whose completions all score alike are replaced by others in a round
    (DAPO's dynamic sampling). 0: they stay, without a gradient."""
    truncated: Literal["score", "mask"] = "score"
    """What a completion that was cut at the limit of tokens counts: its score, or nothing (DAPO)."""
    overlong: int = Field(0, ge=0, le=1_000_000)
    """Tokens before the limit over which a penalty rises from 0 to 1 (DAPO, equation 13); 0: none."""


class PolicySettings(TextConfig):
    """Those of a run by policy gradients."""

    policy: PolicyConfig = PolicyConfig()

    @property
    def steps_a_round(self) -> int:
        """Gradient steps, where there is something to learn in it."""
        return self.policy.updates * self.policy.minibatches

    @property
    def rounds(self) -> int:
        """Of an iteration."""
        return max(1, self.update.steps // self.steps_a_round)
