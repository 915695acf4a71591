"""Clients of UCI that talk to a session of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from uci_client import ScriptedClient, ScriptedThinker, UciClient

from engine.player.thinking import Report


@pytest.fixture
def client() -> Iterator[UciClient]:
    client = UciClient()
    yield client
    client.close()


def learning(report: Report, steps: int) -> Report:
    """The first move is best, with as many visits as there were steps."""
    moves = list(report.moves)
    moves[0] = replace(moves[0], visits=steps)
    return replace(
        report, moves=tuple(moves), simulations=steps, visits=steps, seconds=max(1e-3, steps / 1000)
    )


@pytest.fixture
def scripted() -> Iterator[ScriptedClient]:
    client = ScriptedClient(ScriptedThinker(learning))
    yield client
    client.thinker.gate.set()
    client.close()
