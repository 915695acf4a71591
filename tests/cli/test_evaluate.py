"""The command eval: scores and ratings of a run's checkpoints."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.cli.game.evaluate import UNTRAINED, load_entrants, score_entrants, spread
from engine.errors import UserError
from engine.truth import ILLEGAL, TruthSet
from games.connect4 import Connect4

Run = Callable[..., subprocess.CompletedProcess[str]]


class Known(Connect4):
    """Two positions with a forced reply."""

    def truth_sets(self) -> list[TruthSet]:
        outcomes = np.full((2, 7), -1, np.int8)
        outcomes[0, 0] = outcomes[1, 3] = 1
        outcomes[1, 6] = ILLEGAL
        return [TruthSet("Forced", ["121212", "141414"], outcomes)]


def test_every_checkpoint_is_scored_beside_an_untrained_network(tiny_run: Path) -> None:
    config, entrants, damaged = load_entrants(tiny_run, 0)
    assert [one.name for one in entrants] == [UNTRAINED, "000001", "000002", "000003"]
    assert damaged == []
    rows = score_entrants(Known(), config, entrants, [0, 200], 5)
    assert [row["checkpoint"] for row in rows] == [one.name for one in entrants]
    for row in rows:
        alone, searched = row["scores"]
        assert (alone["set"], alone["simulations"], searched["simulations"]) == ("Forced", 0, 200)
        assert alone["positions"] == 2
        # The first is a win in one, which search proves; the second's table is false, so always a mistake.
        assert searched["mistakes"] <= 0.5


def test_checkpoints_are_spread_evenly_and_end_with_the_newest(tiny_run: Path) -> None:
    assert spread(range(10), 3) == [2, 6, 9]
    assert spread([1, 2], 3) == [1, 2]
    assert [one.name for one in load_entrants(tiny_run, 1)[1]] == [UNTRAINED, "000003"]


def test_a_damaged_checkpoint_is_left_out(run_copy: Path) -> None:
    model = run_copy / "checkpoints" / "000002" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    _, entrants, damaged = load_entrants(run_copy, 0)
    assert [one.name for one in entrants] == [UNTRAINED, "000001", "000003"]
    assert "000002" in damaged[0]
    for number in (1, 3):
        (run_copy / "checkpoints" / f"00000{number}" / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="no whole checkpoint"):
        load_entrants(run_copy, 0)


def test_eval_as_json(selfplay: Run, tiny_run: Path) -> None:
    words = ["--sims", "0,4", "--positions", "3", "--ladder-games", "4", "--ladder-sims", "4", "--json"]
    done = selfplay("eval", str(tiny_run), *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["simulations"] == [0, 4]
    names = {UNTRAINED, "000001", "000002", "000003"}
    ladder = {row["player"]: row["elo"] for row in document["ladder"]}
    assert set(ladder) == names
    assert ladder[UNTRAINED] == 0
    assert {row["checkpoint"] for row in document["truth"]} in (names, set())


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--sims", "1,x"], "'x' is not a whole number"),
        (["--sims", ""], "'' is not a whole number"),
        (["--sims", "1,-5"], "'-5'"),
        (["--ladder-games", "5"], "--ladder-games 5 is odd"),
        (["--positions", "0"], "'0'"),
    ],
)
def test_a_bad_option_is_refused(
    refused: Callable[..., str], tiny_run: Path, words: list[str], wanted: str
) -> None:
    assert wanted in refused("eval", str(tiny_run), *words)


def test_a_bad_run_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "is not a run directory" in refused("eval", str(tmp_path))
