"""An event on the terminal: its tables, and the running score beside its bar."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from engine.cli.progress import print_table

if TYPE_CHECKING:
    from engine.arena.event.result import GameResult

MAX_SHOWN = 10
"""Forfeits and claims of a match that are told."""

MAX_LEADERS = 4

UNLIKELY = 0.05


def print_event(document: Mapping[str, Any]) -> None:
    """Matches, tests, what went wrong, and ratings."""
    print_table([_row(match) for match in document["matches"]])
    for match in document["matches"]:
        if "sprt" in match:
            typer.echo(_test_text(match["sprt"]))
        for forfeit in match["forfeits"][:MAX_SHOWN]:
            typer.echo(
                f"forfeit by {forfeit['player']}, game {forfeit['game']}: {forfeit['kind']}: "
                f"{forfeit['reason']}"
            )
        if len(match["forfeits"]) > MAX_SHOWN:
            typer.echo(f"… and {len(match['forfeits']) - MAX_SHOWN} more")
        for claim in match["claims"][:MAX_SHOWN]:
            typer.echo(f"game {claim['game']}: {claim['claim']}")
    if any(match["forfeits"] for match in document["matches"]):
        counted = "count as lost" if document["count_forfeits"] else "count for no score and no rating"
        typer.echo(f"Forfeited games {counted}.")
    if not document["complete"]:
        typer.echo("There are games to come: the same command goes on.")
    if document["ratings"]:
        print_ratings(document)


def print_ratings(document: Mapping[str, Any]) -> None:
    """Ratings of all players, and what they rest on."""
    print_table([_rating_row(row, document["ratings"]) for row in document["ratings"]])
    _print_notes(document)


def _row(match: Mapping[str, Any]) -> dict[str, Any]:
    score = match["score"]
    row = {
        "match": f"{match['first']} - {match['second']}",
        "games": match["games"],
        "W-D-L": f"{match['wins']}-{match['draws']}-{match['losses']}",
        "score": None if score is None else f"{100 * score:.1f} %",
        "Elo": _elo_text(match["elo"], score),
        "95 %": format_interval(match["elo_low"], match["elo_high"]),
        "nElo": _elo_text(match["nelo"], score),
        "LOS": f"{100 * match['los']:.1f} %",
        "pairs 0-½-1-1½-2": "-".join(str(count) for count in match["pentanomial"]),
        "distinct": match["distinct_games"],
    }
    if any(match["seconds"]):
        row["time"] = " ".join(f"{each:.1f} s" for each in match["seconds"])
    return {**row, "forfeits": len(match["forfeits"])} if match["forfeits"] else row


def _elo_text(elo: float | None, score: float | None) -> str | None:
    if elo is None:
        return "+inf" if (score or 0) > 0.5 else "-inf"
    return f"{elo:+.0f}"


def _test_text(test: Mapping[str, Any]) -> str:
    unit = "" if test["model"] == "logistic" else f" ({test['model']})"
    return (
        f"SPRT {test['elo0']:g},{test['elo1']:g}{unit}: {test['state']}, LLR {test['llr']:.2f} "
        f"in [{test['low']:.2f}, {test['high']:.2f}]"
    )


def _rating_row(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    elo = row["elo"]
    shown = {
        "player": row["player"],
        "Elo": None if elo is None else round(elo),
        "95 %": None if elo is None else _interval(row),
        "games": row["games"],
        "points": row["points"],
    }
    if any(each["seconds"] for each in rows):
        shown["time"] = f"{row['seconds']:.1f} s"
    if any(each["forfeits"] for each in rows):
        shown["forfeits"] = ", ".join(f"{count} {kind}" for kind, count in row["forfeits"].items()) or None
    if len({each["group"] for each in rows}) > 1:
        shown["group"] = row["group"]
    return shown


def _interval(row: Mapping[str, Any]) -> str:
    """That of the bootstrap where there is one."""
    if row.get("anchor"):
        return "anchor"
    if row["bootstrap_low"] is not None:
        return format_interval(row["bootstrap_low"], row["bootstrap_high"])
    return format_interval(row["elo_low"], row["elo_high"])


def _print_notes(document: Mapping[str, Any]) -> None:
    elo, error = document["first_move_elo"]
    typer.echo(f"To move first is worth {elo:+.0f} ± {1.96 * error:.0f} Elo.")
    if document["virtual_draws"]:
        typer.echo(
            "One virtual draw in some pairings keeps the rating of a player finite who won or lost all."
        )
    if len({row["group"] for row in document["ratings"]}) > 1:
        typer.echo("Players of different groups never met: their ratings do not compare.")
    test = document["transitivity"]
    if test is not None:
        typer.echo(_transitivity_text(test))


def _transitivity_text(test: Mapping[str, Any]) -> str:
    text = f"One rating a player explains the results: p = {test['p_value']:.3f}"
    if test["p_value"] >= UNLIKELY or not test["triples"]:
        return text + "."
    worst = test["triples"][0]
    around = " > ".join([*worst["players"], worst["players"][0]])
    return f"{text}, hardly. Furthest round goes {around}, by {worst['elo']:.0f} Elo."


def format_interval(low: float | None, high: float | None) -> str:
    """Bounds of an Elo; None is infinite."""
    return f"[{'-inf' if low is None else f'{low:+.0f}'}, {'+inf' if high is None else f'{high:+.0f}'}]"


class RunningScore:
    """The score so far in a line."""

    def __init__(self, names: Sequence[str], with_forfeits: bool) -> None:
        self._names = names
        self._with_forfeits = with_forfeits
        self._points = [0.0] * len(names)
        self._games = [0] * len(names)
        self._results = [0, 0, 0]
        self._forfeits = 0

    def add(self, result: GameResult) -> None:
        """Count a game."""
        self._forfeits += result.forfeit is not None
        if result.forfeit is not None and not self._with_forfeits:
            return
        for player in result.seats:
            self._points[player] += result.points(player)
            self._games[player] += 1
        points = result.points(0)
        self._results[0 if points > 0.5 else 1 if points == 0.5 else 2] += 1

    def text(self, width: int | None = None) -> str:
        """`A - B: 12-3-5, 67.5 %, +127 Elo`, or the leaders of many players."""
        del width  # the terminal cuts it
        if not any(self._games):
            return ""
        told = self._match() if len(self._names) == 2 else self._leaders()
        return told + (f", {self._forfeits} forfeits" if self._forfeits else "")

    def _match(self) -> str:
        from engine.arena.elo import elo_of_score

        score = self._points[0] / self._games[0]
        wins, draws, losses = self._results
        elo = elo_of_score(score)
        shown = f"{elo:+.0f}" if math.isfinite(elo) else f"{elo:+}"
        first, second = self._names
        return f"{first} - {second}: {wins}-{draws}-{losses}, {100 * score:.1f} %, {shown} Elo"

    def _leaders(self) -> str:
        shares = [
            (points / games, name)
            for points, games, name in zip(self._points, self._games, self._names, strict=True)
            if games
        ]
        best = sorted(shares, key=lambda each: -each[0])[:MAX_LEADERS]
        return ", ".join(f"{name} {100 * share:.0f} %" for share, name in best)
