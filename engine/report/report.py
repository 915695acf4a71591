"""The report of a run: curves of everything, key plots, alarms and samples on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.language.monitor.config import ThresholdConfig
from engine.language.monitor.journal import Entry
from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.rules import limits
from engine.report.chart import Axes, Curve, line_chart
from engine.report.naming import change_of, is_share, number_of, percent, title_of
from engine.report.page import document, sample_cards
from engine.report.plot import History, coverage, dots_of, fan, overoptimisation
from engine.report.sample import Sample
from engine.report.visible import escape
from engine.run.storage import atomic_write

SECTIONS = (
    ("value", "Value head", "how well its values tell right samples from wrong ones"),
    ("pass", "Solving", "the chance that one of k samples is right"),
    (
        "accuracy",
        "Held-out accuracy",
        "greedy, in all and by skill; variations are the same problems with other surface",
    ),
    ("coverage", "Coverage", "what of the solutions is still found; the rare is lost first"),
    ("diversity", "Diversity", "read beside accuracy: errors look diverse too"),
    ("hacking", "Reward hacking", "a score won without the work"),
    ("judge", "Judge", "a learned judge asked twice"),
    ("drift", "Drift", "from real data, and from the first model or the first trained"),
    ("length", "Length", "of samples, in tokens"),
    ("data", "Training data", "what was kept, and of what"),
    ("loss", "Training", "of the last training of an iteration, or the mean over its rounds"),
    ("gate", "Gate", "the new model against the old"),
    ("oversight", "Oversight", "iterations since a human looked"),
)
TILES = (
    ("pass/at_01", "right, one sample"),
    ("accuracy/greedy", "held-out accuracy"),
    ("value/auc_within", "right told from wrong, same problem"),
    ("coverage/solutions", "known solutions found"),
    ("drift/bits_per_character", "bits a character, real data"),
    ("diversity/entropy", "token entropy, nats"),
    ("hacking/gap", "proxy less gold"),
)
MAX_ALERTS = 500
MAX_STRIP = 200
_WORDS = {Level.OK: "healthy", Level.WARN: "warnings", Level.ALERT: "alert", Level.STOP: "stop"}


@dataclass(frozen=True)
class RunPage:
    """What a report tells of a run."""

    title: str
    history: History
    alerts: Sequence[Alert] = ()
    samples: Sequence[Sample] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """Method, task, model and the like."""
    journal: Sequence[Entry] = ()
    """What guards did and what they withheld."""
    thresholds: ThresholdConfig = field(default_factory=ThresholdConfig)
    only_observes: bool = False
    """Whether guards did nothing of what the journal has."""


def write_report(path: Path, page: RunPage) -> None:
    """Write the page; UserError where it cannot be written."""
    atomic_write(path, report(page).encode())


def report(page: RunPage) -> str:
    """The page as HTML. All text in it that others wrote is escaped."""
    body = [
        _head(page),
        _tiles(page),
        _alarms(page),
        _guards(page),
        _key_plots(page),
        *(_section(page, group, group.replace("_", " ").capitalize(), "") for group in _others(page)),
        *(_section(page, *section) for section in SECTIONS),
    ]
    if page.samples:
        body.append(
            "<h2>Samples <small>drawn over strata and scores</small></h2>" + sample_cards(page.samples)
        )
    body.append(
        "<footer>Bands are intervals of a bootstrap over problems. Dashed lines are where a metric warns and "
        "alerts against the first iteration. Samples of the probe are drawn at temperature 1 on the same "
        "problems in every iteration.</footer>"
    )
    return document(page.title, "".join(body))


def _head(page: RunPage) -> str:
    last = max((points[-1].iteration for points in page.history.values() if points), default=0)
    level = max((alert.level for alert in page.alerts if alert.iteration == last), default=Level.OK)
    word = _WORDS[level]
    facts = "".join(
        f"<span>{escape(name, 60)} {escape(value, 200)}</span>" for name, value in page.facts.items()
    )
    return (
        f'<h1>{escape(page.title, 200)}<span class="pill {level.name.lower()}">{word}</span></h1>'
        f'<div class="facts"><span>iteration {last}</span>{facts}</div>'
    )


def _tiles(page: RunPage) -> str:
    parts = []
    for metric, label in TILES:
        points = page.history.get(metric)
        if points:
            parts.append(
                f'<div class="tile"><b class="num">{number_of(metric, points[-1].value)}</b>'
                f"<span>{label}</span><br>"
                f'<i class="num">{change_of(metric, points)}</i></div>'
            )
    return f'<div class="tiles">{"".join(parts)}</div>'


def _alarms(page: RunPage) -> str:
    """A strip of the iterations, the alarms of the last one, and the log of those before."""
    iterations = sorted({point.iteration for points in page.history.values() for point in points})
    worst = dict.fromkeys(iterations, Level.OK)
    for alert in page.alerts:
        worst[alert.iteration] = max(worst.get(alert.iteration, Level.OK), alert.level)
    strip = "".join(
        f'<span class="{level.name.lower()}" title="iteration {number}: {_WORDS[level]}">{number}</span>'
        for number, level in list(worst.items())[-MAX_STRIP:]
    )
    last = iterations[-1] if iterations else 0
    now = [alert for alert in page.alerts if alert.iteration == last]
    before = [alert for alert in page.alerts if alert.iteration != last]
    table = _alarm_table(now) if now else '<p class="soft">None in the last iteration.</p>'
    log = ""
    if before:
        serious = sum(alert.level >= Level.ALERT for alert in before)
        count = f"{serious} alerts and stops, {len(before) - serious} warnings"
        head = f"<summary>Before <span class=soft>{count}</span></summary>"
        log = f"<details>{head}{_alarm_table(before)}</details>"
    return f'<h2>Alarms</h2><div class="strip num">{strip}</div>{table}{log}'


def _alarm_table(alerts: Sequence[Alert]) -> str:
    latest = sorted(alerts, key=lambda alert: (-alert.iteration, -alert.level, alert.metric))[:MAX_ALERTS]
    rows = "".join(
        f'<tr><td class="num">{alert.iteration}</td><td class="level {alert.level.name.lower()}">'
        f'{alert.level.name}</td><td class="metric">{escape(alert.message, 400)}</td>'
        f"<td>{escape(', '.join(alert.responses))}</td></tr>"
        for alert in latest
    )
    more = (
        f'<p class="soft">The latest {MAX_ALERTS} of {len(alerts)}.</p>' if len(alerts) > MAX_ALERTS else ""
    )
    heads = "".join(f"<th>{name}</th>" for name in ("It.", "Level", "What", "Calls for"))
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{more}'
    )


def _guards(page: RunPage) -> str:
    """What guards did or would have done, the newest first."""
    if not page.journal:
        return ""
    withheld = "would have" if page.only_observes else "not done"
    rows = [
        (entry.iteration, word, line)
        for entry in reversed(page.journal)
        for word, lines in (("done", entry.acted), (withheld, entry.withheld))
        for line in lines
    ]
    body = "".join(
        f'<tr><td class="num">{iteration}</td><td>{word}</td><td>{escape(line, 400)}</td></tr>'
        for iteration, word, line in rows[:MAX_ALERTS]
    )
    note = "they only observe: nothing of this was done" if page.only_observes else "what they did, and why"
    heads = "".join(f"<th>{name}</th>" for name in ("It.", "", "What"))
    return (
        f'<h2>Guards <small>{note}</small></h2><div class="wide"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _key_plots(page: RunPage) -> str:
    plots = [
        (
            "pass@k",
            "over k, by iteration: a fan that closes at large k is sharpening, not learning",
            fan(page.history),
        ),
        ("Known solutions found", "by iteration", coverage(page.history)),
        (
            "Gold and proxy",
            "against the square root of KL",
            overoptimisation(page.history),
        ),
    ]
    cards = "".join(
        f'<div class="card"><h3><span>{name}</span></h3>'
        f'<div class="sub"><span>{text}</span></div>{chart}</div>'
        for name, text, chart in plots
        if chart
    )
    return f'<h2>At a glance</h2><div class="grid2">{cards}</div>' if cards else ""


def _others(page: RunPage) -> list[str]:
    """Groups that a method has of its own, in their order."""
    known = {group for group, _, _ in SECTIONS}
    return [
        each for each in dict.fromkeys(name.partition("/")[0] for name in page.history) if each not in known
    ]


def _section(page: RunPage, group: str, name: str, text: str) -> str:
    metrics = [metric for metric, points in page.history.items() if metric.startswith(group + "/") and points]
    if not metrics:
        return ""
    cards = "".join(_card(page, metric) for metric in metrics)
    return f'<h2>{name} <small>{text}</small></h2><div class="grid3">{cards}</div>'


def _card(page: RunPage, metric: str) -> str:
    points = page.history[metric]
    levels = {alert.iteration: alert.level for alert in page.alerts if alert.metric == metric}
    bounds = limits(metric, points[0].value, page.thresholds)
    chart = line_chart(
        [Curve(dots_of(points, levels))],
        Axes(unit=percent if is_share(metric) else None, limits=bounds),
        metric,
    )
    level = levels.get(points[-1].iteration, Level.OK)
    says = "".join(f'<span class="{word}">{number_of(metric, value)}</span>' for word, value in bounds)
    return (
        f'<div class="card {level.name.lower() if level else ""}">'
        f"<h3><span>{escape(title_of(metric), 80)}</span>"
        f'<b class="num">{number_of(metric, points[-1].value)}</b></h3>'
        f'<div class="sub num"><span>{change_of(metric, points)}</span>'
        f'<span class="bounds">{says}</span></div>{chart}</div>'
    )
