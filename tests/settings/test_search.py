"""What the settings of the search do to games of self-play, and to completions that a search writes."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from letters import Letters
from played import played
from shown import GAMES, MODELS, TEXT, all_settings, shows
from tiny_models import tiny_llama

from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.language.rollout import Policy
from engine.language.search.tree_search import Plan, search_completions

GROWING = {"c_puct_growth": 8.0}
NOISE = {"noise_fraction": 0.5}
GUMBEL = {"rule": "gumbel", "considered_actions": 3}
FULL = {"rule": "gumbel-full"}
COLD = {"temperature": 0.0, "final_temperature": 0.0}

IN_GAMES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "rule=puct": ({}, "puct", "gumbel"),
    "rule=gumbel": ({}, "gumbel", "gumbel-full"),
    "rule=gumbel-full": ({}, "gumbel-full", "puct"),
    "c_puct": ({}, 1.5, 4.0),
    "c_puct_growth": ({"c_puct_base": 5.0}, 0.0, 3.0),
    "c_puct_base": (GROWING, 2.0, 1e6),
    "c_puct_spread": ({}, 0.0, 0.85),
    "policy_temperature": ({}, 1.5, 0.5),
    "fpu_reduction": ({}, 0.2, 1.0),
    "noise_fraction": ({}, 0.0, 0.25),
    "noise_alpha_total": (NOISE, 10.0, 1.0),
    "noise_shaped": (NOISE | {"policy_temperature": 0.3}, False, True),
    "root_temperature": ({}, 1.0, 3.0),
    "forced_playouts": (NOISE, 0.0, 2.0),
    "considered_actions": (GUMBEL, 3, 7),
    "gumbel_scale": (GUMBEL, 1.0, 0.0),
    "c_visit": (FULL, 50.0, 1.0),
    "c_scale": (FULL, 1.0, 0.1),
    "lcb_deviations": ({}, 0.0, 5.0),
    "early_stop": ({}, False, True),
    "proofs": ({}, True, False),
    "reuse": ({}, True, False),
    "transpositions": ({}, False, True),
    "max_tree_mb": ({}, 256.0, 0.002),
}
"""Of each setting of the search what it needs beside it, and two values."""


@cache
def _games(settings: tuple[tuple[str, Any], ...]) -> str:
    games = played(
        150, search=dict(settings), simulations=24, fast_simulations=24, full_search_fraction=0.5,
        games=2, max_opening_plies=1, **COLD,
    )  # fmt: skip
    columns = ("moves", "visits", "root_wdl", "policy_actions", "policy_probs", "max_depth", "mean_depth")
    return str([games[name].tolist() for name in columns])


@partial(shows, of=GAMES)(*(f"search.{key}" for key in IN_GAMES))
@pytest.mark.parametrize("key", IN_GAMES)
def test_it_changes_the_games_that_are_played(key: str) -> None:
    beside, one, other = IN_GAMES[key]
    name = key.partition("=")[0]
    games = [_games(tuple(sorted((beside | {name: value}).items()))) for value in (one, other)]
    assert games[0] != games[1]


TASK = Letters()


@cache
def _written(search: tuple[tuple[str, Any], ...], proposals: tuple[tuple[str, Any], ...]) -> str:
    """All that searches of some problems show."""
    model = tiny_llama(2, context=64)
    plan = Plan(20, judge=True)
    prompts = TASK.prompts("train", 6, 0)
    episodes = search_completions(
        TASK, Policy(model, ""), prompts, plan, ProposedSearchConfig(**dict(search)),
        ProposalConfig(**dict(proposals)),
        lambda pairs: [TASK.verify(*pair) for pair in pairs], seed=1,
    )  # fmt: skip
    return str([(e.completion, e.tokens, e.steps) for e in episodes])


WIDE = {"initial_proposals": 3, "widening_factor": 1.0}
PROPOSALS: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "initial_proposals": ({}, 1, 4),
    "more_proposals": ({}, 1, 4),
    "fruitless_requests": ({}, 1, 9),
    "widening_factor": ({}, 0.5, 3.0),
    "widening_exponent": ({}, 0.75, 0.0),
    "max_proposals": ({}, 64, 2),
    "distinct": ({}, True, False),
}
IN_TEXT = {
    f"search.{key}": scene
    for key, scene in IN_GAMES.items()
    if key.partition("=")[0] in ProposedSearchConfig.model_fields
} | {f"proposals.{key}": scene for key, scene in PROPOSALS.items()}
"""Likewise of a search over the steps that a model proposes."""


@partial(shows, of=TEXT)(*IN_TEXT)
@pytest.mark.parametrize("key", IN_TEXT)
def test_it_changes_what_a_search_writes(key: str) -> None:
    beside, one, other = IN_TEXT[key]
    section, name = key.partition("=")[0].split(".")
    found = []
    for value in (one, other):
        sections: dict[str, dict[str, Any]] = {"search": {}, "proposals": dict(WIDE)}
        sections[section] |= beside | {name: value}
        found.append(_written(*(tuple(sorted(each.items())) for each in sections.values())))
    assert found[0] != found[1]


def _others(world: str, shown: Collection[str]) -> list[str]:
    """Settings of a world's searches that have no line above."""
    every = {key for model in MODELS[world] for key in all_settings(model)}
    return sorted(key for key in every if key.startswith(("search.", "proposals.")) and key not in shown)


@partial(shows, of=GAMES)(*_others(GAMES, [f"search.{key}" for key in IN_GAMES]))
@partial(shows, of=TEXT)(*_others(TEXT, IN_TEXT))
def test_what_has_no_line_here_is_shown_by_the_test_of_the_whole_table() -> None:
    """tests/search/test_settings.py walks settings.def itself, so that a new setting needs no line here."""
    path = Path(__file__).resolve().parents[1] / "search" / "test_settings.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert "test_every_setting_changes_a_search" in tests
