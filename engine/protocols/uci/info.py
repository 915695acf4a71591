"""`info` lines: what a search has found so far."""

from __future__ import annotations

from engine.player.thinking import MoveReport, Report
from engine.protocols.uci.option import Options
from engine.protocols.uci.score import known_wdl, per_mille, score_text, settled
from engine.protocols.uci.variant import Rules


def info_lines(report: Report, options: Options, rules: Rules) -> list[str]:
    """One for each of the best MultiPV moves."""
    shown = report.moves[: options.number("MultiPV")]
    return [_line(report, move, rank, options, rules) for rank, move in enumerate(shown, 1)]


def _line(report: Report, move: MoveReport, rank: int, options: Options, rules: Rules) -> str:
    move, line = settled(report.state, move), rules.spell(report.state, move.pv)
    words = [
        f"info depth {max(1, len(line))} seldepth {max(1, len(line), report.max_depth)} multipv {rank}",
        f"score {score_text(report.state, move, options.text('ScoreType'))}",
    ]
    if options.is_on("UCI_ShowWDL"):
        words.append(f"wdl {per_mille(known_wdl(move))}")
    speed = round(report.simulations / report.seconds) if report.seconds > 0 else 0
    words.append(
        f"nodes {report.simulations} nps {speed} hashfull {round(1000 * min(1.0, report.memory))} "
        f"time {round(1000 * report.seconds)} pv {' '.join(line)}"
    )
    return " ".join(words)


def over_line(outcome: float) -> str:
    """Of a position without a legal move; outcome: for the player to move."""
    return f"info depth 0 score {'mate 0' if outcome < 0 else 'cp 0'}"


def statistics_lines(report: Report, rules: Rules) -> list[str]:
    """VerboseMoveStats: every move, the best last, and the position, as Lc0 tells them."""
    lines = []
    for move in reversed(report.moves):
        text = (rules.spell(report.state, [move.action]) or [str(move.action)])[0]
        lines.append(f"{text:<5} ({move.action:<4}) N: {move.visits:>7} (+ 0) (P: {100 * move.prior:5.2f}%) "
                     + _values(move.value, move.wdl))  # fmt: skip
    position = f"node  ({len(report.moves):>4}) N: {report.visits:>7} (+ 0) (P: 100.0%) "
    return [f"info string {line}" for line in [*lines, position + _values(report.value, report.wdl)]]


def _values(value: float, wdl: tuple[float, float, float]) -> str:
    return f"(WL: {wdl[0] - wdl[2]: .5f}) (D: {wdl[1]:.3f}) (Q: {value: .5f})"
