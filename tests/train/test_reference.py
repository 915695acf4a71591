"""A run beside the README's, and what the system says of the processor."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config, build_config
from engine.game.state_space import has_few_positions
from engine.registry import load_game, preset
from engine.run.settings_file import write_config
from engine.selfplay.caller import PARTS
from engine.train import processor
from engine.train.processor import busy_s, waited_s
from engine.train.reference import Comparison, compare_run
from engine.train.summary import DuplicateWatch, Laps, time_summary

GAME = load_game("connect4")
REFERENCE = GAME.reference_run()  # type: ignore[attr-defined]
README = Path(__file__).resolve().parents[2] / "README.md"


def write_run(path: Path, positions: float, minutes: float = 12.0, **sections: Any) -> Path:
    path.mkdir()
    config: Config = build_config(preset(GAME, "default"), {"selfplay": {"games": 64}}, sections)
    write_config(path, config)
    line = {
        "minutes": minutes,
        "selfplay/positions": positions / 2,
        "machine/cores_taken": 0.7,
        "time/reference_minutes": 0.4 * minutes,
    }
    lines = [json.dumps({"iteration": number, **line}) + "\n" for number in (1, 2)]
    (path / "metrics.jsonl").write_text("".join(lines))
    return path


def test_the_figures_are_those_of_the_page() -> None:
    text = README.read_text()
    assert f"in {REFERENCE['minutes']} minutes it plays {REFERENCE['positions']:,} positions" in text
    assert f"\nminutes={REFERENCE['minutes']}\n" in (README.parent / "scripts" / "quickstart").read_text()


def test_a_fast_machine_has_one_line(tmp_path: Path) -> None:
    found = compare_run(GAME, write_run(tmp_path / "run", 400_000))
    assert found is not None
    (line,) = found.lines()
    assert line.startswith("400,000 positions in 12.0 minutes here, 556 a second; ")
    assert "390,000 in as many, 542 a second" in line


def test_a_slow_machine_is_told_why(tmp_path: Path) -> None:
    found = compare_run(GAME, write_run(tmp_path / "run", 153_000))
    assert found is not None
    assert found.cores_taken == 0.7
    text = "\n".join(found.lines())
    assert "153,000 positions in 12.0 minutes here, 212 a second" in text
    assert "slower or busy: expect what that one reaches after 4.7 minutes" in text
    assert "a minute here was 0.40 reference minutes by the bare network" in text
    assert f"other programs took 0.7 of {found.cores} cores meanwhile" in text


def test_other_minutes_are_compared_by_rate(tmp_path: Path) -> None:
    found = compare_run(GAME, write_run(tmp_path / "run", 1_920_000, minutes=60))
    assert found is not None
    assert "1,950,000 in as many" in found.lines()[0]


@pytest.mark.parametrize(
    "sections",
    [{"selfplay": {"simulations": 50}}, {"network": {"channels": 8}}, {"learner": {"batch_size": 64}}],
)
def test_a_run_of_other_settings_is_not_compared(tmp_path: Path, sections: dict[str, Any]) -> None:
    assert compare_run(GAME, write_run(tmp_path / "run", 400_000, **sections)) is None


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    assert compare_run(GAME, write_run(tmp_path / "short", 100, minutes=0.5)) is None
    assert compare_run(load_game("nim"), tmp_path / "short") is None
    machine = write_run(
        tmp_path / "machine", 400_000, learner={"threads": 7}, evaluator={"precision": "int8"}
    )
    assert compare_run(GAME, machine) is not None


def test_a_comparison_without_the_system_s_word() -> None:
    found = Comparison("that machine", 10, 60, 1, 600)
    assert found.is_slower
    assert len(found.lines()) == 2


def spin(until: float) -> None:
    while time.monotonic() < until:
        pass


def test_threads_that_share_a_core_have_waited() -> None:
    before = waited_s()
    if before is None:
        pytest.skip("the system does not tell")
    code = "import time; end = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2 * 4)]
    try:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            spin(time.monotonic() + 0.2)
            after = waited_s()
            assert after is not None
            if after - before > 0.05:
                break
        else:
            pytest.fail("nothing was waited for")
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_busy_seconds_of_all_include_our_own() -> None:
    before, cpu = busy_s(), time.process_time()
    if before is None:
        pytest.skip("the system does not tell")
    spin(time.monotonic() + 0.5)
    after = busy_s()
    assert after is not None
    assert after - before >= time.process_time() - cpu - 0.1
    laps = Laps()
    laps.mark("learn")
    values = time_summary(laps, dict.fromkeys([f"{part}_s" for part in PARTS], 0.0), 1)
    assert values["machine/cores_taken"] >= 0


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "_STAT", tmp_path / "stat")
    monkeypatch.setattr(processor, "_TASKS", tmp_path / "task")
    assert busy_s() is None
    assert waited_s() is None
    (tmp_path / "task" / "1").mkdir(parents=True)
    (tmp_path / "stat").write_text("cpu 1 2 3\n")
    assert busy_s() is None
    assert waited_s() is None
    laps = Laps()
    laps.mark("learn")
    values = time_summary(laps, dict.fromkeys([f"{part}_s" for part in PARTS], 0.0), 1)
    assert "machine/cores_taken" not in values


@pytest.mark.parametrize(
    ("game", "few"), [("tictactoe", True), ("go:size=2", True), ("connect4", False), ("othello", False)]
)
def test_small_games(game: str, few: bool) -> None:
    assert has_few_positions(load_game(game), seconds=60) is few


def test_a_game_that_is_too_slow_to_tell_is_large() -> None:
    assert not has_few_positions(load_game("tictactoe"), seconds=0)
    assert not has_few_positions(load_game("tictactoe"), few=5477, seconds=60)
    assert has_few_positions(load_game("tictactoe"), few=5478, seconds=60)


def test_a_small_game_is_warned_of_once() -> None:
    asked = []

    def is_small() -> bool:
        asked.append(1)
        return True

    watch = DuplicateWatch(is_small)
    shares = (1.0, 0.8, 1.0, 0.7, 1.0, 0.9)
    said = [watch.check({"selfplay/distinct_games": share, "selfplay/games": 9.0}) for share in shares]
    assert [text is not None for text in said] == [False, True, False, False, False, False]
    assert "80 % of this iteration's 9 games are distinct; raise" in str(said[1])
    assert str(said[1]).endswith("(so small a game repeats itself; not said again)")
    assert asked == [1]


def test_games_about_the_threshold_are_warned_of_once() -> None:
    watch = DuplicateWatch(lambda: False)
    shares = [0.94, 0.96, 0.94, 0.97, 0.93, 0.98, 0.9]
    said = [watch.check({"selfplay/distinct_games": share, "selfplay/games": 9.0}) for share in shares]
    assert [text is not None for text in said] == [True, *[False] * 6]
