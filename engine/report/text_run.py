"""The page of a run on text, with samples of its newest episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.language.loop import Committed, Viewer
from engine.language.method.registry import method_of
from engine.language.monitor.monitor import MAX_EXAMPLES
from engine.language.record.text_run import REPORT
from engine.report.report import RunPage, write_report
from engine.report.sample import draw_samples
from engine.report.verdict_request import Request, to_judge


def write_run_page(run: Committed) -> Path:
    """Write the page of a run into its directory; the page's path.

    UserError where it cannot be written.
    """
    path = run.path / REPORT
    write_report(path, run_page(run))
    return path


def request_of(run: Committed) -> dict[str, Any]:
    """What a person is asked to judge of a run, as a commit carries it."""
    assert run.monitor.last_iteration is not None
    samples = to_judge(run.episodes, run.probe, run.asked, run.config.seed)
    return Request(run.monitor.last_iteration, samples).to_json()


VIEWER = Viewer(write_run_page, request_of)
"""Pages of runs, and completions to judge."""


def run_page(run: Committed) -> RunPage:
    """The report of a run: its numbers, the journal of its guards, samples of its newest iteration."""
    task, config, monitor = run.task, run.config, run.monitor
    samples = draw_samples(
        run.episodes, run.probe, monitor.examples if run.probe else {}, monitor.tools.modes,
        count=10, seed=config.seed,
    )  # fmt: skip
    if len(monitor.examples) >= MAX_EXAMPLES:  # not all that there were, so that none is known to be new
        samples = [sample for sample in samples if sample.group != "new-mode"]
    facts = {"task": config.task, "method": config.method, "seed": str(config.seed)}
    method = method_of(config)
    if method.papers:
        facts["papers"] = ", ".join(method.papers)
    facts["model"] = config.model.path or f"built, {config.model.size} parameters"
    if fact := method.role(config).fact:
        facts["role"] = fact
    title = f"{config.method} on {task.name}"
    return RunPage(
        title, monitor.history, monitor.alerts, samples, facts, run.guards,
        thresholds=config.monitor.thresholds, only_observes=config.guards.mode == "observe",
    )  # fmt: skip
