"""Evaluators that are fixed pseudo-random functions of the position, the same whatever the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine import _core


def pseudo(requests: _core.Requests) -> _core.DenseReply:
    """Seven actions; what a position gets depends on how it is turned."""
    return pseudo_reply(requests.planes)


def pseudo_reply(planes: NDArray[np.float32]) -> _core.DenseReply:
    """What `pseudo` says of planes [B, C, H, W]."""
    return _reply(_waves(planes))


def even_handed(requests: _core.Requests) -> _core.DenseReply:
    """Seven columns; a mirrored position gets the mirrored answer, so that orientation plays no part."""
    straight, mirrored = _waves(requests.planes), _waves(requests.planes[..., ::-1])
    return _reply(straight + np.concatenate([mirrored[:, :3], mirrored[:, :2:-1]], axis=1))


def even_handed_answer(planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What `even_handed` says of one position's planes: win, draw and loss [3], logits [7]."""
    straight, mirrored = _waves(planes[None]), _waves(planes[None, ..., ::-1])
    reply = _reply(straight + np.concatenate([mirrored[:, :3], mirrored[:, :2:-1]], axis=1))
    return reply.wdl[0], reply.logits[0]


def _waves(planes: NDArray[np.float32]) -> NDArray[np.float64]:
    flat = planes.reshape(len(planes), -1).astype(np.float64)
    weights = np.sin(np.arange(flat.shape[1] * 10).reshape(flat.shape[1], 10) * 12.9898) * 3
    return np.sin((flat[:, :, None] * weights[None]).sum(axis=1))


def _reply(mixed: NDArray[np.float64]) -> _core.DenseReply:
    wdl = np.exp(mixed[:, :3])
    wdl /= wdl.sum(axis=1, keepdims=True)
    return _core.DenseReply(wdl.astype(np.float32), mixed[:, 3:].astype(np.float32))
