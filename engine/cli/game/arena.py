"""The command `arena`: a match or a round robin."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.game.record import one_line
from engine.cli.option import PLAYERS, JsonOption, SeedOption
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game, State
    from engine.arena.game import ArenaGame
    from engine.arena.match import Pairing
    from engine.arena.opening import Order
    from engine.arena.ratings import Rating
    from engine.arena.sprt import Sprt

MAX_GAMES = 1_000_000
PLIES = (0, 4)
"""Lengths of random openings."""
SOLVER_PLIES = (8, 12)
"""The same where a solver plays: the first plies take it minutes each."""

Players = Annotated[
    list[str],
    typer.Argument(metavar="A B [C…]", help=PLAYERS),
]
Simulations = Annotated[int, typer.Option("--sims", min=1, max=10_000_000, help="of a checkpoint, per move")]


def arena(
    players: Players,
    games: Annotated[
        int, typer.Option("--games", min=2, max=MAX_GAMES, help="of each pairing, an even number")
    ] = 200,
    sims: Simulations = 100,
    openings: Annotated[
        str | None,
        typer.Option("--openings", help="a position a line, or records of games; else random plies"),
    ] = None,
    opening_plies: Annotated[
        str | None,
        typer.Option("--opening-plies", metavar="A-B", help="lengths of random openings [0-4; solver: 8-12]"),
    ] = None,
    sprt: Annotated[
        str | None, typer.Option("--sprt", metavar="E0,E1", help="stop once one Elo difference is accepted")
    ] = None,
    game: Annotated[str | None, typer.Option("--game", help="where no player is a checkpoint")] = None,
    seed: SeedOption = 1,
    threads: Annotated[int, typer.Option("--threads", min=0, max=1024, help="0: one a core")] = 0,
    json: JsonOption = False,
) -> None:
    """Play a match, or a round robin.

    Each opening is played twice, with colours swapped.
    """
    if len(players) < 2:
        raise UserError(f"arena: only '{players[0]}' is to play; name two players or more")
    if games % 2:
        raise UserError(f"--games {games} is odd, and each opening is played twice; give an even number")
    if len(players) > 2 and len(set(players)) < len(players):
        raise UserError("a round robin names each player once")
    test = _read_sprt(sprt, len(players))
    plies = read_plies(opening_plies, SOLVER_PLIES if "solver" in players else PLIES)
    document = _play(players, games // 2, sims, openings, plies, test, game, seed, threads)
    if json:
        print_json(document)
    else:
        _print(document)


def _play(
    specs: Sequence[str],
    pairs: int,
    simulations: int,
    openings: str | None,
    plies: tuple[int, int],
    sprt: Sprt | None,
    game_spec: str | None,
    seed: int,
    threads: int,
) -> dict[str, Any]:
    from engine.arena.match import Arena, rate
    from engine.cli.progress import Bar
    from engine.player import find_game, load_player

    game = find_game(specs, game_spec)
    starts = choose_openings(game, openings, pairs, plies, seed)
    entered = [load_player(spec, game, simulations) for spec in specs]
    bar = Bar("arena")
    bar.open(len(starts) * len(specs) * (len(specs) - 1), "games")
    table = Arena(game, starts, seed, threads)
    try:
        if len(entered) == 2:
            pairings = [table.play(entered[0], entered[1], sprt, bar.advance)]
        else:
            pairings = table.round_robin(entered, bar.advance)
    finally:
        bar.close()
        table.close()
    ratings, virtual = rate(pairings) if len(entered) > 2 else ({}, False)
    return {
        "game": game.name,
        "players": [player.name for player in entered],
        "simulations": simulations,
        "seed": seed,
        "openings": len(starts),
        "matches": [describe_pairing(pairing, sprt) for pairing in pairings],
        "ratings": describe_ratings(ratings),
        "virtual_draws": virtual,
    }


def read_plies(text: str | None, default: tuple[int, int]) -> tuple[int, int]:
    """Read `A-B`, or `B` for 0-B: the lengths of random openings."""
    if text is None:
        return default
    found = re.fullmatch(r"(?:([0-9]{1,3})-)?([0-9]{1,3})", text)
    if found is None:
        raise UserError(f"--opening-plies '{text}' is not of the form A-B, such as 0-4")
    low, high = int(found[1] or 0), int(found[2])
    if low > high:
        raise UserError(f"--opening-plies '{text}': {low} is above {high}; put the smaller one first")
    return low, high


def choose_openings(
    game: Game,
    source: str | None,
    pairs: int,
    plies: tuple[int, int],
    seed: int,
    order: Order = "given",
    start: int = 1,
    record_plies: int | None = None,
) -> list[State]:
    """Openings of a match: the first of a file or of the game's suite, or random ones.

    What is to be told of a file goes to stderr; the last three are those of `load_openings`.
    """
    from engine.arena.opening import load_openings, random_openings

    if source is None:
        return random_openings(game, pairs, plies[1], seed, plies[0])
    found = load_openings(game, source, order=order, seed=seed, start=start, plies=record_plies)
    for note in found.notes:
        typer.echo(f"warning: {one_line(note)}", err=True)
    if len(found.states) < pairs:
        most = 2 * len(found.states)
        raise UserError(f"openings '{source}' are enough for {most} games; give --games {most} or fewer")
    return found.states[:pairs]


def describe_pairing(pairing: Pairing, sprt: Sprt | None = None) -> dict[str, Any]:
    """A match as JSON, seen from its first player; an infinite Elo is null."""
    from engine.arena.elo import estimate_elo

    wins, draws, losses = pairing.results
    counts = pairing.counts
    estimate = estimate_elo(counts)
    document: dict[str, Any] = {
        "first": pairing.first.name,
        "second": pairing.second.name,
        "games": len(pairing.games),
        "wins": wins,
        "draws": draws,
        "losses": losses,
        "score": (wins + draws / 2) / len(pairing.games),
        "elo": _finite(estimate.elo),
        "elo_low": _finite(estimate.low),
        "elo_high": _finite(estimate.high),
        "los": estimate.los,
        "pentanomial": counts,
        "distinct_games": pairing.distinct_games,
        "first_mover_score": sum((one.outcome or 0) + 1 for one in pairing.games) / 2 / len(pairing.games),
        "forfeits": [_describe_forfeit(pairing, one) for one in pairing.games if one.forfeit is not None],
    }
    if sprt is not None:
        low, high = sprt.bounds
        document["sprt"] = {
            "elo0": sprt.elo0,
            "elo1": sprt.elo1,
            "llr": sprt.ratio(counts),
            "low": low,
            "high": high,
            "state": sprt.state(counts),
        }
    return document


def _describe_forfeit(pairing: Pairing, one: ArenaGame) -> dict[str, Any]:
    assert one.forfeit is not None
    loser = one.seats[one.forfeit.colour]
    player = pairing.first if loser == pairing.seat else pairing.second
    return {
        "player": player.name,
        "game": one.number,
        "opening": one.opening,
        "kind": one.forfeit.kind,
        "reason": one.forfeit.reason,
    }


def describe_ratings(ratings: dict[str, Rating]) -> list[dict[str, Any]]:
    """Ratings as JSON, best first."""
    rows = [
        {"player": name, "elo": one.elo, "elo_low": one.low, "elo_high": one.high}
        for name, one in ratings.items()
    ]
    return sorted(rows, key=lambda row: -float(row["elo"]))


def _read_sprt(text: str | None, players: int) -> Sprt | None:
    from engine.arena.sprt import Sprt

    if text is None:
        return None
    if players > 2:
        raise UserError("--sprt tests one match; name two players")
    parts = text.split(",")
    try:
        low, high = (float(part) for part in parts)
    except ValueError:
        raise UserError(f"--sprt '{text}' is not two Elo values such as 0,10") from None
    return Sprt(low, high)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _print(document: dict[str, Any]) -> None:
    from engine.cli.progress import print_table

    print_table([_row(match) for match in document["matches"]])
    for match in document["matches"]:
        if "sprt" in match:
            test = match["sprt"]
            typer.echo(
                f"SPRT {test['elo0']:g},{test['elo1']:g}: {test['state']}, LLR {test['llr']:.2f} "
                f"in [{test['low']:.2f}, {test['high']:.2f}]"
            )
        for forfeit in match["forfeits"][:10]:
            typer.echo(f"forfeit by {forfeit['player']}, game {forfeit['game']}: {forfeit['reason']}")
    if document["ratings"]:
        rows = [
            {
                "player": row["player"],
                "Elo": round(row["elo"]),
                "95%": format_interval(row["elo_low"], row["elo_high"]),
            }
            for row in document["ratings"]
        ]
        print_table(rows)
        if document["virtual_draws"]:
            typer.echo("One virtual draw a pairing keeps the rating of a player finite who won or lost all.")


def _row(match: dict[str, Any]) -> dict[str, Any]:
    elo = match["elo"]
    sign = "+inf" if match["score"] > 0.5 else "-inf"
    row = {
        "match": f"{match['first']} - {match['second']}",
        "games": match["games"],
        "W-D-L": f"{match['wins']}-{match['draws']}-{match['losses']}",
        "score": f"{100 * match['score']:.1f} %",
        "Elo": sign if elo is None else f"{elo:+.0f}",
        "95 %": format_interval(match["elo_low"], match["elo_high"]),
        "LOS": f"{100 * match['los']:.1f} %",
        "distinct": match["distinct_games"],
    }
    return {**row, "forfeits": len(match["forfeits"])} if match["forfeits"] else row


def format_interval(low: float | None, high: float | None) -> str:
    """Bounds of an Elo; None is infinite."""
    return f"[{'-inf' if low is None else f'{low:+.0f}'}, {'+inf' if high is None else f'{high:+.0f}'}]"
