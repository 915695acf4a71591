"""The command analyze in real processes: its order of answers, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[..., list[dict[str, Any]]]

ENDLESS = {"id": "endless", "seconds": 1e6, "every": 0.001}


class Service:
    """One that is talked to line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, *requests: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("".join(json.dumps(each) + "\n" for each in requests).encode())
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def last_answer(self) -> dict[str, Any]:
        while "partial" in (answer := self.answer()):
            pass
        return answer

    def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=60)


@contextmanager
def service(*words: str) -> Iterator[Service]:
    command = [sys.executable, "-m", "engine.cli", "analyze", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Service(process)
        finally:
            process.kill()


def test_what_is_ready_is_answered_at_once() -> None:
    with service("mcts:10", "--as-they-come") as asked:
        asked.send({"id": "endless", "seconds": 1e6}, {"id": 2, "priority": 1})
        assert asked.answer()["id"] == 2
        asked.send({"cancel": "endless", "id": 3})
        assert {asked.answer()["id"], asked.answer()["id"]} == {"endless", 3}
        assert asked.end() == 0


def test_partial_answers_are_marked_and_a_cancel_gives_the_last() -> None:
    with service("mcts:10") as asked:
        asked.send(ENDLESS)
        first, second = asked.answer(), asked.answer()
        assert first["partial"] is second["partial"] is True
        assert 0 < first["simulations"] <= second["simulations"]
        asked.send({"cancel": "endless"}, {"id": 2})
        last = asked.last_answer()
        assert (last["id"], last["cancelled"]) == ("endless", True)
        assert last["simulations"] >= second["simulations"]
        assert asked.answer() == {"id": None, "cancelled": 1}
        assert asked.answer()["id"] == 2
        assert asked.end() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_ends_it_while_it_thinks(number: signal.Signals, code: int) -> None:
    with service("mcts:10") as asked:
        asked.send(ENDLESS)
        asked.answer()
        asked.process.send_signal(number)
        assert asked.process.wait(timeout=60) == code


def test_variations_are_told_one_a_move(ask: Ask) -> None:
    request = {"id": 1, "position": "121212", "multipv": 3, "simulations": 200}
    (answer,) = ask("analyze", "mcts:10", requests=[request])
    assert len(answer["variations"]) == 3
    best = answer["variations"][0]
    assert (best["move"], best["pv"]) == (answer["best"], answer["pv"])
    assert best["visits"] == answer["visits"][best["move"]]
    assert set(best) == {"move", "visits", "value", "wdl", "lcb", "prior", "proof", "pv"}


def test_time_is_a_limit_beside_simulations(ask: Ask) -> None:
    by_count, by_time = ask(
        "analyze", "mcts:10",
        requests=[{"simulations": 5, "seconds": 1e6}, {"simulations": 10_000_000, "seconds": 0.2}],
    )  # fmt: skip
    assert by_count["simulations"] == 5
    assert 0 < by_time["simulations"] < 10_000_000


GO = {"rules": "tromp-taylor", "komi": 7.5, "boardXSize": 9, "boardYSize": 9, "moves": [["B", "E5"]]}
KATAGO = ("mcts:10", "--game", "go:size=9", "--protocol", "katago")


def test_katagos_protocol_is_asked_for(ask: Ask) -> None:
    answers = ask("analyze", *KATAGO, requests=[{"id": "a", **GO}, {"id": "v", "action": "query_version"}])
    of = {answer["id"]: answer for answer in answers}
    assert of["a"]["rootInfo"]["visits"] == 10
    assert "version" in of["v"]


def test_whose_winrates_are_told(ask: Ask) -> None:
    black, white, mover = (
        ask("analyze", *KATAGO, *words, requests=[{"id": "a", **GO}])[0]["rootInfo"]["winrate"]
        for words in ([], ["--winrates-as", "white"], ["--winrates-as", "sidetomove"])
    )
    assert black == pytest.approx(1 - white)
    assert white == mover


def test_the_end_of_the_input_ends_it() -> None:
    with service("mcts:10", "--quit-without-waiting") as asked:
        asked.send(ENDLESS)
        asked.answer()
        assert asked.end() == 0


def test_katagos_protocol_is_for_boards_of_stones(refused: Callable[..., str]) -> None:
    assert "no board of stones" in refused("analyze", "mcts:10", "--protocol", "katago")
    assert "'lichess'" in refused("analyze", "mcts:10", "--protocol", "lichess")


FRAGILE = """
from games.tictactoe import TicTacToe, TicTacToeState

class FragileState(TicTacToeState):
    def play(self, action):
        if action == 8 and self.plies == 3:
            raise RuntimeError("the corner is gone")
        super().play(action)

    def clone(self):
        copy = FragileState()
        copy.cells, copy.plies = self.cells[:], self.plies
        return copy

class Fragile(TicTacToe):
    def start(self):
        return FragileState()
"""


def test_rules_that_fail_cost_the_line_that_meets_it(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "fragile.py").write_text(FRAGILE)
    requests = [
        {"id": 1, "moves": "1 2 3 4 5"},
        {"id": 2, "moves": "1 2 3"},
        {"id": 3, "moves": "1 2 3 9"},
        {"id": 4, "moves": "1 2 3 4 9"},
    ]
    words = ("analyze", "mcts:40", "--game", f"{tmp_path / 'fragile.py'}:Fragile")
    sound, broken, played, late = ask(*words, requests=requests)
    assert sound["simulations"] > 0
    assert late["simulations"] > 0
    assert "the corner is gone" in broken["error"]
    assert "fragile.py" in broken["error"]
    assert "the corner is gone" in played["error"]
