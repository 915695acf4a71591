"""Settings of the search and of self-play."""

from __future__ import annotations

from pydantic import Field

from engine.config.section import Declared, Section, declared


@declared("search")
class SearchConfig(Declared):
    """The tree search in self-play; the arena and the protocols take it without noise."""


@declared("search", of_games=False)
class ProposedSearchConfig(Declared):
    """The tree search over moves that a language model proposes.

    It has no noise at the root: what is tried there is varied by sampling and by widening. Sequential halving
    gives a move that came late one visit at once, and lets it catch up while it promises most.
    """


@declared("proposals")
class ProposalConfig(Declared):
    """What a tree asks a language model for, beside the settings of its search."""


class SelfplayConfig(Section):
    """How games are played for training."""

    games: int = Field(128, ge=0, le=65536)
    """Games side by side in each caller; also the batch that its evaluator sees. 0: as many as a measurement
    of about two seconds finds to be enough for the evaluator, once, when the run is made."""
    simulations: int = Field(100, ge=1, le=10_000_000)
    """New visits a move in a full search."""
    fast_simulations: int = Field(20, ge=1, le=10_000_000)
    """New visits a move in a fast search, which plays but gives no policy target."""
    full_search_fraction: float = Field(1.0, gt=0, le=1)
    """Share of moves with a full search (playout cap randomization, Wu 2019, section 3.1)."""
    max_opening_plies: int = Field(2, ge=0, le=100)
    """Each game starts with 0 to this many uniformly random moves."""
    wide_opening_fraction: float = Field(0.0, ge=0, le=1)
    """Share of games that start with more random moves instead, so that the network meets positions
    that good play seldom reaches."""
    wide_opening_plies: int = Field(16, ge=0, le=1000)
    """Those start with 0 to this many random moves, fewer where the game would end."""
    temperature: float = Field(1.0, ge=0, le=10)
    """Moves are drawn in proportion to visits to the power 1 / temperature, at the start of a game."""
    final_temperature: float = Field(0.2, ge=0, le=10)
    """What the temperature decays to."""
    temperature_half_life: float = Field(8.0, gt=0, le=100_000)
    """Plies in which the temperature's distance to its final value halves."""
    asymmetric_fraction: float = Field(0.0, ge=0, le=1)
    """Share of games in which one player, drawn by lot, searches more than the other, so that the network
    sees mistakes and how they are punished (KataGo's "asymmetric playouts")."""
    asymmetric_ratio: float = Field(8.0, ge=1, le=1000)
    """That player searches r times as much, r of each game log-uniform up to this: 2 r / (1 + r) against
    2 / (1 + r) of the simulations, together what other games take. A training position weighs as much as the
    part of `simulations` that its search was given, at most 1."""
    resign_false_positives: float = Field(0.0, ge=0, le=0.5)
    """A player resigns below a root value at which, on games that never resign, at most this share of those
    who would have done so did not lose (Silver et al. 2017, methods: 0.05); 0 switches it off. Nobody
    resigns before 1 / share games have shown it, nor above a value of -0.5. A game is cut short, not its
    sample: what was searched is learnt from, with the loss as outcome and without owners and score."""
    resign_holdout: float = Field(0.1, gt=0, le=1)
    """Share of games that are played to the end, which the threshold is set from (there 0.1)."""
    resign_plies: int = Field(3, ge=1, le=100)
    """Moves in a row at which the player's root value must have been below the threshold."""
    resign_window: int = Field(500, ge=20, le=100_000)
    """Newest of those games that the threshold is set from, once an iteration."""
    cache_mb: float = Field(128.0, ge=0, le=65536)
    """Evaluation cache of one caller; 0 switches it off."""
