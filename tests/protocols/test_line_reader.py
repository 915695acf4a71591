"""Lines of an input read beside other work."""

import os
import time

import pytest

from engine.protocols import line_reader
from engine.protocols.gtp import inbox
from engine.protocols.line_reader import MAX_LINE, LineReader


def reader(data: bytes) -> LineReader:
    source, sink = os.pipe()
    found = LineReader(source)
    with os.fdopen(sink, "wb") as file:
        file.write(data)
    return found


def test_lines_in_order_then_the_end() -> None:
    lines = reader(b"one\r\ntwo\n\nlast")
    assert [lines.get(20) for _ in range(5)] == ["one", "two", "", "last", None]
    assert lines.get() is None
    assert lines.at_end


def test_a_long_line_is_cut_and_said_so() -> None:
    lines = reader(b"x" * (3 * MAX_LINE) + b"\nshort\n")
    first, second = lines.get(20), lines.get(20)
    assert first is not None
    assert second is not None
    assert (len(first), first.is_cut) == (MAX_LINE, True)
    assert (second, second.is_cut) == ("short", False)


def test_binary_is_survived() -> None:
    lines = reader(bytes(range(256)) + b"\nname\n")
    while (line := lines.get(20)) != "name":
        assert line is not None


def test_nothing_there_yet() -> None:
    source, sink = os.pipe()
    lines = LineReader(source)
    with pytest.raises(TimeoutError):
        lines.get(0.01)
    assert not lines.is_waiting
    os.close(sink)
    assert lines.get(20) is None


def test_a_byte_order_mark_is_none_of_the_first_line() -> None:
    lines = reader(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")
    assert [lines.get(20) for _ in range(3)] == ["one", "\ufefftwo", None]


def test_lines_that_nobody_takes_are_not_all_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_reader, "MAX_WAITING_SIZE", 8)
    lines = reader(b"12345\n" * 5 + b"last")
    for left in range(5, 1, -1):
        time.sleep(0.02)  # it could go on to the end by now
        assert not lines.at_end, left
        assert lines.get(20) == "12345"
    assert [lines.get(20) for _ in range(3)] == ["12345", "last", None]


def test_an_inbox_looks_ahead_at_so_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_HELD_SIZE", 8)
    source, sink = os.pipe()
    with os.fdopen(sink, "wb") as file:
        file.write(b"name\n" * 20)
    found = inbox.Inbox(source)
    for _ in range(20):
        assert not found.is_interrupted
        assert len(found._held) <= 2
        assert found.take() == "name"
    assert found.take() is None
