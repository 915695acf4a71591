"""What has been drawn of a text, and what is left to draw."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.language.model.generation.successors import NEVER, Drawn, Remainder, _without_drawn


def test_what_is_hardly_possible_is_drawn_all_the_same() -> None:
    """Two continuations that share a start whose probability no double holds."""
    drawn, start = Drawn(), [5] * 3
    for last in (1, 2):
        drawn.add(np.array([*start, last]), -800.0)
    assert drawn.after[5].mass == pytest.approx(-800 + math.log(2))
    node = drawn.after[5].after[5].after[5]
    mass = torch.full((1, 7), -800.0, dtype=torch.float64)
    left = _without_drawn(mass, np.array([node], object))
    assert [token for token in range(7) if left[0, token] == NEVER] == [1, 2]
    before = _without_drawn(torch.full((1, 7), -799.0, dtype=torch.float64), np.array([drawn], object))
    assert float(before[0, 5]) == pytest.approx(-799 + math.log(1 - 2 * math.exp(-1)))


def test_a_row_that_says_what_was_said_is_drawn_on_in_its_batch() -> None:
    """All is drawn but for rounding, so the row may repeat; its batch goes on for others' sake."""
    drawn = Drawn()
    for token in range(3):
        drawn.add(np.array([token, 0]), math.log(1 / 3))
    rest = Remainder([drawn], 1.0)
    logits = torch.zeros(1, 3)
    for live in (True, True, False):
        token = rest.draw(logits, torch.tensor([0.1]), np.array([0]), np.array([live]))[0]
        assert token.tolist() == [0]
        logits = torch.tensor([[1000.0, 0.0, 0.0]])
    assert rest.mass == pytest.approx(-math.log(3))


WORDS = st.lists(st.lists(st.integers(0, 2), max_size=4).map(lambda ids: (*ids, 3)), max_size=12)


@given(WORDS, st.lists(st.lists(st.integers(0, 2), max_size=4), max_size=4))
def test_the_mass_of_every_start_is_what_begins_so(
    words: list[tuple[int, ...]], looks: list[list[int]]
) -> None:
    drawn = Drawn()
    masses: Counter[tuple[int, ...]] = Counter()
    for number, word in enumerate(words):
        chance = 0.01 * (number + 1)
        drawn.add(np.array(word), math.log(chance))
        for length in range(len(word) + 1):
            masses[word[:length]] += chance
        node: Drawn | None = drawn
        for token in (
            looks[number] if number < len(looks) else ()
        ):  # what was looked at in between counts the same
            node = node.after.get(token) if node else None
    nodes = {(): drawn}
    while nodes:
        start, node = nodes.popitem()
        assert node.mass == pytest.approx(math.log(masses[start]) if words else NEVER)
        assert node.is_end == (not words or start[-1:] == (3,))
        nodes |= {(*start, token): child for token, child in node.after.items()}
        del masses[start]
    assert not masses


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_start_that_was_drawn_in_part_is_as_likely_as_its_rest(temperature: float) -> None:
    """Tokens of a third each; two of three ends of the start (0, 0) are gone: 1, 3 and 3 of 7 are left."""
    rows = 700
    drawn = [Drawn() for _ in range(rows)]
    for text in drawn:
        for last in (0, 1):
            text.add(np.array([0, 0, last]), -3 * math.log(3))
    rest = Remainder(drawn, temperature)
    logits, every, live = torch.zeros(rows, 3), np.arange(rows), np.ones(rows, bool)
    # Of the first tokens 7, 9 and 9 of 25 are left.
    first = rest.draw(logits, torch.full((rows,), 0.1), every, live)[0]
    assert not first.any()
    assert rest.mass == pytest.approx(-math.log(3))
    grid = (torch.arange(rows) + 0.5) / rows
    tokens, logprobs, entropy = rest.draw(logits, grid, every, live)
    assert torch.bincount(tokens).tolist() == [100, 300, 300]
    assert logprobs.tolist() == pytest.approx([-math.log(3)] * rows)
    assert entropy.tolist() == pytest.approx([math.log(3)] * rows)
    last = rest.draw(logits, grid, every, live)[0]
    assert last[tokens == 0].eq(2).all()
    assert last[tokens == 1].equal((3 * grid).floor().long()[tokens == 1])
    assert rest.mass == pytest.approx(-3 * math.log(3))
