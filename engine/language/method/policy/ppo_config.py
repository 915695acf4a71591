"""Settings of proximal policy optimisation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.section import Section
from engine.language.method.policy.config import PolicySettings
from engine.language.settings import CriticPath


class PpoConfig(Section):
    """The critic, and what is made of scores and of the divergence from the reference."""

    critic: Literal["head", "model"] = "head"
    """What values the text before each token: a head on the policy's own trunk, or a model of its own, a copy
    of the first, which leaves the trunk to the policy and takes as long again."""
    critic_rate: float = Field(1e-3, gt=0, le=1)
    """Learning rate of the critic: of the head's own weights, which begin at nothing, or of the model."""
    gamma: float = Field(1.0, gt=0, le=1)
    """Discount of a token (GAE, Schulman et al. 2016)."""
    lam: float = Field(0.95, ge=0, le=1)
    """Of the exponential mean of errors of the critic; 1: returns less values, whatever the critic says."""
    critic_lam: float = Field(1.0, ge=0, le=1)
    """Likewise of the returns that the critic learns; 1: what came in the end, which a critic that knows
    nothing yet does not shrink (VC-PPO, 2503.01491)."""
    value_clip: float = Field(0.2, ge=0, le=1000)
    """How far a value may move from what it was when the completion was drawn; 0: as far as it will."""
    value_weight: float = Field(0.1, gt=0, le=1000)
    """Of the critic's loss beside the policy's, where it is a head."""
    kl_budget: float = Field(0.0, ge=0, le=1e6)
    """Nats a completion from the reference that `policy.beta` is adapted towards (Ziegler et al. 2019); 0: it
    stays what it is."""
    kl_gain: float = Field(0.1, gt=0, le=1)
    """Of that, a round."""
    kl_step: float = Field(0.05, ge=0, le=100)
    """Nats a token from the policy that has drawn a round: beyond it no further pass over the round is made.
    0: all `policy.updates` are."""
    reward_model: CriticPath = ""
    """Gives the scores in place of the task's verifier, which audits it: a run of `reward`, or a folder."""
    score: Literal["score", "odds"] = "score"
    """What the reward is: the score itself, or its log-odds, which are what a reward model's head says."""
    reward_scale: Literal["none", "batch"] = "none"
    """What scores are divided by: nothing, or their deviation in the round."""
    reward_clip: float = Field(0.0, ge=0, le=1e6)
    """Rewards are cut to this much from 0, before penalties; 0: they are not."""
    cut_penalty: float = Field(0.0, ge=0, le=1e6)
    """Off the reward of a completion that was cut at the limit of tokens, and so has no end."""


class PpoSettings(PolicySettings):
    """Those of a run of PPO."""

    ppo: PpoConfig = PpoConfig()
