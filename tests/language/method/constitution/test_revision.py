from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from tiny_models import other_model

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.method.constitution import choice as choices
from engine.language.method.constitution import revision
from engine.language.method.constitution.choice import Candidates, Choice, Feedback, preference, ruled, told
from engine.language.method.constitution.config import ConstitutionConfig
from engine.language.method.constitution.constitution import Constitution
from engine.language.method.constitution.constitution_file import constitution_of
from engine.language.method.constitution.revision import Reviser, as_episodes
from engine.language.model.generation.generation import Completion
from engine.language.model.model import LanguageModel
from engine.language.rollout import Draw
from engine.language.task import VerifyResult
from games.text.chat import Chat

TASK = Chat()
PROMPT = next(each for each in TASK.prompts("train", 50, 0) if each.stratum == "swap")
FORM = {
    "critique": "{prompt}{completion}|{critique_request}?",
    "revision": "{prompt}{completion}|{critique_request}?{critique}>",
    "choice": "{prompt}{first}/{second}|{choice_request}=",
    "thought": "{prompt}{first}/{second}|{choice_request}?",
    "verdict": "{prompt}{first}/{second}|{choice_request}?{thought}=",
}
CALM = {"name": "calm", "critique": "calm", "revision": "calm", "forbid": ["!"]}
SHORT = {"name": "short", "max_length": 8}


def of(*principles: dict[str, Any], form: dict[str, str] = FORM) -> Constitution:
    return constitution_of({"principle": list(principles), "form": form})


def completion(text: str, *, ended: bool = True) -> Completion:
    ids = np.arange(len(text) + 1)
    return Completion(text, "\n", ids, np.zeros(len(ids), np.float32), ended, 0.0, np.zeros(0, np.float32))


def episode(text: str, seed: int = 1) -> Episode:
    return Episode(PROMPT, text, TASK.verify(PROMPT, text), "model", 1, "", seed, 1.0, -1.0, len(text) + 1)


Say = Callable[[str], str | Completion]


@pytest.fixture
def speaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Say], list[str]]:
    """Let a function write instead of the model; what it is asked is listed."""

    def give(say: Say) -> list[str]:
        asked: list[str] = []

        def generate(_: object, texts: Sequence[str], **more: Any) -> list[Completion]:
            assert len(more["seeds"]) == len(texts)
            asked.extend(texts)
            found = [say(text) for text in texts]
            return [each if isinstance(each, Completion) else completion(each) for each in found]

        for module in (revision, choices):
            monkeypatch.setattr(module, "generate", generate)
        return asked

    return give


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return other_model("LlamaForCausalLM", "LlamaConfig", alphabet=TASK.alphabet, max_position_embeddings=128)


def reviser(constitution: Constitution, model: LanguageModel, seed: int = 1) -> Reviser:
    return Reviser(TASK, constitution, model, Draw(), seed, 1)


def mends(text: str) -> str:
    """Says `mark` of what has one, and takes it away."""
    asked = re.fullmatch(r"[^:]*:(.*)\|calm\?(?:(.*)>)?", text)
    assert asked is not None, text
    if asked[2] is None:
        return "mark" if "!" in asked[1] else "none"
    return asked[1].replace("!", ".") if asked[2] == "mark" else asked[1]


def test_a_reply_is_criticised_and_then_revised(
    speaks: Callable[[Say], list[str]], model: LanguageModel
) -> None:
    asked = speaks(mends)
    drafts = reviser(of(CALM), model).revise([episode("hi a!"), episode("hi b.", 2)], 2)
    assert [draft.text for draft in drafts] == ["hi a.", "hi b."]
    assert [draft.notes for draft in drafts] == [["calm: mark", "calm: none"], ["calm: none"] * 2]
    before = PROMPT.text
    assert asked[:4] == [
        f"{before}hi a!|calm?",
        f"{before}hi b.|calm?",
        f"{before}hi a!|calm?mark>",
        f"{before}hi b.|calm?none>",
    ]
    assert asked[4] == f"{before}hi a.|calm?"
    assert all(draft.tokens > 0 for draft in drafts)


@pytest.mark.parametrize("bad", [completion("", ended=True), completion("hi", ended=False), completion("  ")])
def test_a_revision_that_is_empty_or_cut_off_leaves_the_reply(
    speaks: Callable[[Say], list[str]], model: LanguageModel, bad: Completion
) -> None:
    speaks(lambda text: bad if text.endswith(">") else "mark")
    (draft,) = reviser(of(CALM), model).revise([episode("hi a!")], 3)
    assert draft.text == "hi a!"
    assert draft.stages == []


def test_a_principle_without_words_is_kept_by_drawing_again(
    speaks: Callable[[Say], list[str]], model: LanguageModel
) -> None:
    fresh = iter(["much too long", "short", "never asked for"])
    asked = speaks(lambda _: next(fresh))
    kept, mended = reviser(of(SHORT), model).revise([episode("is kept"), episode("this is long", 2)], 1)
    assert (kept.text, mended.text) == ("is kept", "short")
    assert asked == [PROMPT.text] * 2
    assert mended.notes == ["short: drawn again"]
    speaks(lambda _: "much too long")
    (draft,) = reviser(of(SHORT), model).revise([episode("this is long")], 1)
    assert draft.text == "this is long"


def test_principles_are_drawn_for_each_reply_and_round_by_the_seed_alone(
    speaks: Callable[[Say], list[str]], model: LanguageModel
) -> None:
    other = {**CALM, "name": "plain", "critique": "plain"}

    def notes(seed: int) -> list[list[str]]:
        speaks(lambda text: "x" if text.endswith("?") else "y")
        replies = [episode(f"hi {number}.", number) for number in range(40)]
        return [draft.notes for draft in reviser(of(CALM, other), model, seed).revise(replies, 2)]

    assert notes(1) == notes(1) != notes(2)
    drawn = [each for both in notes(1) for each in both]
    assert 20 < sum(each.startswith("plain") for each in drawn) < 60
    assert {tuple(both) for both in notes(1)} > {("calm: x", "plain: x"), ("plain: x", "calm: x")}


def test_a_model_that_cannot_read_the_constitution_is_told(
    speaks: Callable[[Say], list[str]], model: LanguageModel
) -> None:
    speaks(lambda _: "x")
    with pytest.raises(UserError, match=r"cannot read constitution.*constitution\.path"):
        reviser(of({**CALM, "critique": "Was ist hier laut? äöü"}), model).revise([episode("hi a!")], 1)
    some = of({**CALM, "critique": "ä"}, {**CALM, "name": "other"})
    asking = reviser(some, model)
    asking.revise([episode("hi a!", number) for number in range(20)], 1)
    assert 0 < asking.unasked < asking.asked
    with pytest.raises(UserError, match="fits its context"):
        reviser(of({**CALM, "critique": "calm " * 40}), model).revise([episode("hi a!")], 1)


def test_revisions_have_verdicts_of_their_own(
    speaks: Callable[[Say], list[str]], model: LanguageModel
) -> None:
    right = f"{' '.join(reversed(PROMPT.text[5:-1].split()))}!"
    speaks(mends)
    drafts = reviser(of(CALM), model).revise([episode(right), episode("hi a!", 2)], 2)
    one, two = as_episodes(drafts, TASK.verify_all)
    assert (one.source, one.completion, one.result.score) == ("revision", right.replace("!", "."), 1)
    assert two.result.score == 0
    assert two.result.reason == "not what was asked | calm: mark | calm: none"
    steps = iter(["a.", "b.", "b.", "c."])
    speaks(lambda text: next(steps) if text.endswith(">") else "mark")
    drafts = reviser(of(CALM), model).revise([episode("hi a!")], 4)
    assert [each.completion for each in as_episodes(drafts, TASK.verify_all)] == ["c."]
    every = as_episodes(drafts, TASK.verify_all, every=True)
    assert [each.completion for each in every] == ["a.", "b.", "c."]
    assert [each.tokens > 0 for each in every] == [False, False, True]
    assert isinstance(every[0].result, VerifyResult)


def feedback(constitution: Constitution, model: LanguageModel, **settings: Any) -> Feedback:
    return Feedback(TASK, constitution, model, ConstitutionConfig(**settings), 4, 1, 1)


PAIR = Candidates(PROMPT, "hi a!", "hi a.")


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], float]], list[str]]:
    """Let a function say how likely the answer A is."""

    def give(likely: Callable[[str], float]) -> list[str]:
        asked: list[str] = []

        def score(model: object, texts: Sequence[str], answers: Sequence[str]) -> list[np.ndarray[Any, Any]]:
            del model
            asked.extend(texts)
            shares = [
                likely(text) if each == "A" else 1 - likely(text)
                for text, each in zip(texts, answers, strict=True)
            ]
            with np.errstate(divide="ignore"):
                return [np.log([share]) for share in shares]

        monkeypatch.setattr(choices, "score", score)
        return asked

    return give


def prefers_calm(text: str) -> float:
    first, _, second = text.partition(":")[2].partition("|")[0].partition("/")
    return 0.5 if ("!" in first) == ("!" in second) else 0.1 if "!" in first else 0.8


def test_both_orders_are_asked_and_averaged(
    says: Callable[[Callable[[str], float]], list[str]], model: LanguageModel
) -> None:
    asked = says(prefers_calm)
    (found,) = feedback(of(CALM), model).choose([PAIR])
    assert set(asked) == {f"{PROMPT.text}hi a!/hi a.|calm=", f"{PROMPT.text}hi a./hi a!|calm="}
    assert found.orders == pytest.approx((0.1, 0.2))
    assert found.share == pytest.approx(0.15)
    assert found.agrees
    assert found.truth() == 0
    soft = preference(found, "soft")
    assert soft is not None
    assert (soft.chosen, soft.rejected, soft.share) == ("hi a.", "hi a!", pytest.approx(0.85))
    hard = preference(found, "hard")
    assert hard is not None
    assert hard.share == 1


def test_a_judge_that_always_takes_the_first_says_nothing(
    says: Callable[[Callable[[str], float]], list[str]], model: LanguageModel
) -> None:
    says(lambda _: 0.9)
    found = feedback(of(CALM), model).choose([PAIR])
    assert found[0].share == pytest.approx(0.5)
    figures = told(found)
    assert figures["constitution/agreement"] == 0
    assert figures["constitution/position"] == pytest.approx(0.8)
    assert figures["constitution/sure"] == pytest.approx(0, abs=1e-9)


def test_a_judge_without_an_opinion_ties(
    says: Callable[[Callable[[str], float]], list[str]], model: LanguageModel
) -> None:
    says(lambda _: 0.5)
    found = feedback(of(CALM), model).choose([PAIR])
    assert found[0].share == 0.5
    assert preference(found[0], "hard") is None
    assert told(found)["constitution/right"] == 0.5


@pytest.mark.parametrize("logprob", [-80.0, float("nan"), -float("inf")])
def test_neither_answer_is_missing_and_no_tie(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch, logprob: float
) -> None:
    monkeypatch.setattr(choices, "score", lambda _, __, answers: [np.array([logprob])] * len(answers))
    (found,) = feedback(of(CALM), model).choose([PAIR])
    assert found.is_missing
    assert preference(found, "soft") is None
    assert told([found]) == {"constitution/missing": 1.0}
    known = ruled(PAIR, of(CALM).principles[0])
    assert told([found, known])["constitution/missing"] == 0.5
    assert told([found, known])["constitution/right"] == 1


def test_after_a_thought_probabilities_are_cut(
    says: Callable[[Callable[[str], float]], list[str]],
    speaks: Callable[[Say], list[str]],
    model: LanguageModel,
) -> None:
    asked, thought = says(prefers_calm), speaks(lambda _: "mark")
    (found,) = feedback(of(CALM), model, thought=True, clamp=(0.3, 0.6)).choose([PAIR])
    assert found.orders == pytest.approx((0.3, 0.4))
    assert thought == [f"{PROMPT.text}hi a!/hi a.|calm?", f"{PROMPT.text}hi a./hi a!|calm?"]
    assert all(text.endswith("|calm?mark=") for text in asked)
    assert found.tokens == 10


def test_a_rule_without_words_chooses_for_itself(model: LanguageModel) -> None:
    constitution = of(SHORT)
    pairs = [Candidates(PROMPT, "short", "much too long"), Candidates(PROMPT, "one", "two")]
    found = feedback(constitution, model).choose(pairs)
    assert [each.orders for each in found] == [(1.0, 1.0), (0.5, 0.5)]
    assert found[0] == ruled(pairs[0], constitution.principles[0])


def test_choices_are_those_of_the_model(model: LanguageModel) -> None:
    pairs = [Candidates(PROMPT, f"hi {number}!", f"hi {number}.") for number in range(9)]
    found = feedback(of(CALM), model).choose(pairs)
    assert [each.pair for each in found] == pairs
    alone = [feedback(of(CALM), model).choose([pair])[0] for pair in pairs]
    assert [each.share for each in found] == pytest.approx([each.share for each in alone], abs=1e-5)
    assert all(isinstance(each, Choice) and 0 < each.share < 1 for each in found)
    with pytest.raises(UserError, match="feedback model cannot read"):
        feedback(of({**CALM, "choice": "ä"}), model).choose([PAIR])
