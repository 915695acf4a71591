"""The frame of the experiments, with cells that only count."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.program import main, run
from experiments.result import Items, Measured, NotMeasuredError, Results, read_measured, write_measured
from experiments.table import markdown

from engine.errors import UserError
from engine.statistics import bootstrap, paired_bootstrap

KEYS = [f"k{number // 2}" for number in range(40)]


def scored(seed: int, every: int) -> Items:
    return Items(KEYS, [float((number + seed) % every == 0) for number in range(40)])


def make(ran: list[tuple[str, int]], lines: list[Line] | None = None) -> Experiment:
    def cell(every: int):
        def measured(cell: Cell) -> Measured:
            ran.append((cell.arm, cell.seed))
            return Measured(
                {"greedy": scored(cell.seed, every)}, {"kept": 10.0 * cell.seed}, {"nll": [1.0, cell.seed]}
            )

        return measured

    better = Line(
        "new is better",
        lambda found: Figure(found.difference("new", "old", "greedy").low > 0, "as counted"),
    )
    absent = Line("never measured", lambda found: Figure(found.value("new", "nothing") > 0, ""))
    worse = Line("keeps less", lambda found: Figure(found.value("new", "kept") < 0, "20 kept"))
    columns = [Column("greedy %", "greedy"), Column("kept", "kept", percent=False)]
    return Experiment(
        "fake", "Counting.", {"old": cell(4), "new": cell(2)}, lines or [better, absent, worse], columns,
        full={"size": 9}, smoke={"size": 1},
    )  # fmt: skip


def test_finished_cells_are_not_run_again(tmp_path: Path) -> None:
    ran: list[tuple[str, int]] = []
    run(make(ran), ["old", "new"], [1], tmp_path, "full")
    assert ran == [("old", 1), ("new", 1)]
    (tmp_path / "cells" / "new-1.json").unlink()
    results = run(make(ran), ["old", "new"], [1, 2], tmp_path, "full")
    assert ran[2:] == [("new", 1), ("old", 2), ("new", 2)]
    assert results.seeds("old", "new") == [1, 2]


def test_a_cell_that_failed_leaves_no_result(tmp_path: Path) -> None:
    ran: list[tuple[str, int]] = []
    broken = make(ran)

    def fail(cell: Cell) -> Measured:
        raise ZeroDivisionError(cell.arm)

    arms = {**broken.arms, "new": fail}
    broken = Experiment(**{**vars(broken), "arms": arms})
    with pytest.raises(ZeroDivisionError):
        run(broken, ["old", "new"], [1], tmp_path, "full")
    run(make(ran), ["old", "new"], [1], tmp_path, "full")
    assert ran == [("old", 1), ("new", 1)]


def test_lines_and_sizes_are_fixed_by_the_first_run(tmp_path: Path) -> None:
    ran: list[tuple[str, int]] = []
    run(make(ran), ["old"], [1], tmp_path, "full")
    with pytest.raises(UserError, match="other sizes"):
        run(make(ran), ["old"], [1], tmp_path, "smoke")
    easier = Line("new is not much worse", lambda _: Figure(True, ""))
    with pytest.raises(UserError, match="other lines"):
        run(make(ran, [easier]), ["old"], [1], tmp_path, "full")
    assert main(make(ran, [easier]), tmp_path, ["--out", str(tmp_path), "--seeds", "1"]) == 2


def test_seeds_are_pooled_and_keys_are_clusters() -> None:
    cells = {(arm, seed): Measured({"greedy": scored(seed, every)}) for seed in (1, 2, 3)
             for arm, every in (("old", 4), ("new", 2))}  # fmt: skip
    results = Results(cells)
    pooled = [score for seed in (1, 2, 3) for score in scored(seed, 2).scores]
    assert results.mean("new", "greedy") == bootstrap(pooled, KEYS * 3)
    old = [score for seed in (1, 2, 3) for score in scored(seed, 4).scores]
    assert results.difference("new", "old", "greedy") == paired_bootstrap(pooled, old, KEYS * 3)
    # As if each pair were evidence of its own, the interval would be narrower.
    alone = paired_bootstrap(pooled, old, [str(number) for number in range(120)])
    paired = results.difference("new", "old", "greedy")
    assert paired.difference == pytest.approx(0.25)
    assert alone.difference == pytest.approx(0.25)


def test_only_seeds_that_both_arms_have_are_compared() -> None:
    cells = {("old", 1): Measured({"greedy": scored(1, 4)}), ("new", 1): Measured({"greedy": scored(1, 2)}),
             ("new", 2): Measured({"greedy": Items(KEYS, [1.0] * 40)})}  # fmt: skip
    results = Results(cells)
    assert results.difference("new", "old", "greedy").difference == pytest.approx(0.25)
    assert results.mean("new", "greedy").value == pytest.approx(0.75)
    with pytest.raises(NotMeasuredError):
        results.mean("new", "pass@4")
    with pytest.raises(NotMeasuredError):
        results.mean("absent", "greedy")


def test_curves_end_where_a_seed_ends() -> None:
    results = Results(
        {("a", 1): Measured(curves={"nll": [1.0, 2.0, 3.0]}), ("a", 2): Measured(curves={"nll": [3.0, None]})}
    )
    assert results.curve("a", "nll")[0] == 2.0
    assert all(math.isnan(value) for value in results.curve("a", "nll")[1:])
    assert results.point("a", "nll", 0) == 2.0
    with pytest.raises(NotMeasuredError):
        results.point("a", "nll", 1)
    with pytest.raises(NotMeasuredError):
        results.point("a", "nll", 7)


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    measured = Measured(
        {"greedy": scored(1, 2)}, {"kept": 3.0, "lost": math.nan}, {"nll": [1.0, None]}, {"why": ["so"]}
    )
    path = tmp_path / "cells" / "a-1.json"
    write_measured(path, measured)
    read = read_measured(path)
    assert read.items == measured.items
    assert math.isnan(read.values["lost"])
    assert (read.values["kept"], read.curves, read.notes) == (3.0, measured.curves, measured.notes)
    path.write_text("{")
    with pytest.raises(UserError, match="remove it"):
        read_measured(path)


def test_lines_say_reached_missed_or_not_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[tuple[str, int]] = []
    assert main(make(ran), tmp_path, ["--out", str(tmp_path / "a"), "--seeds", "1"]) == 0
    assert not (tmp_path / "results").exists()
    assert main(make(ran), tmp_path, ["--out", str(tmp_path / "a")]) == 0
    text = (tmp_path / "results" / "fake.md").read_text()
    assert capsys.readouterr().out.endswith(text + "\n")
    assert "| new is better | reached | as counted |" in text
    assert "| never measured | not measured | no nothing of new |" in text
    assert "| keeps less | missed | 20 kept |" in text
    row = next(line for line in text.splitlines() if line.startswith("| new | "))
    assert row.startswith("| new | 50.0 (")
    assert row.endswith(") | 20 [10, 20, 30] |")
    assert main(make(ran), tmp_path, ["--out", str(tmp_path / "b"), "--smoke"]) == 0
    assert "no figure here is a claim" in (tmp_path / "b" / "fake-smoke.md").read_text()
    assert (tmp_path / "results" / "fake.md").read_text() == text


def test_a_table_has_the_arms_that_ran() -> None:
    results = Results({("old", 1): Measured({"greedy": scored(1, 4)})})
    text = markdown(make([]), results, "full")
    assert "| old | 25.0 " in text
    assert "| new |" not in text
