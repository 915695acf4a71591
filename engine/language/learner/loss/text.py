"""Losses of texts to write: their likelihood, and a search's visits.

Notation: B rows, T tokens a row, V the vocabulary. `logprobs` [B, T] are ln p of tokens given those before
them, `mask` [B, T] is 1 on tokens of the response and 0 on the prompt's and padding. Sums over a response are
over its tokens alone. All results are means, float32 scalars with gradients.
"""

from __future__ import annotations

from torch import Tensor


def mean_over(terms: Tensor, mask: Tensor) -> Tensor:
    """Mean of `terms` [B, T] where `mask` [B, T] is not 0, weighted by it; 0 where nothing is."""
    return (terms * mask).sum() / mask.sum().clamp(min=1e-9)


def supervised_loss(logprobs: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Negative log-likelihood, a mean over tokens; those of row b count `weights` [B] times."""
    return mean_over(-logprobs, mask if weights is None else mask * weights[:, None])


def visits_loss(logprobs: Tensor, visits: Tensor, node: Tensor) -> Tensor:
    """Cross entropy -sum_a pi(a) ln p(a | s) of search visits with proposed steps, a mean over nodes.

    Args:
        logprobs: ln p of each proposal as text, the sum over its tokens, [N].
        visits: share of each proposal in its node's visits, [N]; they sum to 1 in every node.
        node: int64 [N], which node a proposal stands at, from 0 on without gaps.
    """
    return -(visits * logprobs).sum() / (int(node.max()) + 1)
