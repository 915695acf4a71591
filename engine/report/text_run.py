"""The page of a run on text, with samples of its newest episodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.language.episode import Episode
from engine.language.loop import Committed
from engine.language.method.registry import method_of
from engine.language.monitor.journal import Entry
from engine.language.monitor.monitor import Monitor
from engine.language.record.text_run import REPORT
from engine.language.settings import TextConfig
from engine.language.task import Task
from engine.report.report import RunPage, write_report
from engine.report.request import Request, to_judge, write_request
from engine.report.sample import draw_samples


def write_run_page(run: Committed) -> Path:
    """Write the page of a run into its directory, and what a person is asked to judge; the page's path.

    UserError where one cannot be written.
    """
    path = run.path / REPORT
    write_report(path, run_page(run.task, run.config, run.monitor, run.episodes, run.guards))
    if run.asked and run.monitor.last_iteration is not None:
        samples = to_judge(run.episodes, run.probe, run.asked, run.config.seed)
        write_request(run.path, Request(run.monitor.last_iteration, samples))
    return path


def run_page(
    task: Task, config: TextConfig, monitor: Monitor, episodes: Sequence[Episode], guards: Sequence[Entry]
) -> RunPage:
    """The report of a run, with samples of these episodes and the journal of its guards."""
    samples = draw_samples(episodes, [], {}, monitor.tools.modes, count=10, seed=config.seed)
    facts = {"task": config.task, "method": config.method, "seed": str(config.seed)}
    method = method_of(config)
    if method.papers:
        facts["papers"] = ", ".join(method.papers)
    facts["model"] = config.model.path or f"built, {config.model.size} parameters"
    if fact := method.role(config).fact:
        facts["role"] = fact
    title = f"{config.method} on {task.name}"
    return RunPage(
        title, monitor.history, monitor.alerts, samples, facts, guards,
        thresholds=config.monitor.thresholds, only_observes=config.guards.mode == "observe",
    )  # fmt: skip
