"""A search that is limited by what it asks its evaluator, as players of unlike networks may be held equal."""

from __future__ import annotations

import numpy as np

from engine import _core
from engine.evaluator.evaluator import Evaluator

VISITS_AN_EVALUATION = 16
"""A tree has so many new visits at most for each: where the rules know the results, none is asked for."""

_NO_LIMIT = 1 << 50


def search_evaluations(trees: _core.Trees, evaluate: Evaluator, evaluations: int) -> None:
    """Search every tree until it has asked for so many evaluations, or needs no more of them.

    A tree has one leaf in flight, so that no evaluation is spent on what the one before it would have told.
    """
    spent = np.zeros(len(trees), np.int64)
    visits = VISITS_AN_EVALUATION * evaluations
    while True:
        left = np.flatnonzero(spent < evaluations)
        plan = np.empty((len(left), 5), np.int64)
        plan[:, 0] = left
        plan[:, 1:] = visits, visits, 1, _NO_LIMIT
        requests = trees.select_each(plan)
        if not requests:
            return
        spent += np.bincount(requests.trees, minlength=len(trees))
        trees.backup(requests, evaluate(requests))
