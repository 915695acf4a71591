"""Settings of a reward model's training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.section import Section
from engine.language.method.judged.config import JudgeConfig
from engine.language.model.combination import Combination
from engine.language.settings import FilePath, TextConfig


class RewardConfig(Section):
    """What a reward model learns: which of two responses is the better."""

    path: FilePath = ""
    """A file of comparisons (prompt, chosen, rejected, as trl has them) to learn from; nothing is sampled
    then. Empty: samples of a problem are compared by their verdicts, or by those of a judge (`judge.by`)."""
    comparisons: int = Field(0, ge=0, le=100_000_000)
    """Most that are learnt from or held out, drawn at random; 0: all."""
    per_prompt: int = Field(8, ge=1, le=100_000)
    """Most comparisons of one problem's samples, drawn at random."""
    temperature: float = Field(0.0, ge=0, le=100)
    """Soft labels of samples: a score s is preferred to t with probability sigmoid((s - t) / temperature).
    0: the higher one is better, which is certain."""
    held_out: float = Field(0.1, ge=0, le=0.5)
    """Share of the problems whose comparisons are not learnt from: accuracy and calibration are theirs."""
    centre: float = Field(0.01, ge=0, le=10)
    """Weight of the mean square of the sum of a pair's rewards, which keeps them around 0."""
    members: int = Field(1, ge=1, le=16)
    """Models that judge together; each learns from a sample of the comparisons, drawn with replacement."""
    combine: Combination = "mean"
    """Their mean reward, the worst one's, or the mean less some of the standard deviation, which what only
    some of them were fooled by does not win (Coste et al. 2023, 2310.02743)."""
    deviations: float = Field(1.0, ge=0, le=100)
    """Taken from the mean, with `combine` = "deviation"."""


class LabelerConfig(JudgeConfig):
    """Whose preferences are learnt, where no file has them (RLAIF: Lee et al. 2023, 2309.00267)."""

    by: Literal["self", "model", "program", "verifier"] = "verifier"
    """The first model, which writes; the one of `judge.path`; `judge.program`; or the task's verifier."""


class RewardTextConfig(TextConfig):
    """All settings of a reward model's run."""

    reward: RewardConfig = RewardConfig()
    judge: LabelerConfig = LabelerConfig()
