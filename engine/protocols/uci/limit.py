"""What ends a search: the words of `go`, the options and the clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine._core import State
from engine.player.clock import Clock, TimeControl, allot, expected_plies
from engine.player.thinking import NOT_PROVEN, Report
from engine.protocols.uci.command import Go
from engine.protocols.uci.lag import Lag
from engine.protocols.uci.option import Options
from engine.protocols.uci.score import plies_to_end, settled
from engine.protocols.uci.variant import Rules

SIMULATIONS_A_DEPTH = 1000
"""A search to some depth ends after so many for each ply of it at the latest."""

SIMULATIONS_A_MATE = 10_000
"""A search for a mate likewise, for each move."""

PONDERING = 1.25
"""A player who thinks in the other's time, too, has so much more of its own."""

_FEW = 0.5


@dataclass(frozen=True)
class Limits:
    """simulations: None: no limit. soft_s, hard_s: of engine.player.clock.allot. depth: plies of the line
    expected. mate: in so many moves. holds: no move is told before `stop` or `ponderhit`. pondering: nothing
    ends it before `ponderhit`. pruning: of SmartPruningFactor. is_timed: whether a clock runs."""

    simulations: int | None = None
    soft_s: float = math.inf
    hard_s: float = math.inf
    depth: int | None = None
    mate: int | None = None
    holds: bool = False
    pondering: bool = False
    pruning: float = 0.0
    is_timed: bool = False


def read_limits(request: Go, options: Options, rules: Rules, state: State, lag: Lag | None = None) -> Limits:
    """Those of a `go` in a position; lag: that was seen before, beside Move Overhead."""
    is_analysis = options.is_on("UCI_AnalyseMode")
    soft, hard = _times(request, options, rules, state, lag or Lag())
    depth, mate = (
        max(1, request.limits[word]) if word in request.limits else None for word in ("depth", "mate")
    )
    counts = [request.limits["nodes"]] if "nodes" in request.limits else []
    if not counts and not request.is_unlimited and not is_analysis and options.number("Simulations"):
        counts.append(options.number("Simulations"))
    counts += [SIMULATIONS_A_DEPTH * depth] if depth else []
    counts += [SIMULATIONS_A_MATE * mate] if mate else []
    if request.malformed and not request.limits:
        soft = hard = 0.0
    is_timed = hard < math.inf and "movetime" not in request.limits and not is_analysis
    return Limits(
        simulations=max(1, min(counts)) if counts else None,
        soft_s=soft if is_timed else hard,
        hard_s=hard,
        depth=depth,
        mate=mate,
        holds=request.is_unlimited or request.ponder,
        pondering=request.ponder,
        pruning=float(options.text("SmartPruningFactor")),
        is_timed=is_timed,
    )


def _times(request: Go, options: Options, rules: Rules, state: State, lag: Lag) -> tuple[float, float]:
    """(soft, hard)"""
    lag_s = max(options.number("Move Overhead") / 1000, lag.mean_s)
    soft = hard = math.inf
    control = own_control(request, state.player())
    if control is not None:
        soft, hard = allot(Clock(control), state.ply(), expected_plies(rules.game), lag_s, lag.worst_s)
        if options.is_on("Ponder"):
            soft = min(PONDERING * soft, hard)
    if "movetime" in request.limits:
        move_s = max(0, request.limits["movetime"]) / 1000
        fixed = allot(Clock(TimeControl(move_s=move_s)), 0, 0, lag_s)[1] if move_s else 0.0
        soft, hard = min(soft, fixed), min(hard, fixed)
    return soft, hard


def own_control(request: Go, player: int) -> TimeControl | None:
    """What the clock of the side to move says; None where none runs."""
    own, other = (("wtime", "winc"), ("btime", "binc"))[:: 1 if player == 0 else -1]
    # A client that tells one clock alone means both.
    time, increment = own if own[0] in request.limits else other
    if time not in request.limits:
        return None
    return TimeControl(
        max(0, request.limits[time]) / 1000,
        max(0, request.limits.get(increment, 0)) / 1000,
        max(0, request.limits.get("movestogo", 0)),
    )


def is_deep_enough(limits: Limits, report: Report) -> bool:
    """Whether the line or the mate asked for is there."""
    best = report.moves[0]
    if limits.depth is not None and report.simulations and len(best.pv) >= limits.depth:
        return True
    if limits.mate is None:
        return False
    best = settled(report.state, best)
    if best.proof in (0, NOT_PROVEN):
        return False
    plies = plies_to_end(report.state, best)
    return plies is not None and plies <= 2 * limits.mate


def is_clear(report: Report) -> bool:
    """Whether no move that was looked at half as often is better in value than the one to be played."""
    best = report.moves[0]
    return all(move.value <= best.value for move in report.moves if move.visits > _FEW * best.visits)


def is_decided(limits: Limits, report: Report, left_s: float) -> bool:
    """Whether no move can overtake the best in what is left, by SmartPruningFactor."""
    if not limits.pruning or not report.simulations or len(report.moves) < 2:
        return False
    left = math.inf
    if limits.simulations is not None:
        left = limits.simulations - report.simulations
    if left_s < math.inf and report.seconds > 0:
        left = min(left, report.simulations / report.seconds * left_s)
    second = max(move.visits for move in report.moves[1:])
    return report.moves[0].visits - second > left / limits.pruning
