"""Settings of the replay window and of the learner."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

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
    proven_values: bool = False
    """Where the search has proven a root, the value target is the proven result and nothing else."""
    policy_temperature: float = Field(1.0, ge=0.01, le=100)
    """The policy target is p ** (1 / temperature) of the search's, normalised; below 1 it is sharper."""
    surprise_weight: float = Field(0.0, ge=0, le=1)
    """Share of a game's draws that its positions have in proportion to the divergence from the network's
    prior to the policy target (KataGo: policy surprise weighting, 0.5); the rest as without."""
    value_surprise_weight: float = Field(0.0, ge=0, le=1)
    """The same of the divergence from the network's value to the search's (KataGo: 0.1); with
    `surprise_weight` 1 at most."""
    max_bad_fraction: float = Field(0.1, ge=0, le=1)
    """A run stops where more of its shards than this are damaged."""

    @model_validator(mode="after")
    def _surprises_share_the_weight(self) -> Self:
        if self.surprise_weight + self.value_surprise_weight > 1:
            raise ValueError(
                f"replay.surprise_weight = {self.surprise_weight:g} and replay.value_surprise_weight = "
                f"{self.value_surprise_weight:g} are more than 1 together; lower one"
            )
        return self


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
    soft_policy_weight: float = Field(0.0, ge=0, le=100)
    """Of a head that learns the policy target at temperature 4 (KataGo, auxiliary soft policy: 8); 0: no."""
    opponent_policy_weight: float = Field(0.0, ge=0, le=100)
    """Of a head that foretells the policy target of the opponent's reply (Wu 2019, section 3.4: 0.15)."""
    short_term_value_weight: float = Field(0.0, ge=0, le=100)
    """Of heads that foretell the values of the next plies (KataGo: short-term value targets); 0: none."""
    short_term_horizons: tuple[Annotated[float, Field(ge=1, le=100_000)], ...] = (6.0, 16.0, 50.0)
    """Plies that they look ahead on average, one a head; no effect without `short_term_value_weight`."""
    moves_left_weight: float = Field(0.0, ge=0, le=100)
    """Of a head that foretells the plies to the game's end (lc0); resigned games teach nothing; 0: none."""
    samples_per_position: float = Field(6.0, gt=0, le=1000)
    """How often a new position is drawn on average."""
    ema_decay: float = Field(0.998, ge=0, lt=1)
    """Per step, of the weights that play and their BatchNorm statistics."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Of the products in a step; `auto` takes bf16 where the processor computes in it."""
    threads: int = Field(0, ge=0, le=1024)
    """Threads of a training step; 0 takes all cores."""

    @model_validator(mode="after")
    def _horizons_have_a_head(self) -> Self:
        if self.short_term_value_weight and not self.short_term_horizons:
            raise ValueError(
                "learner.short_term_horizons is empty; name some, or set learner.short_term_value_weight to 0"
            )
        usual = type(self).model_fields["short_term_horizons"].default
        if not self.short_term_value_weight and self.short_term_horizons != usual:
            raise ValueError(
                "learner.short_term_horizons has no effect while learner.short_term_value_weight is 0; set it"
            )
        return self
