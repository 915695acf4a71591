import json
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.arena.event.log import GameLog, read_log
from engine.arena.event.result import GameResult
from engine.arena.game import Forfeit, GameOrder
from engine.errors import CorruptFileError, UserError

HEADER = {"game": "x", "seed": 1, "players": [{"name": "a", "sha256": None}, {"name": "b", "sha256": "00"}]}


def result(number: int, **changes: Any) -> GameResult:
    fields: dict[str, Any] = {
        "order": GameOrder(number, number // 2, (number % 2, 1 - number % 2)),
        "position": "44",
        "actions": (1, 2, 3),
        "outcome": 1.0,
        "termination": "rules",
        "forfeit": None,
        "claims": ("a claims a win",),
        "seconds": (1.5, 0.25),
        "nodes": (7, 0),
    }
    return GameResult(**fields | changes)


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    forfeit = result(1, outcome=-1.0, termination="forfeit", forfeit=Forfeit(0, "hang", "no answer"))
    with GameLog(tmp_path / "log.jsonl", HEADER) as log:
        assert log.games == {}
        log.add(result(4))
        log.add(forfeit)
    found = read_log(tmp_path / "log.jsonl")
    assert found is not None
    assert found.games == {4: result(4), 1: forfeit}
    assert found.header == {"arena": 1, **HEADER}
    with GameLog(tmp_path / "log.jsonl", HEADER) as log:
        assert log.games == found.games
        log.add(result(2))
    assert set(read_log(tmp_path / "log.jsonl").games) == {1, 2, 4}  # type: ignore[union-attr]


def test_a_log_lies_in_a_folder_that_is_named(tmp_path: Path) -> None:
    with GameLog(tmp_path, HEADER) as log:
        log.add(result(0))
    assert (tmp_path / "games.jsonl").is_file()
    assert set(read_log(tmp_path).games) == {0}  # type: ignore[union-attr]
    assert read_log(tmp_path / "missing.jsonl") is None


def test_a_log_cut_anywhere_goes_on(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    with GameLog(whole, HEADER) as log:
        for number in range(3):
            log.add(result(number))
    data = whole.read_bytes()
    ends = [index + 1 for index, letter in enumerate(data) if letter == ord("\n")]
    for cut in range(0, len(data) + 1, 7):
        path = tmp_path / f"cut{cut}.jsonl"
        path.write_bytes(data[:cut])
        kept = max(0, sum(end <= cut for end in ends) - 1)
        with GameLog(path, HEADER) as log:
            assert sorted(log.games) == list(range(kept)), cut
            for number in range(kept, 3):
                log.add(result(number))
        assert path.read_bytes() == data, cut


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 2}, "seed is 1 there and 2 here"),
        ({"game": "y"}, 'game is "x" there and "y" here'),
        ({"players": [{"name": "a", "sha256": None}, {"name": "b", "sha256": "11"}]}, "players 2.sha256 is"),
        ({"players": [{"name": "a", "sha256": None}]}, "players is"),
        ({"more": True}, "more is null there and true here"),
    ],
)
def test_a_log_of_another_event_is_refused_by_what_differs(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    path = tmp_path / "log.jsonl"
    GameLog(path, HEADER).close()
    before = path.read_bytes()
    with pytest.raises(UserError, match="is of another event: ") as caught:
        GameLog(path, HEADER | change)
    assert told in str(caught.value)
    assert path.read_bytes() == before
    GameLog(path, HEADER).close()  # the lock is free again


def test_two_at_a_time_are_refused(tmp_path: Path) -> None:
    with (
        GameLog(tmp_path / "log.jsonl", HEADER),
        pytest.raises(UserError, match=r"log .* is in use by process"),
    ):
        GameLog(tmp_path / "log.jsonl", HEADER)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{}", "KeyError"),
        (b"nonsense", "not JSON"),
        (b"\xff\x00", "not JSON"),
        (json.dumps(result(0).to_json()).encode(), "game 0 is there twice"),
        (json.dumps(result(5).to_json() | {"outcome": 3}).encode(), "outcome 3"),
        (json.dumps(result(5).to_json() | {"seats": [1]}).encode(), "ValueError"),
        (json.dumps(result(5).to_json() | {"termination": "tired"}).encode(), "'tired'"),
        (json.dumps(result(5).to_json() | {"termination": "forfeit"}).encode(), "does not fit its forfeit"),
        (json.dumps(result(5).to_json() | {"seconds": [-1, 0]}).encode(), "no times"),
        (
            json.dumps(
                result(5, termination="forfeit", forfeit=Forfeit(0, "hang", "no answer")).to_json()
            ).encode(),
            "outcome 1 is not that of a forfeit of colour 0",
        ),
        (json.dumps(result(5).to_json() | {"number": -1}).encode(), "-1 is not a whole number"),
    ],
)
def test_a_damaged_line_within_is_told_by_its_number(tmp_path: Path, line: bytes, told: str) -> None:
    path = tmp_path / "log.jsonl"
    with GameLog(path, HEADER) as log:
        log.add(result(0))
    path.write_bytes(path.read_bytes() + line + b"\n" + json.dumps(result(9).to_json()).encode() + b"\n")
    with pytest.raises(CorruptFileError, match="line 3: ") as caught:
        read_log(path)
    assert told in str(caught.value)


@pytest.mark.parametrize("data", [b"hello\n", b'{"arena": 99}\n', b"hello", b'{"game": 1}\n', b"[1]\n"])
def test_a_file_that_is_no_log_is_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(data)
    with pytest.raises(UserError, match="is no log of an event"):
        GameLog(path, HEADER)
    assert path.read_bytes() == data


def test_a_disk_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = GameLog(tmp_path / "log.jsonl", HEADER)
    failed = threading.Event()

    def refuse(step: str) -> None:
        if step == "append":
            failed.set()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.run.storage.fault_hook", refuse)
    log.add(result(0))
    assert failed.wait(30)
    with pytest.raises(UserError, match="No space left"):
        log.close()
