"""The search: trees ask, an evaluator answers, in batches."""

from __future__ import annotations

from engine import _core
from engine.config import ProposalConfig, SearchConfig
from engine.errors import UserError
from engine.evaluator import Evaluator


def search(trees: _core.Trees, evaluate: Evaluator, simulations: int) -> None:
    """Run `simulations` new visits in every tree, answering requests in batches.

    A tree stops early where its root is proven or its memory is full.
    """
    while requests := trees.select(simulations):
        trees.backup(requests, evaluate(requests))


def search_params(config: SearchConfig, *, noise: bool = False) -> _core.SearchParams:
    """Settings for the core; without `noise` the root's priors stay as the network gives them."""
    fields = config.model_dump()
    if not noise:
        fields |= {
            "noise_fraction": 0.0,
            "root_temperature": 1.0,
            "gumbel_scale": 0.0,
            "forced_playouts": 0.0,
        }
    return _core.SearchParams(**fields)


def proposed_params(config: SearchConfig, proposals: ProposalConfig) -> _core.SearchParams:
    """Settings for trees of proposed moves, which have no noise.

    Raises UserError where the search is to know positions or the spread of values, as only games' trees do.
    """
    for field in ("c_puct_spread", "lcb_deviations", "transpositions"):
        if value := getattr(config, field):
            raise UserError(f"setting 'search.{field}' = {value} is not for proposed trees; leave it out")
    params = search_params(config)
    for field, value in proposals.model_dump().items():
        setattr(params, field, value)
    return params
