"""The optimizers of a network in training: Muon for the weights of hidden layers, AdamW for the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from engine.config.learning import LearnerConfig
from engine.evaluator.network import OUTER_LAYERS
from engine.learner.target.model import PREFIX

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5

_RMS = 0.2
"""Root mean square of an orthogonalised update, in rates: about that of AdamW's (Liu et al. 2025, eq. 4)."""


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are made orthogonal, as matrices of outputs by inputs (Jordan et al. 2024).

    Every direction of a layer then learns at the same speed, rare ones too. The weights of a convolution
    count as one matrix, its inputs times its kernel wide.

    Args:
        parameters: weights of two dimensions or more.
        lr: rate; an update's root mean square is 0.2 times it.
        momentum: of the gradient's moving average; the update looks one step ahead of it (Nesterov).
        weight_decay: times the rate, what the weights lose in a step.
    """

    moments = ("momentum",)

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients; those of one shape are orthogonalised together."""
        assert closure is None
        for group in self.param_groups:
            same_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    same_shape[tuple(parameter.shape)].append(parameter)
            for parameters in same_shape.values():
                self._change(parameters, group["lr"], group["momentum"], group["weight_decay"])

    def _change(
        self, parameters: list[nn.Parameter], lr: float, momentum: float, weight_decay: float
    ) -> None:
        updates = orthogonalised(torch.stack([self._direction(each, momentum) for each in parameters]))
        scale = lr * _RMS * max(updates.shape[1:]) ** 0.5
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.mul_(1 - lr * weight_decay)
            parameter.add_(update.reshape(parameter.shape), alpha=-scale)

    def _direction(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        gradient = parameter.grad
        assert gradient is not None
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        mean: Tensor = state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(mean, momentum).flatten(1)


class AdamW(torch.optim.AdamW):
    """Loshchilov and Hutter 2019."""

    moments = ("exp_avg", "exp_avg_sq")


def orthogonalised(matrices: Tensor) -> Tensor:
    """Matrices [N, R, C] with singular values near 1 in place of their own, singular vectors kept.

    The quintic Newton-Schulz iteration X <- (a + b XX' + c (XX')^2) X of Jordan et al. 2024, which ends
    between 0.7 and 1.2. It is carried out on XX' and the product of the polynomials alone: both are small.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonalised(matrices.mT).mT
    a, b, c = _COEFFICIENTS
    unit = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-12)
    gram = unit @ unit.mT
    identity = torch.eye(gram.shape[1], device=gram.device, dtype=gram.dtype)
    product = identity.expand_as(gram)
    for _ in range(_ITERATIONS):
        factor = a * identity + b * gram + c * gram @ gram
        product = factor @ product
        gram = factor @ gram @ factor
    result: Tensor = product @ unit
    return result


def create_optimizers(weights: Mapping[str, nn.Parameter], config: LearnerConfig) -> tuple[Muon, AdamW]:
    """Muon for the weights of hidden layers; AdamW for the first and last layers, norms and biases.

    `weights` by name, as LearningModel.named_weights gives them. Norms and biases do not decay. Each group
    keeps its rate before warm-up and decay as `initial_lr`.
    """
    hidden, outer, others = [], [], []
    for name, parameter in weights.items():
        if parameter.dim() < 2:
            others.append(parameter)
        elif _is_outer(name.rpartition(".")[0]):
            outer.append(parameter)
        else:
            hidden.append(parameter)
    decay = config.weight_decay
    muon = Muon(hidden, config.muon_learning_rate, config.muon_momentum, decay)
    groups = [{"params": outer, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    adamw = AdamW(groups, lr=config.learning_rate, fused=True)
    for group in [*muon.param_groups, *adamw.param_groups]:
        group["initial_lr"] = group["lr"]
    return muon, adamw


def _is_outer(layer: str) -> bool:
    return layer in OUTER_LAYERS or (layer.startswith(PREFIX) and layer.endswith(".out"))
