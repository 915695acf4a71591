"""The page of a run on text: kinds of completion that are new, and those gone since the first iteration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from collapsing import Health
from watching import SMALL, monitor_of

from engine.language.loop import Committed
from engine.language.method.registry import build_text_config
from engine.language.problem.task_registry import load_task
from engine.report.report import report
from engine.report.text_run import run_page


def test_kinds_that_are_new_and_kinds_that_are_gone_are_shown() -> None:
    monitor = monitor_of()
    monitor.update(SMALL.observe(0, Health(), 0))
    mode, (prompt, completion) = sorted(monitor.examples.items())[0]
    probe = [each for each in SMALL.observe(1, Health(), 0).probe if mode not in monitor.tools.modes(each)]
    odd = replace(probe[0], completion=f"{probe[0].completion} and more")
    tools = replace(monitor.tools, modes=lambda each: ["odd"] if each is odd else old(each))
    old, monitor.tools = monitor.tools.modes, tools
    config = build_text_config("rest-em", "countdown")
    run = Committed(Path("run"), load_task("countdown"), config, monitor, probe[:9], probe=[*probe, odd])
    page = run_page(run)
    shown = {group: [s for s in page.samples if s.group == group] for group in ("new-mode", "lost-mode")}
    assert [(s.mode, s.completion) for s in shown["new-mode"]] == [("odd", odd.completion)]
    assert (mode, prompt, completion) in [(s.mode, s.prompt, s.completion) for s in shown["lost-mode"]]
    html = report(page)
    assert "New modes" in html
    assert "Lost modes" in html
    assert {s.group for s in run_page(replace(run, probe=())).samples} <= {"kept", "rejected"}
