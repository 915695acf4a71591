"""Steps that are not finite, and averages of weights: one code for both learners."""

import math

import pytest
import torch

from engine.errors import UserError
from engine.language.learner import text_learner
from engine.learner import learner
from engine.learner.stability import MAX_SKIPPED, Skips, is_finite, update_average


@pytest.mark.parametrize(
    ("loss", "norm", "finite"),
    [(1.0, 2.0, True), (math.nan, 1.0, False), (1.0, math.inf, False), (-math.inf, math.inf, False)],
)
def test_a_step_needs_a_finite_loss_and_gradient(loss: float, norm: float, finite: bool) -> None:
    assert is_finite(torch.tensor(loss, requires_grad=True), torch.tensor(norm)) is finite


def test_too_many_in_a_row_end_the_run_and_a_good_one_begins_anew() -> None:
    skips = Skips("do this")
    for row in range(3):
        for step in range(MAX_SKIPPED - 1):
            skips.count(finite=False, step=step)
        assert (skips.total, skips.in_row) == ((row + 1) * (MAX_SKIPPED - 1), MAX_SKIPPED - 1)
        skips.count(finite=True, step=MAX_SKIPPED)
        assert skips.in_row == 0
    for _ in range(MAX_SKIPPED - 1):
        skips.count(finite=False, step=7)
    with pytest.raises(
        UserError, match=r"^loss or gradient not finite in 20 steps in a row at step 8; do this$"
    ):
        skips.count(finite=False, step=8)


def test_an_average_forgets_its_first_weights_and_copies_counts() -> None:
    mean, count = torch.tensor([10.0]), torch.tensor([0])
    for updates in range(1, 5):
        update_average([(mean, torch.tensor([0.0])), (count, torch.tensor([updates]))], 0.2, updates)
    assert float(mean) == pytest.approx(10 * (1 / 10) * (2 / 11) * 0.2 * 0.2)
    assert count.tolist() == [4]


def test_both_learners_take_it_from_here() -> None:
    for module in (learner, text_learner):
        assert module.Skips is Skips
        assert module.is_finite is is_finite
        assert module.update_average is update_average
