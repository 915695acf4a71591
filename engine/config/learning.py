"""Settings of the replay window and of the learner."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.section import Section


class ReplayConfig(Section):
    """The window of positions that the learner draws from (power law of Wu 2019, appendix C)."""

    window_start: int = Field(50_000, ge=1)
    """Positions in the window at first; it grows once more have been played."""
    window_exponent: float = Field(0.75, ge=0, le=1)
    """Power of the positions played that the window grows with once it does; 0: with their logarithm."""
    window_scale: float = Field(0.4, ge=0, le=10)
    """Positions that the window gains for each one played, where its growth sets in."""
    window_max: int = Field(5_000_000, ge=1)
    """Positions in the window at most, however many have been played."""
    value_mix: float = Field(0.5, ge=0, le=1)
    """Share of the search's root value in the value target; the rest is the game's outcome."""
    max_bad_fraction: float = Field(0.1, ge=0, le=1)
    """A run stops where more of its shards than this are damaged."""


class LearnerConfig(Section):
    """Gradient steps on the window."""

    batch_size: int = Field(256, ge=2, le=1_048_576)
    """Positions of a step."""
    learning_rate: float = Field(2e-3, gt=0, le=10)
    """Of AdamW, which trains the first and last layers, norms and biases; after warm-up and before decay."""
    muon_learning_rate: float = Field(0.02, gt=0, le=10)
    """Of Muon, which trains the weights of hidden layers (Jordan et al. 2024); likewise."""
    muon_momentum: float = Field(0.95, ge=0, lt=1)
    """Of Muon, with Nesterov's look ahead."""
    warmup_steps: int = Field(200, ge=0)
    """Steps over which both rates rise from 0."""
    decay_steps: int = Field(10_000, ge=1)
    """The rates fall as 1 / sqrt(1 + step / decay_steps): it needs no end of the run to be known."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Times the rate, what the weights of layers lose in a step."""
    gradient_clip: float = Field(1.0, gt=0)
    """Largest norm of a step's gradient."""
    value_weight: float = Field(1.0, ge=0, le=100)
    """Weight of the value loss against the policy loss."""
    owner_weight: float = Field(1.0, ge=0, le=100)
    """Weight of the cells' owners at the end, in games with a score."""
    score_weight: float = Field(0.1, ge=0, le=100)
    """Weight of the final score, likewise."""
    samples_per_position: float = Field(6.0, gt=0, le=1000)
    """How often a new position is drawn on average."""
    ema_decay: float = Field(0.998, ge=0, lt=1)
    """Per step, of the weights that play and their BatchNorm statistics."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Of the products in a step; `auto` takes bf16 where the processor computes in it."""
    threads: int = Field(0, ge=0, le=1024)
    """Threads of a training step; 0 takes all cores."""
