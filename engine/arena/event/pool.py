"""A pool of rated players that later ones join: a folder with its players and the log of their games.

    DIR/pool.json     players in the order they came, ratings as of the games then
        games.jsonl   the log; a player is known in it by its place in that order

Ratings are those of all games with the anchors fixed, so they are refitted from the log and never lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.arena.event.result import GameResult
from engine.arena.event.schedule import PRIOR_ELO, pair_orders, pairing_needs
from engine.arena.event.standing import sound
from engine.arena.event.strength import GameTable, Strengths
from engine.arena.game import GameOrder
from engine.errors import CorruptFileError, UserError
from engine.json_object import parse_object
from engine.run import storage

FORMAT = 1
FILE = "pool.json"

ROUND_PAIRS = 4
"""Pairs that a newcomer plays between two looks at what is known of it."""


@dataclass(frozen=True)
class PoolPlayer:
    """A player of a pool.

    spec: as it is loaded. name: in results. sha256: of a network. simulations, limit: of its moves. anchor:
    its rating where given. elo, low, high: of the last fit, None before any game. games: that these rest on.
    """

    spec: str
    name: str
    sha256: str | None
    simulations: int
    limit: str = ""
    anchor: float | None = None
    elo: float | None = None
    low: float | None = None
    high: float | None = None
    games: int = 0


@dataclass
class Pool:
    """game: its name. seed: of openings and players. openings: how many, and the SHA-256 of their texts."""

    path: Path
    game: str
    seed: int
    openings: tuple[int, str]
    players: list[PoolPlayer]

    @classmethod
    def read(cls, path: Path) -> Pool | None:
        """The pool of a folder; None where there is none yet. Raise UserError where it cannot be read."""
        file = path / FILE
        if not storage.exists(file):
            return None
        try:
            fields = parse_object(storage.read_checked(file))
            if fields["pool"] != FORMAT:
                raise ValueError(f"format {str(fields['pool'])[:20]} is not {FORMAT}")
            players = [PoolPlayer(**player) for player in fields["players"]]
            count, digest = fields["openings"]
            return cls(path, str(fields["game"]), int(fields["seed"]), (int(count), str(digest)), players)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"pool '{file}' cannot be read: {error}; put it right, or name another"
            ) from error

    def write(self) -> None:
        """Make what is known of the players durable."""
        storage.make_folder(self.path)
        fields = {
            "pool": FORMAT,
            "game": self.game,
            "seed": self.seed,
            "openings": list(self.openings),
            "players": [asdict(player) for player in self.players],
        }
        storage.atomic_write(self.path / FILE, (json.dumps(fields, indent=1) + "\n").encode())

    def header(self) -> dict[str, Any]:
        """Of the log: what the games of all players have in common."""
        return {"pool": FORMAT, "game": self.game, "seed": self.seed, "openings": list(self.openings)}

    @property
    def anchors(self) -> dict[int, float]:
        """Ratings that are given, by the place of the player."""
        return {
            index: player.anchor for index, player in enumerate(self.players) if player.anchor is not None
        }

    def check(self, games: Mapping[int, GameResult]) -> None:
        """Raise CorruptFileError where a game of the log has players that the pool has not."""
        for number, game in games.items():
            if game.seats[0] == game.seats[1] or max(game.seats) >= len(self.players):
                raise CorruptFileError(
                    f"pool '{self.path}': game {number} of its log has players {game.seats[0]} and "
                    f"{game.seats[1]} of {len(self.players)}, counted from 0; remove its line"
                )

    def enter(self, player: PoolPlayer) -> int:
        """The place of a player, a new one unless it is there; raise UserError for another of its name."""
        for index, known in enumerate(self.players):
            if known.name == player.name:
                self._check_same(known, player)
                return index
        self.players.append(player)
        return len(self.players) - 1

    def _check_same(self, known: PoolPlayer, player: PoolPlayer) -> None:
        for name in ("spec", "sha256", "simulations", "limit"):
            there, here = getattr(known, name), getattr(player, name)
            if there != here:
                raise UserError(
                    f"pool '{self.path}': '{player.name}' is there with {name} {there} and not {here}; "
                    f"give the newcomer another name: '{player.spec}; name=NAME'"
                )
        if player.anchor is not None and player.anchor != known.anchor:
            raise UserError(
                f"pool '{self.path}': '{player.name}' is there "
                + ("without an anchor" if known.anchor is None else f"at {known.anchor:g}")
                + "; anchors stay as they are"
            )

    def refit(self, games: Sequence[GameResult]) -> Strengths:
        """Rate all players anew by all games, anchors fixed."""
        strong = sound(games)
        fitted = GameTable.of(strong, len(self.players)).fit(self.anchors)
        for index, rating in enumerate(fitted.ratings):
            count = sum(index in game.seats for game in strong)
            if count:
                self.players[index] = replace(
                    self.players[index], elo=rating.elo, low=rating.low, high=rating.high, games=count
                )
        return fitted


def half_width(player: PoolPlayer) -> float:
    """Of the 95 % interval of a rating; infinite before its first game."""
    if player.low is None or player.high is None:
        return float("inf")
    return (player.high - player.low) / 2


def draw_round(
    pool: Pool, games: Mapping[int, GameResult], newcomer: int, opponents: Sequence[int], pairs: int
) -> list[GameOrder]:
    """The next pairs of a newcomer, each against whom most would be learnt of it after those before."""
    fitted = GameTable.of(sound(list(games.values())), len(pool.players)).fit(pool.anchors, PRIOR_ELO)
    covariance = fitted.covariance.copy()
    first = max((number // 2 + 1 for number in games), default=0)
    orders: list[GameOrder] = []
    for index in range(first, first + pairs):
        needs = pairing_needs(replace(fitted, covariance=covariance))[newcomer]
        rival = max(opponents, key=lambda other: (round(float(needs[other]), 9), -other))
        orders += pair_orders(index, index % pool.openings[0], (newcomer, rival))
        gap = np.zeros(len(covariance))
        gap[newcomer], gap[rival] = 1, -1
        chance = 1 / (1 + np.exp(fitted.nats[rival] - fitted.nats[newcomer]))
        # What two games will tell, whatever their results (Sherman and Morrison).
        seen = covariance @ gap
        covariance -= np.outer(seen, seen) / (1 / (2 * chance * (1 - chance)) + gap @ seen)
    return orders
