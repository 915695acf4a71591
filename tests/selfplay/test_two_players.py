"""Texts that two players write: each side learns by its own result, and of a forfeit nobody does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from tiny_models import byte_tokenizer, plain_tokenizer, word_start_tokenizer
from tokenizer_kinds import model_with

from engine.errors import UserError
from engine.language.episode import Episode, Step
from engine.language.learner.filter import mark_kept, mix, pass_rates
from engine.language.learner.label import outcome_labels, search_labels
from engine.language.learner.objective.text import Supervised, texts
from engine.language.learner.side import spans_of, without_losers
from engine.language.measure.evaluation import majority
from engine.language.model.tiny_model import build_model
from engine.language.record.export import export, rows
from engine.language.settings import FilterConfig, MixConfig
from engine.language.task import Demonstration, VerifyResult
from games.text.textgame import TicTacToeText

TASK = TicTacToeText()
START = TASK.start()

# X wins the top row   O wins the middle   a draw               O plays where X stands
#   1X 2X 3X             1X 2X 8X            1X 2O 3X             5X
#   4O 5O .              4O 5O 6O            4X 5O 6O
#   .  .  .              .  .  .             7O 8X 9X
FIRST = "1 4 2 5 3 "
SECOND = "1 4 2 5 8 6 "
DRAWN = "1 2 3 5 4 6 8 7 9 "
FORFEITS = ["5 5 ", "1 1 ", "1 4 2 5 3", "1 ", "", "1 x ", "1 4 4 "]


def episode(completion: str, steps: tuple[Step, ...] = ()) -> Episode:
    result = TASK.verify(START, completion)
    return Episode(START, completion, result, "model", 1, "", 0, 1.0, 0.0, 4, steps=steps)


def kept(completions: list[str], threshold: float, *, by_visits: bool = False) -> list[str]:
    marked = mark_kept(
        TASK, [episode(each) for each in completions], FilterConfig(per_prompt=99), threshold,
        by_visits=by_visits,
    )  # fmt: skip
    return [each.completion for each in marked if each.kept]


def test_the_games_are_what_their_drawings_say() -> None:
    assert [TASK.verify(START, each).score for each in (FIRST, SECOND, DRAWN)] == [1, 0, 0.5]
    assert all(TASK.verify(START, each).is_forfeit for each in FORFEITS)


def test_a_win_of_either_side_is_kept_and_a_forfeit_never() -> None:
    every = [FIRST, SECOND, DRAWN, *FORFEITS]
    assert kept(every, 1.0) == [FIRST, SECOND]
    assert kept(every, 0.5) == [FIRST, SECOND, DRAWN]
    assert kept(every, 0.0) == [FIRST, SECOND, DRAWN]
    assert kept(every, 1.0, by_visits=True) == [FIRST, SECOND, DRAWN]


@pytest.mark.parametrize(
    ("completion", "threshold", "learnt"),
    [
        (FIRST, 1.0, "1 2 3 "),
        (SECOND, 1.0, "4 5 6 "),
        (DRAWN, 0.5, DRAWN),
        (DRAWN, 1.0, ""),
        (FIRST, 0.0, FIRST),
        (FIRST + "7 8 ", 1.0, "1 2 3 "),
        ("5 5 ", 0.0, ""),
    ],
)
def test_only_the_play_of_who_did_well_is_learnt(completion: str, threshold: float, learnt: str) -> None:
    (example,) = mix([episode(completion)], [], MixConfig(real=False), 0, task=TASK, threshold=threshold)
    assert example.completion == completion, "the rest is read, and not learnt"
    assert example.spans is not None
    assert "".join(completion[start:stop] for start, stop in example.spans) == learnt


def test_the_player_to_move_after_the_opening_is_the_one_whose_steps_count() -> None:
    prompt = TASK.prompts("train", 50, 0)[0]
    while TASK.player(prompt, "") != 1:
        prompt = next(p for p in TASK.prompts("train", 50, 0) if TASK.player(p, "") == 1)
    text = TASK.legal_steps(prompt, "")[0]
    text += TASK.legal_steps(prompt, text)[0]
    assert spans_of(TASK, prompt, text, (1,)) == ((0, 2),)
    assert spans_of(TASK, prompt, text, (0,)) == ((2, 4),)


def test_demonstrations_show_the_play_of_those_who_did_not_lose() -> None:
    def verify(pairs: list[tuple[object, str]]) -> list[VerifyResult]:
        return [TASK.verify(START, text) for _, text in pairs]

    real = [Demonstration(START, each) for each in (FIRST, SECOND, DRAWN, "5 5 ")]
    shown = without_losers(TASK, real, verify)  # type: ignore[arg-type]
    assert [(each.completion, each.players) for each in shown] == [
        (FIRST, (0,)),
        (SECOND, (1,)),
        (DRAWN, (0, 1)),
    ]
    examples = mix([], shown, MixConfig(), 0, task=TASK)
    assert [each.spans for each in examples] == [
        ((0, 2), (4, 6), (8, 10)),
        ((2, 4), (6, 8), (10, 12)),
        ((0, 18),),
    ]


def test_the_gradient_is_of_the_winners_moves_and_the_end_alone() -> None:
    model = build_model(TASK.alphabet, "0.1M", seed=1)
    losses = []
    for spans in (((0, 2), (4, 6), (8, 10)), None):
        (row,) = texts(model, [">"], [FIRST], spans=[spans])
        assert row.learnt == (None if spans is None else (True, True, False, False) * 2 + (True,) * 3)
        loss, _ = Supervised()(model, [row, row])
        losses.append(float(loss.detach()))
    ids = torch.tensor([row.prompt + row.response])
    with torch.no_grad():
        logits = model.network(input_ids=ids).logits[0, :-1].log_softmax(-1)
    nats = [-float(logits[i, token]) for i, token in enumerate(ids[0, 1:].tolist())][-len(row.response) :]
    own = [nats[i] for i in (0, 1, 4, 5, 8, 9, 10)]
    assert losses[0] == pytest.approx(sum(own) / 7, rel=1e-4)
    assert losses[1] == pytest.approx(sum(nats) / 11, rel=1e-4)


@pytest.mark.parametrize("kind", ["bytes", "word starts", "letters"])
def test_no_token_that_shows_a_losers_move_is_learnt(kind: str) -> None:
    corpus = [">" + FIRST, ">" + SECOND, ">" + DRAWN, "4 2 ", " 5 3"] * 3
    make = {"bytes": byte_tokenizer, "word starts": word_start_tokenizer}.get(kind)
    model = model_with(make(corpus) if make else plain_tokenizer(TASK.alphabet))
    spans = spans_of(TASK, START, SECOND, (1,))
    (row,) = texts(model, [">"], [SECOND], spans=[spans])
    assert row.learnt is not None
    assert len(row.learnt) == len(row.response)
    assert row.learnt[-1]
    shown = [
        model.codec.decode([row.response[: i + 1]])[0][len(model.codec.decode([row.response[:i]])[0]) :]
        for i in range(len(row.response) - 1)
    ]
    assert "".join(shown) == SECOND
    learnt = {each.strip() for each, counts in zip(shown, row.learnt, strict=False) if counts}
    assert learnt <= {"4", "5", "6", ""}
    if kind == "letters":
        assert learnt == {"4", "5", "6", ""}


def test_forfeits_label_no_position_and_count_nothing_where_models_are_measured() -> None:
    step = Step("5 ", 0, ("5 ",), (9,), (1.0,), (0.9,), 0.9)
    played, lost = episode(FIRST), episode("5 5 ", (step,))
    assert {label.text for label in outcome_labels(TASK, [played, lost])} == {
        "",
        "1 ",
        "1 4 ",
        "1 4 2 ",
        "1 4 2 5 ",
        FIRST,
    }
    assert search_labels([lost], 0.5) == []
    assert (played.worth, lost.worth, lost.result.score) == (1, 0, 1)
    assert majority([lost, lost, played]) == 0
    assert pass_rates([lost, played], distinct=False) == {START.id: 0.5}


def test_exports_have_each_sides_own_steps(tmp_path: Path) -> None:
    marked = mark_kept(TASK, [episode(e) for e in (SECOND, DRAWN, "5 5 ")], FilterConfig(), 1.0)
    found = [(row["prompt"], row["completion"]) for row in rows("sft", marked, TASK)]
    assert found == [(">1 ", "4 "), (">1 4 2 ", "5 "), (">1 4 2 5 8 ", "6 ")]
    labelled = [(row["completion"], row["label"]) for row in rows("unpaired", marked[:1], TASK)]
    assert labelled == [("1 ", False), ("4 ", True), ("2 ", False), ("5 ", True), ("8 ", False), ("6 ", True)]
    (stepwise,) = rows("stepwise", [marked[0], marked[2]], TASK)
    assert stepwise["labels"] == [False, True] * 3
    with pytest.raises(UserError, match="is a game of two, which makes no pairs; export sft or unpaired"):
        export(tmp_path / "x.jsonl", "preference", marked, TASK)


@pytest.mark.parametrize(
    ("kind", "games", "told"),
    [
        ("sft", FORFEITS[:2], "of 2 completions 2 forfeited, of which nothing is learnt (verdicts: "),
        ("unpaired", FORFEITS[:2], "of 2 completions 2 forfeited, of which nothing is learnt (verdicts: "),
        ("stepwise", FORFEITS[:2], "of 2 completions 2 forfeited, of which nothing is learnt (verdicts: "),
        (
            "sft",
            [FIRST, "1 1 "],
            "of 2 completions 1 left out (not kept by the filter), 1 forfeited, of whic",
        ),
    ],
)
def test_an_export_of_nothing_says_what_became_of_the_games(
    kind: str, games: list[str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        export(tmp_path / "a.jsonl", kind, [episode(each) for each in games], TASK)
    assert str(caught.value).endswith("; train longer")
    assert "wrong" not in str(caught.value)
