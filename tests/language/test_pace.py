"""Paces from bursts: by the processor's time and by the clock, on a machine that is drawn here."""

from __future__ import annotations

import pytest

from engine.language.forecast import pace
from engine.language.forecast.pace import Pace, measure


class Machine:
    """A clock and a processor of which each burst in turn is given a share."""

    def __init__(self, shares: list[float], unit_s: float = 0.02, start_s: float = 0.0) -> None:
        self.shares, self.unit_s, self.start_s = shares, unit_s, start_s
        self.clock = self.work = 0.0
        self.sizes: list[int] = []

    def monotonic(self) -> float:
        return self.clock

    def process_time(self) -> float:
        return self.work

    def burst(self, size: int) -> float:
        share = self.shares[min(len(self.sizes), len(self.shares) - 1)]
        spent = self.start_s + size * self.unit_s
        self.sizes.append(size)
        self.work += spent
        self.clock += spent / share
        return size

    def measured(self, monkeypatch: pytest.MonkeyPatch, largest: int = 8, processors: int = 1) -> Pace:
        monkeypatch.setattr(pace, "time", self)
        return measure(self.burst, largest, processors)


def test_a_free_machine_is_measured_in_full_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([1.0])
    found = machine.measured(monkeypatch)
    assert (found.free_s, found.now_s, found.share) == pytest.approx((0.02, 0.02, 1.0))
    assert not found.is_busy
    assert machine.sizes == [1, 4, 8, 8, 8, 8]


def test_small_bursts_that_cost_their_start_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine([1.0], unit_s=0.01, start_s=0.05).measured(monkeypatch, largest=16)
    assert found.free_s == pytest.approx(0.01 + 0.05 / 16)


def test_a_busy_moment_is_told_from_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([1.0, 1.0, 0.2, 1.0, 1.0, 1.0])  # one burst of four
    found = machine.measured(monkeypatch)
    assert (found.free_s, found.now_s) == pytest.approx((0.02, 0.02))
    busy = Machine([0.25]).measured(monkeypatch)
    assert (busy.free_s, busy.now_s, busy.share) == pytest.approx((0.02, 0.08, 0.25))
    assert busy.is_busy


def test_it_ends_soon_however_slow_a_burst_is(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([0.01], unit_s=0.1)
    found = machine.measured(monkeypatch, largest=1000)
    assert len(machine.sizes) == 1
    assert (found.free_s, found.now_s) == pytest.approx((0.1, 10.0))
    slow = Machine([1.0], unit_s=0.6)
    assert slow.measured(monkeypatch, largest=4).now_s == pytest.approx(0.6)
    assert len(slow.sizes) == 3
    assert slow.clock <= pace.MOST_S + 0.6


def test_threads_share_out_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([2.0])  # two processors at once
    found = machine.measured(monkeypatch, processors=2)
    assert (found.free_s, found.now_s, found.share) == pytest.approx((0.01, 0.01, 1.0))


def test_the_clock_alone_counts_where_a_gpu_works(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([0.1])
    found = machine.measured(monkeypatch, processors=0)
    assert (found.free_s, found.now_s, found.share) == pytest.approx((0.2, 0.2, 1.0))
