"""How metrics are called and written on a page."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language.monitor.monitor import Point
from engine.report.chart import plain

_TITLES = {
    "diversity/self_bleu": "self-BLEU-4, one problem",
    "diversity/self_bleu_across": "self-BLEU-4, across problems",
    "diversity/entropy": "token entropy",
    "coverage/effective": "effective number of solutions",
    "coverage/unique": "distinct solutions a sample",
    "coverage/unique_right": "distinct right ones a sample",
    "coverage/solutions": "known solutions found",
    "drift/kl": "KL on own samples",
    "drift/kl_real": "KL on real data, reverse",
    "drift/kl_token": "KL a token",
    "drift/kl_budget": "share of the budget of KL",
    "hacking/audit_proxy": "proxy of what was audited",
    "hacking/audit_gold": "gold of what was audited",
    "hacking/audit_gap": "the gap of what was audited",
    "hacking/audit_gap_kept": "the same, of what was kept",
    "judge/spread": "how far several judges differ",
    "judge/missing": "verdicts that are missing",
    "hacking/gap": "proxy less gold",
    "hacking/exploits": "any sign of an exploit",
    "length/p95": "95th percentile",
    "data/top_share": "share of the top tenth of problems",
    "data/zero_spread": "problems that score all alike",
    "value/auc": "area under the curve",
    "value/auc_within": "the same, within a problem",
    "value/brier": "Brier score",
    "reward/accuracy": "held-out comparisons told right",
    "reward/learnt_accuracy": "learnt ones told right",
    "reward/calibration": "calibration error",
    "reward/margin": "mean margin of the better, nats",
    "reward/length": "correlation with length",
    "reward/held_out": "comparisons held out",
    "reward/disagreement": "deviation between members, nats",
    "gate/p_worse": "p(new worse than old)",
    "accuracy/greedy": "greedy, all",
    "pass/slope": "slope a doubling of k",
}


_SHARES = (
    "pass/at_", "accuracy/", "coverage/solutions", "coverage/unique", "coverage/share.", "coverage/rare",
    "diversity/distinct", "drift/kl_budget", "gate/", "hacking/exploit", "hacking/disagreement", "judge/",
    "data/yield", "data/zero_spread", "policy/zero_spread", "policy/clipped", "ppo/explained",
    "preference/displaced", "preference/equal", "preference/real_told", "pairs/ties", "instruction/unfit",
    "instruction/evaluation", "instruction/similar", "constitution/right", "constitution/steady",
    "constitution/broken", "constitution/helpful",
)  # fmt: skip
"""Shares of something, or probabilities, by the start of their names."""
_SHARE_WORDS = (
    "share", "fraction", "accuracy", "agreement", "missing", "truncated", "ranked_right",
)  # fmt: skip
"""Words that a share of any group ends in, so that a method's own are read as one."""


def title_of(metric: str) -> str:
    """A metric's name for people."""
    if metric in _TITLES:
        return _TITLES[metric]
    name = metric.partition("/")[2]
    if name.startswith("at_"):
        return f"pass@{int(name[3:])}"
    if name.startswith("distinct_"):
        return name.replace("_", "-")
    head, _, tail = name.partition(".")
    if head == "entropy" and tail:
        first, _, last = tail.partition("_")
        tail = f"tokens {int(first)} {'on' if last == 'up' else f'to {int(last)}'}"
    return head.replace("_", " ") + (f" · {tail}" if tail else "")


def change_of(metric: str, points: Sequence[Point]) -> str:
    """How far it has moved since its first point; empty where there is one point only."""
    if len(points) < 2:
        return ""
    moved = points[-1].value - points[0].value
    sign = "+" if moved >= 0 else "-"
    text = f"{abs(moved) * 100:.1f} pts" if is_share(metric) else plain(abs(moved))
    return f"{sign}{text} since it. {points[0].iteration}"


def number_of(metric: str, value: float) -> str:
    """A value of the metric."""
    return percent(value) if is_share(metric) else plain(value)


def is_share(metric: str) -> bool:
    """Whether a metric reads best in per cent: one of _SHARES, or by its last word, of whatever group."""
    name = metric.rpartition("/")[2].partition(".")[0]
    return metric.startswith(_SHARES) or name.endswith(_SHARE_WORDS)


def percent(value: float) -> str:
    """A share in per cent."""
    return f"{plain(round(value * 100, 1))} %"
