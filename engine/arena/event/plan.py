"""What an event is: all that decides its games, as its log's header has it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from engine._core import Game, State
from engine.arena.event.event import Watch, counted
from engine.arena.event.result import GameResult
from engine.arena.event.schedule import Schedule
from engine.arena.event.standing import describe_match, describe_strengths
from engine.arena.sprt import Sprt
from engine.errors import UserError
from engine.player.name import is_checkpoint, read_checkpoint
from engine.player.spec import parse_spec
from engine.registry import position_text


@dataclass(frozen=True)
class Plan:
    """An event before its first game, or as a log tells of it.

    game: its name with options. players: their names. digests: of those that are networks. simulations:
    of players whose name brings none. openings: how many, and the SHA-256 of their texts. limit: of
    those whose name brings none. with_forfeits: whether a forfeited game counts as lost.
    """

    game: str
    players: tuple[str, ...]
    digests: tuple[str | None, ...]
    simulations: int
    seed: int
    openings: tuple[int, str]
    schedule: Schedule
    sprt: Sprt | None = None
    with_forfeits: bool = False
    limit: str = ""

    def header(self) -> dict[str, Any]:
        """For the log."""
        sprt, schedule = self.sprt, self.schedule
        return {
            "selfplay": version("selfplay"),
            "game": self.game,
            "players": [
                {"name": name, "sha256": digest}
                for name, digest in zip(self.players, self.digests, strict=True)
            ],
            "simulations": self.simulations,
            "limit": self.limit,
            "seed": self.seed,
            "schedule": {"kind": schedule.kind, "number": schedule.number, "pairs": schedule.pairs},
            "openings": {"count": self.openings[0], "sha256": self.openings[1]},
            "sprt": sprt
            and {
                "elo0": sprt.elo0,
                "elo1": sprt.elo1,
                "alpha": sprt.alpha,
                "beta": sprt.beta,
                "model": sprt.model,
            },
            "count_forfeits": self.with_forfeits,
        }

    @classmethod
    def of_header(cls, header: Mapping[str, Any]) -> Plan:
        """What a log's header tells; raise UserError where it lacks something."""
        try:
            players, planned, sprt = header["players"], header["schedule"], header["sprt"]
            seed = int(header["seed"])
            schedule = Schedule(
                str(planned["kind"]), len(players), int(planned["pairs"]), seed, int(planned["number"])
            )
            return cls(
                str(header["game"]),
                tuple(str(player["name"]) for player in players),
                tuple(player["sha256"] for player in players),
                int(header["simulations"]),
                seed,
                (int(header["openings"]["count"]), str(header["openings"]["sha256"])),
                schedule,
                Sprt(**sprt) if sprt else None,
                bool(header["count_forfeits"]),
                str(header["limit"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"the log's header is incomplete: {type(error).__name__}: {error}") from error

    def counted(self, games: Mapping[int, GameResult]) -> tuple[list[GameResult], bool]:
        """The games of a log that count, in order, and whether there are no more to come."""
        results = [games[number] for number in sorted(games)]
        if self.sprt is not None:
            watch = Watch(self.sprt, self.with_forfeits)
            if watch.look(games) is not None:
                return counted(results, watch), True
        return results, len(results) >= self.schedule.games

    def describe(
        self, results: Sequence[GameResult], anchors: Mapping[int, float] | None = None, complete: bool = True
    ) -> dict[str, Any]:
        """Matches and ratings as JSON."""
        names = self.players
        met = {tuple(sorted(result.seats)) for result in results}
        pairings = [two for two in self.schedule.pairings if self.schedule.is_fixed or two in met]
        of_pairing: dict[tuple[int, ...], list[GameResult]] = {two: [] for two in pairings}
        for result in results:
            of_pairing[tuple(sorted(result.seats))].append(result)
        return {
            "game": self.game,
            "players": list(names),
            "simulations": self.simulations,
            "seed": self.seed,
            "openings": self.openings[0],
            "schedule": self.schedule.kind,
            "complete": complete,
            "count_forfeits": self.with_forfeits,
            "matches": [
                describe_match(names, two, of_pairing[two], self.sprt, self.with_forfeits) for two in pairings
            ],
            **describe_strengths(names, results, anchors, self.with_forfeits, self.seed),
        }


def player_digest(spec: str) -> str | None:
    """SHA-256 of a network's weights and of how it searches; None of a player that is no network."""
    who = parse_spec(spec).who
    if not is_checkpoint(who):
        return None
    config, network = read_checkpoint(who)
    digest = hashlib.sha256(config.search.model_dump_json().encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def openings_digest(game: Game, openings: Sequence[State]) -> tuple[int, str]:
    """How many there are, and the SHA-256 of their texts."""
    texts = "\n".join(position_text(game, state) for state in openings)
    return len(openings), hashlib.sha256(texts.encode()).hexdigest()
