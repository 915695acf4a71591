"""What the games of an event say: matches and ratings as JSON, forfeits apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine.arena.elo import draw_ratio, estimate_elo, pairs_ratio
from engine.arena.event.result import GameResult
from engine.arena.event.strength import GameTable, Rating, Strengths, bootstrap
from engine.arena.event.transitivity import Transitivity, fit_one_dimension, pair_counts
from engine.arena.sprt import Sprt

MIN_BOOTSTRAP_GAMES, MAX_BOOTSTRAP_GAMES = 20, 100_000
"""Of a player and of an event, between which a bootstrap says something and in a moment."""


def describe_match(
    names: Sequence[str],
    seats: tuple[int, int],
    results: Sequence[GameResult],
    sprt: Sprt | None = None,
    with_forfeits: bool = False,
) -> dict[str, Any]:
    """The games between two players as JSON, seen from the first; an infinite Elo is null.

    Forfeited games count as lost `with_forfeits`; else they, and the pairs that they are of, tell nothing of
    strength.
    """
    first, second = seats
    strong = sound(results, with_forfeits)
    points = [result.points(first) for result in strong]
    counts = pair_counts(strong).get((min(seats), max(seats)), [0] * 5)
    counts = counts if first < second else counts[::-1]
    wins, losses = sum(p > 0.5 for p in points), sum(p < 0.5 for p in points)
    estimate = estimate_elo(counts)
    document: dict[str, Any] = {
        "first": names[first],
        "second": names[second],
        "games": len(results),
        "wins": wins,
        "draws": len(points) - wins - losses,
        "losses": losses,
        "score": sum(points) / len(points) if points else None,
        "elo": _finite(estimate.elo),
        "elo_low": _finite(estimate.low),
        "elo_high": _finite(estimate.high),
        "nelo": _finite(estimate.nelo),
        "nelo_low": _finite(estimate.nelo_low),
        "nelo_high": _finite(estimate.nelo_high),
        "los": estimate.los,
        "pentanomial": counts,
        "draw_ratio": draw_ratio(counts),
        "pairs_ratio": pairs_ratio(counts),
        "distinct_games": len({(result.position, result.actions) for result in results}),
        "first_mover_score": sum((each.outcome + 1) / 2 for each in strong) / len(strong) if strong else None,
        "forfeits": [_describe_forfeit(names, each) for each in results if each.forfeit is not None],
        "claims": [
            {"game": each.number, "position": each.position, "claim": claim}
            for each in results
            for claim in each.claims
        ],
        "seconds": [round(_spent(results, player, "seconds"), 3) for player in seats],
    }
    if sprt is not None:
        document["sprt"] = _describe_test(sprt, counts, points)
    return document


def describe_strengths(
    names: Sequence[str],
    results: Sequence[GameResult],
    anchors: Mapping[int, float] | None = None,
    with_forfeits: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """Ratings of all players as JSON, best first, and what they rest on; `ratings` is empty of two players.

    Elo is null of a player whose games were all forfeited.
    """
    if len(names) < 3 and not anchors:
        return {"ratings": [], "virtual_draws": False}
    strong = sound(results, with_forfeits)
    fitted = GameTable.of(strong, len(names)).fit(anchors)
    drawn: list[tuple[float, float]] | None = None
    if strong and len(strong) <= MAX_BOOTSTRAP_GAMES and not fitted.virtual:
        drawn = bootstrap(strong, len(names), anchors, seed=seed)
    rows = [_describe_rating(names, player, results, strong, fitted, drawn) for player in range(len(names))]
    for player, elo in (anchors or {}).items():
        rows[player] |= {"anchor": True, "elo": elo, "elo_low": elo, "elo_high": elo}
    return {
        "ratings": sorted(rows, key=lambda row: -math.inf if row["elo"] is None else -row["elo"]),
        "virtual_draws": fitted.virtual,
        "first_move_elo": [round(each, 2) for each in fitted.first_move],
        "draw_rate": round(fitted.draw_rate, 4),
        "transitivity": describe_transitivity(names, fit_one_dimension(strong, len(names), seed=seed)),
    }


def _describe_rating(
    names: Sequence[str],
    player: int,
    results: Sequence[GameResult],
    strong: Sequence[GameResult],
    fitted: Strengths,
    drawn: Sequence[tuple[float, float]] | None,
) -> dict[str, Any]:
    own = [result for result in results if player in result.seats]
    rated = [result for result in strong if player in result.seats]
    rating = fitted.ratings[player]
    enough = drawn is not None and len(rated) >= MIN_BOOTSTRAP_GAMES
    low, high = drawn[player] if drawn is not None and enough else (None, None)
    return {
        "player": names[player],
        "elo": rating.elo if rated else None,
        "elo_low": rating.low if rated else None,
        "elo_high": rating.high if rated else None,
        "bootstrap_low": low,
        "bootstrap_high": high,
        "games": len(rated),
        "points": sum(result.points(player) for result in rated),
        "forfeits": forfeit_counts(own, player),
        "seconds": round(_spent(own, player, "seconds"), 3),
        "nodes": int(_spent(own, player, "nodes")),
        "group": fitted.groups[player],
        "anchor": False,
    }


def describe_ratings(ratings: Mapping[str, Rating]) -> list[dict[str, Any]]:
    """Ratings as JSON, best first."""
    rows = [
        {"player": name, "elo": one.elo, "elo_low": one.low, "elo_high": one.high}
        for name, one in ratings.items()
    ]
    return sorted(rows, key=lambda row: -float(row["elo"]))


def describe_transitivity(names: Sequence[str], found: Transitivity | None) -> dict[str, Any] | None:
    """The test of one number a player as JSON; None where nobody could go round."""
    if found is None:
        return None
    return {
        "statistic": round(found.statistic, 4),
        "freedom": found.freedom,
        "p_value": found.p_value,
        "triples": [
            {
                "players": [names[player] for player in triple.players],
                "elo": round(triple.elo, 2),
                "z": round(triple.z, 3),
                "is_cycle": triple.is_cycle,
            }
            for triple in found.triples
        ],
    }


def sound(results: Sequence[GameResult], with_forfeits: bool = False) -> list[GameResult]:
    """The games that tell of strength: without forfeited ones, unless these count as lost."""
    return [result for result in results if with_forfeits or result.forfeit is None]


def forfeit_counts(results: Sequence[GameResult], player: int) -> dict[str, int]:
    """How often a player forfeited, by the kind of its failure."""
    kinds = [each.forfeit.kind for each in results if each.forfeit is not None and each.loser == player]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _describe_forfeit(names: Sequence[str], result: GameResult) -> dict[str, Any]:
    assert result.forfeit is not None
    assert result.loser is not None
    return {
        "player": names[result.loser],
        "game": result.number,
        "opening": result.position,
        "kind": result.forfeit.kind,
        "reason": result.forfeit.reason,
    }


def _describe_test(sprt: Sprt, counts: Sequence[int], points: Sequence[float]) -> dict[str, Any]:
    """Where a test stands."""
    kinds = [round(2 * each) for each in points]
    ratio = sprt.ratio(counts if sprt.is_paired else [kinds.count(kind) for kind in range(3)])
    low, high = sprt.bounds
    return {
        "elo0": sprt.elo0,
        "elo1": sprt.elo1,
        "alpha": sprt.alpha,
        "beta": sprt.beta,
        "model": sprt.model,
        "llr": ratio,
        "low": low,
        "high": high,
        "state": sprt.judge(ratio),
    }


def _spent(results: Sequence[GameResult], player: int, name: str) -> float:
    """Seconds or nodes of a player."""
    spent: float = sum(
        getattr(result, name)[colour]
        for result in results
        for colour, seat in enumerate(result.seats)
        if seat == player
    )
    return spent


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
