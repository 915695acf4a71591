"""What the learner minimises, and what it tells about a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.config.learning import LearnerConfig
from engine.evaluator.network import Prediction

NUM_BINS = 10
"""Of expected scores, for the calibration error."""

ILLEGAL = -1e9
"""Logit of an action that is not legal."""


@dataclass(frozen=True)
class TrainingBatch:
    """Positions and what the network should say of them, for the player to move."""

    planes: Tensor  # float32 [B, C, H, W], channels_last
    policy: Tensor  # float32 [B, A]; a row of zeros has no policy target
    wdl: Tensor  # float32 [B, 3], win, draw, loss
    legal: Tensor  # bool [B, A]
    owner: Tensor | None = None  # float32 [B, H * W], 1 our cell at the end of the game, -1 the other's
    score: Tensor | None = (
        None  # float32 [B], our lead in points at the end; NaN, and no owner, where it is not known
    )
    reply: Tensor | None = None  # float32 [B, A], policy target of the opponent's reply; zeros without one
    short_term: Tensor | None = None  # float32 [B, K, 3], values of the near future, a horizon each
    moves_left: Tensor | None = None  # float32 [B], plies; NaN where the end is not known

    @classmethod
    def from_samples(cls, samples: Mapping[str, Any], device: torch.device) -> TrainingBatch:
        """Arrays of `_core.ReplayWindow.sample` as tensors on `device`."""
        names = [field.name for field in fields(cls) if field.name in samples]
        tensors = {name: torch.from_numpy(samples[name]).to(device, non_blocking=True) for name in names}
        tensors["planes"] = tensors["planes"].contiguous(memory_format=torch.channels_last)
        return cls(**tensors)


def losses(
    prediction: Prediction, batch: TrainingBatch, config: LearnerConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross entropy of policy and value, the losses of owners and score, and sums for `summarise`.

    Args:
        prediction: the network's; logits of illegal actions are ignored.
        batch: the targets.
        config: weights of the parts against the policy's.
    """
    log_policy = F.log_softmax(prediction.policy.float().masked_fill(~batch.legal, ILLEGAL), 1)
    log_wdl = F.log_softmax(prediction.wdl.float(), 1)
    policy_rows = -(batch.policy * log_policy).sum(1)
    value_rows = -(batch.wdl * log_wdl).sum(1)
    with_policy = batch.policy.sum(1) > 0
    policy_loss = policy_rows.sum() / with_policy.sum().clamp(min=1)
    value_loss = value_rows.mean()
    total = policy_loss + config.value_weight * value_loss
    score_losses = _score_losses(prediction, batch)
    if score_losses:
        total = total + config.owner_weight * score_losses["loss/owner"]
        total = total + config.score_weight * score_losses["loss/score"]
    with torch.no_grad():
        sums = {
            "loss/total": total.detach(),
            **{name: loss.detach() for name, loss in score_losses.items()},
            "loss/policy": policy_loss.detach(),
            "loss/value": value_loss.detach(),
            **_policy_sums(log_policy, batch.policy, with_policy),
            **_value_sums(log_wdl, batch.wdl),
        }
    return total, sums


def summarise(totals: Mapping[str, Tensor], steps: int) -> dict[str, float]:
    """Sums over `steps` batches to means, and the calibration error of the expected score.

    The calibration error is the mean distance between predicted and true scores over NUM_BINS bins of
    predictions, weighted by their size (Naeini et al. 2015), with scores from 0 (lost) to 1 (won).
    """
    means = {name: float(total) / max(steps, 1) for name, total in totals.items() if total.dim() == 0}
    bins = totals.get("value/bins")
    if bins is not None and float(bins[0].sum()) > 0:
        means["value/calibration_error"] = float((bins[1] - bins[2]).abs().sum() / bins[0].sum())
    return means


def _score_losses(prediction: Prediction, batch: TrainingBatch) -> dict[str, Tensor]:
    """Cross entropy of each cell's owner, and of the score Huber's loss in units of the root of the cells."""
    if prediction.owner is None or prediction.score is None or batch.owner is None or batch.score is None:
        return {}
    known = batch.score.isfinite()
    points = batch.score.nan_to_num() / batch.owner.shape[1] ** 0.5
    owner, score = prediction.owner.float(), prediction.score.float()
    owner_rows = F.binary_cross_entropy_with_logits(owner, (batch.owner + 1) / 2, reduction="none").mean(1)
    score_rows = F.huber_loss(score, points, reduction="none")
    count = known.sum().clamp(min=1)
    return {
        "loss/owner": (owner_rows * known).sum() / count,
        "loss/score": (score_rows * known).sum() / count,
    }


def _policy_sums(log_policy: Tensor, target: Tensor, with_policy: Tensor) -> dict[str, Tensor]:
    count = with_policy.sum().clamp(min=1)
    entropy = -(log_policy.exp() * log_policy).sum(1)
    hits = log_policy.argmax(1) == target.argmax(1)
    return {
        "policy/entropy": (entropy * with_policy).sum() / count,
        "policy/target_entropy": torch.special.entr(target).sum() / count,
        "policy/top_move_agreement": (hits & with_policy).sum() / count,
    }


def _value_sums(log_wdl: Tensor, target: Tensor) -> dict[str, Tensor]:
    wdl = log_wdl.exp()
    predicted = wdl[:, 0] + 0.5 * wdl[:, 1]
    true = target[:, 0] + 0.5 * target[:, 1]
    index = (predicted * NUM_BINS).long().clamp(0, NUM_BINS - 1)
    columns = torch.stack((torch.ones_like(predicted), predicted, true))
    return {
        "value/accuracy": (wdl.argmax(1) == target.argmax(1)).float().mean(),
        "value/brier": (wdl - target).square().sum(1).mean(),
        "value/predicted_score": predicted.mean(),
        "value/true_score": true.mean(),
        "value/bins": torch.zeros(3, NUM_BINS, device=wdl.device).index_add_(1, index, columns),
    }
