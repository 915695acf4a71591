"""The pictures of the pages: their figures are true, and what is shown is drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from figures.__main__ import DATA, DRAWN, draw_all, main
from figures.canvas import LIGHT
from figures.mistakes import Figure, draw_mistakes, read_figures, seed_means
from figures.recording import SIMULATIONS, START, Thought, read_thoughts, record, write_thoughts
from PIL import Image

from engine._core import Connect4Solver
from games.connect4 import Connect4

THOUGHTS = read_thoughts(DATA / "thinking.csv")
FIGURES = read_figures(DATA / "mistakes.csv")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_all(folder)
    return folder


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["--out", str(tmp_path / "file" / "below")]) == 2
    assert capsys.readouterr().err.startswith(f"error: cannot make folder '{tmp_path}/file")


def test_thoughts_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_thoughts(tmp_path / "again.csv", iter(THOUGHTS))
    assert read_thoughts(tmp_path / "again.csv") == THOUGHTS


def test_there_are_pictures_for_light_and_dark_pages(drawn: Path) -> None:
    names = sorted(path.name for path in drawn.iterdir())
    assert names == sorted(path.name for path in DRAWN.iterdir())
    assert {name.rpartition("-")[2].partition(".")[0] for name in names} == {"light", "dark"}


def test_the_moving_picture_shows_a_game() -> None:
    state = Connect4().parse(START)
    moves = [thought for thought in THOUGHTS if thought.played]
    for thought in moves:
        assert (thought.player == "network") == (state.player() == len(START) % 2)
        state.play(state.parse_action(thought.played))
    assert state.outcome() == -1.0
    assert [len(thought.position) for thought in moves] == list(range(len(START), 41))
    assert THOUGHTS[-1].position == START + "".join(thought.played for thought in moves)


def searches() -> list[Thought]:
    return [thought for thought in THOUGHTS if thought.player == "network"]


def test_visits_are_those_of_the_simulations() -> None:
    for thought in searches():
        assert thought.simulations in SIMULATIONS
        assert sum(thought.visits) <= thought.simulations
        assert sum(thought.priors) == pytest.approx(1, abs=0.01)
        assert sum(thought.wdl) == pytest.approx(1, abs=0.01)
        assert thought.value == pytest.approx(thought.wdl[0] - thought.wdl[2], abs=0.003)


def test_every_move_of_the_network_kept_the_win() -> None:
    solver = Connect4Solver(16)
    for thought in THOUGHTS:
        if thought.player == "network" and thought.played:
            assert thought.exact[int(thought.played) - 1] == 1
        if len(thought.position) >= 16 and thought.exact:
            assert solver.outcomes(thought.position) == thought.exact


def test_a_game_is_recorded_from_a_late_position() -> None:
    start = THOUGHTS[-1].position[:30]
    kept = {(t.position, t.simulations): t for t in THOUGHTS}
    thoughts = list(record(start))
    assert thoughts[0].position == start
    assert thoughts[-1].player == ""
    assert Connect4().parse(thoughts[-1].position).outcome() == -1.0
    for thought in thoughts:
        if same := kept.get((thought.position, thought.simulations)):
            assert (thought.player, thought.exact) == (same.player, same.exact)
        if thought.player == "network":
            assert sum(thought.visits) <= thought.simulations


def test_every_figure_says_where_it_comes_from() -> None:
    assert all(figure.source and figure.machine and 0 <= figure.percent <= 100 for figure in FIGURES)
    assert len({(f.player, f.minutes, f.seed, f.machine, f.set, f.simulations) for f in FIGURES}) == len(
        FIGURES
    )
    assert [seed for minutes, seed in seed_means(FIGURES) if minutes == 12] == ["1", "2", "3"]


def pixels(path: Path, frame: int) -> np.ndarray:
    with Image.open(path) as picture:
        picture.seek(frame)
        return np.asarray(picture.convert("RGB"), dtype=np.int16)


@pytest.mark.parametrize(
    "name", ["thinking-light.gif", "thinking-dark.gif", "mistakes-light.png", "mistakes-dark.png"]
)
def test_the_pictures_shown_are_of_these_figures(name: str, drawn: Path) -> None:
    shown = DRAWN / name
    assert shown.stat().st_size < 1_500_000
    with Image.open(shown) as first, Image.open(drawn / name) as second:
        frames = getattr(first, "n_frames", 1)
        assert (first.size, frames) == (second.size, getattr(second, "n_frames", 1))
    assert (frames > 50) == name.startswith("thinking")
    for frame in {0, frames // 3}:
        apart = np.abs(pixels(shown, frame) - pixels(drawn / name, frame)).max(axis=2) > 64
        assert apart.mean() < 1e-4


def test_a_figure_that_has_changed_is_seen() -> None:
    last = FIGURES[-1]
    assert (last.player, last.set) == ("untrained", "Beginning-Hard")
    other = Figure(**{**vars(last), "percent": last.percent - 1})
    before, after = (np.asarray(draw_mistakes(LIGHT, [*FIGURES[:-1], f]), np.int16) for f in (last, other))
    assert (np.abs(before - after).max(axis=2) > 64).mean() > 1e-4
