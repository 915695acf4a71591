"""Settings of the loop on text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.section import Section


class TextLearnerConfig(Section):
    """Gradient steps on texts."""

    batch_tokens: int = Field(4096, ge=16, le=16_777_216)
    """Tokens of a batch, prompts and padding included; a longer text is a batch by itself."""
    learning_rate: float = Field(3e-3, gt=0, le=1)
    """Of AdamW after warm-up. Tiny models from scratch take 1e-3 to 5e-3, large ones 1e-5, LoRA 1e-4."""
    warmup_steps: int = Field(50, ge=0)
    """Steps over which the rate rises, at most a tenth of all."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the rate goes on after warm-up."""
    final_rate: float = Field(0.1, ge=0, le=1)
    """Share of the rate that the cosine ends at."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Times the rate, what weights of two dimensions lose in a step."""
    beta2: float = Field(0.98, ge=0, lt=1)
    """Of AdamW's second moment."""
    gradient_clip: float = Field(1.0, gt=0)
    """Largest norm of a step's gradient."""
    ema_decay: float = Field(0.0, ge=0, lt=1)
    """Per step, of the weights' moving average, which a training ends with: that is looked at, gated, saved
    and written with. 0: the last weights are."""
    patience: int = Field(0, ge=0)
    """Looks at held-out texts without a new best after which a training stops; it ends with the best weights.
    A tenth of the problems, the same in all of a run, is held out of every training for it. 0: none is, and
    every training takes all its steps."""
    look_every: int = Field(50, ge=1)
    """Steps between two looks."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """`auto` takes bf16 on a GPU that computes in it, f32 on the processor."""
    threads: int = Field(1, ge=1, le=1024)
    """Of a step on the processor; results are repeatable for one number of threads."""


class LoraConfig(Section):
    """A low-rank adapter, trained in place of the model (Hu et al. 2021)."""

    rank: int = Field(8, ge=0, le=1024)
    """0: no adapter, all weights are trained."""
    alpha: int = Field(16, ge=1, le=65536)
    """The adapter's output is multiplied by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Of its input in training."""
