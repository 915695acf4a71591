"""A language model as a judge: by its next token, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import byte_tokenizer, tiny_llama

from engine.errors import UserError
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.objective.text import Supervised
from engine.language.learner.text_learner import TextLearner
from engine.language.method.judged.assessor import model_assessor
from engine.language.method.judged.assessor.assessor import Asked, Judgement, Versus
from engine.language.method.judged.assessor.model_assessor import ModelAssessor
from engine.language.method.judged.config import JudgeConfig
from engine.language.method.judged.teaching import Lesson, lesson_texts
from engine.language.model.model import LanguageModel
from engine.language.task import Prompt

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "


def prompt(text: str) -> Prompt:
    return Prompt(text, text, text)


WORDS = ["Score: 1 Score: 2 Score: 3 0 1 2 3 4 5 yes no right wrong " * 3]


def gpt2(seed: int = 1, context: int = 1024, texts: list[str] = WORDS) -> LanguageModel:
    """A GPT-2 of a few thousand weights with a byte-level tokenizer and a chat template."""
    import transformers

    tokenizer = byte_tokenizer(texts)
    tokenizer.chat_template = TEMPLATE
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=len(tokenizer), n_positions=context, n_embd=48, n_layer=2, n_head=2,
                bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id,
            )
        )  # fmt: skip
    return LanguageModel(network, tokenizer)


def config(**settings: Any) -> JudgeConfig:
    return JudgeConfig(**settings)


QUESTIONS = [("1+1=", "2"), ("1+1=", "3"), ("2+3=", "5"), ("2+3=", "4"), ("4+5=", "9"), ("4+5=", "8")]
RIGHT = [1.0, 0.0] * 3


def taught(model: LanguageModel, settings: JudgeConfig, steps: int = 150) -> ModelAssessor:
    """A judge that has learnt the verdicts on QUESTIONS."""
    judge = ModelAssessor(model, settings, 64)
    lessons = [Lesson(prompt(p), c, score) for (p, c), score in zip(QUESTIONS, RIGHT, strict=True)]
    texts = lesson_texts(judge, settings, lessons)
    TextLearner(model, TextLearnerConfig(learning_rate=3e-3, warmup_steps=0), 1).fit(
        texts, Supervised(), steps=steps
    )
    return judge


def asked() -> list[Asked]:
    return [Asked(prompt(p), c) for p, c in QUESTIONS]


def by_hand(model: LanguageModel, row: Sequence[int], choices: Sequence[int]) -> list[float]:
    with torch.no_grad():
        logits = model.network(input_ids=torch.tensor([list(row)])).logits[0, -1]
    return logits.softmax(0)[list(choices)].tolist()


def test_a_small_model_reads_problem_completion_and_end_and_answers_with_its_next_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_assessor, "IN_FORM", 0.0)
    model, settings = tiny_llama(1), config()
    judge = ModelAssessor(model, settings, 8)
    assert judge.answers_by_token
    assert not judge.is_drawn
    codec = model.codec
    row = [*codec.encode_prompts(["1+1="])[0], *codec.encode_completions(["1+1="], ["2"])[0], codec.end]
    wrong, right = by_hand(model, row, judge.choices(of_two=False))
    assert judge.scores(asked()[:1], 0)[0].score == pytest.approx(right / (right + wrong), abs=1e-5)
    two = [*row, *codec.encode_completions(["1+1="], ["3"])[0], codec.end]
    second, first = by_hand(model, two, judge.choices(of_two=True))
    found = judge.comparisons([Versus(prompt("1+1="), "2", "3")], 0)[0].score
    assert found == pytest.approx(first / (first + second), abs=1e-5)


def test_it_learns_to_judge_and_one_that_answers_otherwise_is_missing() -> None:
    model = tiny_llama(1)
    untaught = ModelAssessor(model, config(), 8).scores(asked(), 0)
    assert all(each.score is None for each in untaught)
    assert untaught[0].reason == "neither of the two answers"
    found = taught(model, config()).scores(asked(), 0)
    assert [round(each.score or 0.0) for each in found] == RIGHT


def test_soft_scores_are_learnt_as_chances() -> None:
    model, settings = tiny_llama(1), config()
    judge = ModelAssessor(model, settings, 8)
    texts = lesson_texts(judge, settings, [Lesson(prompt("1+1="), "2", 0.75)])
    assert [each.weight for each in texts] == [0.25, 0.75]
    TextLearner(model, TextLearnerConfig(warmup_steps=0), 1).fit(texts, Supervised(), steps=150)
    assert judge.scores(asked()[:1], 0)[0].score == pytest.approx(0.75, abs=0.05)


def test_without_weighing_answers_are_drawn_by_temperature() -> None:
    model = tiny_llama(1)
    taught(model, config(), steps=30)
    exact = [each.score for each in ModelAssessor(model, config(), 8).scores(asked(), 0)]
    drawn = ModelAssessor(model, config(weighted=False, temperature=1.0), 8)
    assert drawn.is_drawn
    told = [drawn.scores(asked(), seed) for seed in range(300)]
    for place, chance in enumerate(exact):
        if chance is not None:
            share = np.mean([each[place].score for each in told])
            assert share == pytest.approx(chance, abs=0.12)
    cold = ModelAssessor(model, config(weighted=False, temperature=0.0), 8).scores(asked(), 0)
    assert [each.score for each in cold] == [
        None if chance is None else float(chance > 0.5) for chance in exact
    ]


def test_lessons_that_the_judge_cannot_read_are_told() -> None:
    judge, settings, told = ModelAssessor(tiny_llama(1), config(), 8), config(), list[str]()
    some = [("1+1=", "2"), ("é", "2"), ("1+1=", "3" * 10_000)]
    lessons = [Lesson(prompt(one), two, 1.0) for one, two in some]
    assert len(lesson_texts(judge, settings, lessons, told.append)) == 1
    assert told == [f"2 of 3 judgements to learn are left out: {model_assessor.NO_ROOM}"]
    assert len(lesson_texts(judge, settings, lessons[:1], told.append)) == len(told) == 1


def test_what_cannot_be_spelt_or_has_no_room_is_missing() -> None:
    judge = ModelAssessor(tiny_llama(1, context=32), config(), 8)
    found = judge.scores([Asked(prompt("1+1="), "é"), Asked(prompt("1+1="), "1" * 40)], 0)
    assert found == [Judgement(None, model_assessor.NO_ROOM)] * 2


def test_answers_that_a_tokenizer_lacks_are_refused() -> None:
    judge = ModelAssessor(tiny_llama(1), config(answers=("é", "ö")), 8)
    with pytest.raises(UserError, match=r"judge\.answers"):
        judge.scores(asked(), 0)
    named = ModelAssessor(tiny_llama(1), config(answers=("x", "y")), 8)
    assert named.choices(of_two=False) != judge_choices()


def judge_choices() -> tuple[int, int]:
    return ModelAssessor(tiny_llama(1), config(), 8).choices(of_two=False)


@pytest.mark.parametrize("chat", [False, True])
def test_a_real_tokenizer_is_asked_in_words_by_its_chat_template(chat: bool) -> None:
    model = gpt2()
    model = LanguageModel(model.network, model.codec.tokenizer, chat=chat)
    settings = config(form="token")
    judge = ModelAssessor(model, settings, 8)
    (row,) = judge.question_rows(asked()[:1])
    assert row is not None
    text = model.codec.tokenizer.decode(row)
    assert text.startswith("[user] ") == chat
    assert "1+1=" in text
    assert "Is the response right?" in text


@pytest.mark.parametrize("answers", [(), ("0", "1")])
def test_an_answer_of_a_word_may_follow_a_space(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...]
) -> None:
    monkeypatch.setattr(model_assessor, "IN_FORM", 0.0)
    model = gpt2(texts=[" 0", " 1"])
    judge = ModelAssessor(model, config(form="token", answers=answers), 8)
    (row,) = judge.question_rows(asked()[:1])
    assert row is not None
    wrong, right = by_hand(model, row, judge.choices(of_two=False))
    if not answers:
        spaced = model.codec.encode_completions(["", ""], [" 0", " 1"])
        assert [len(each) for each in spaced] == [1, 1]
        more = by_hand(model, row, (spaced[0][0], spaced[1][0]))
        wrong, right = wrong + more[0], right + more[1]
    assert judge.scores(asked()[:1], 0)[0].score == pytest.approx(right / (right + wrong), abs=1e-5)


def test_replies_in_words_are_weighed_at_the_place_of_the_score(tmp_path: Path) -> None:
    short = tmp_path / "judge.txt"
    short.write_text("{prompt} {completion}\n")
    sets = {"temperature": 0.0, "max_tokens": 12, "prompt": str(short)}
    model, settings = gpt2(), config(**sets)
    judge = taught(model, settings, steps=120)
    assert not judge.answers_by_token
    plain = ModelAssessor(model, config(**sets, weighted=False), 8)
    written = [each.score for each in plain.scores(asked(), 0)]
    assert written == RIGHT
    weighed = [each.score for each in judge.scores(asked(), 0)]
    assert weighed != written
    assert weighed == pytest.approx(written, abs=0.2)
    (row,) = judge.question_rows(asked()[:1])
    assert row is not None
    said = model.codec.encode_completions([""], ["Score: 5"])[0]
    pieces = model.codec.pieces()
    place = next(i for i, token in enumerate(said) if "5" in (pieces[token] or ""))
    head = pieces[said[place]].removesuffix("5")  # type: ignore[union-attr]
    choices = [pieces.index(f"{head}{points}") for points in range(6)]
    chances = by_hand(model, [*row, *said[:place]], choices)
    mean = sum(points * chance for points, chance in enumerate(chances)) / sum(chances) / 5
    assert weighed[0] == pytest.approx(mean, abs=1e-4)


def test_a_model_that_says_nothing_in_form_is_missing_everywhere() -> None:
    found = ModelAssessor(gpt2(), config(max_tokens=8), 8).scores(asked(), 0)
    assert all(each.score is None and each.reason for each in found)


def test_a_prompt_of_a_file_replaces_the_built_in_one(tmp_path: Path) -> None:
    path = tmp_path / "judge.txt"
    path.write_text("Is {completion} the answer of {prompt} ? ")
    judge = ModelAssessor(gpt2(), config(form="token", prompt=str(path)), 8)
    (row,) = judge.question_rows(asked()[:1])
    assert row is not None
    assert gpt2().codec.tokenizer.decode(row) == "Is 2 the answer of 1+1= ? "
    assert judge.sentences == ("Is ", " the answer of ", " ? ")


def test_comparisons_are_learnt_in_both_orders() -> None:
    settings = config(ask="comparison")
    judge = taught(tiny_llama(1), settings)
    two = [Versus(prompt("1+1="), *pair) for pair in (("2", "3"), ("3", "2"))]
    there, back = (each.score for each in judge.comparisons(two, 0))
    assert there is not None
    assert back is not None
    assert there > 0.8 > 0.2 > back
    assert math.isclose(there + back, 1, abs_tol=0.3)
