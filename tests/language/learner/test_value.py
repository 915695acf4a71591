"""Values of unfinished texts: where labels come from, what is learnt of them, and that the policy stays."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import UserError
from engine.language.episode import Episode, Step
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.label import (
    Label,
    file_labels,
    make_hard,
    merged,
    outcome_labels,
    rollout_labels,
    search_labels,
    starts,
)
from engine.language.learner.lesson import Mixed, anchor_lessons, rank_lessons, value_lessons, visit_lessons
from engine.language.learner.objective.value import Judged, Ranked, Ranks, Values
from engine.language.learner.objective.visits import Visited
from engine.language.learner.text_learner import TextLearner
from engine.language.measure.evaluation import (
    aligned,
    best_by_value,
    evaluate,
    majority,
    told_apart,
)
from engine.language.method.registry import build_text_config, method_of
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score, values
from engine.language.model.tiny_model import build_model
from engine.language.model.whole_text import padded_right
from engine.language.rollout import Draw, Policy, finish, sample
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult
from engine.statistics import area_under_curve, areas_within


class Letters(Task):
    """Steps of one letter; right where there is no `b`."""

    name = "letters"
    alphabet = "abc;?"
    max_tokens = 6
    max_step_tokens = 2

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        return [Prompt(f"{i}", "?" * (1 + i % 3), f"{i}") for i in range(count)]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        return VerifyResult(float(bool(completion) and "b" not in completion), completion)


TASK = Letters()
ASK = Prompt("1", "?", "1")


def verify(pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
    return [TASK.verify(prompt, completion) for prompt, completion in pairs]


def episode(completion: str, steps: tuple[Step, ...] = (), prompt: Prompt = ASK) -> Episode:
    verdict = TASK.verify(prompt, completion)
    return Episode(prompt, completion, verdict, "model", 1, "", 0, 1.0, 0.0, 4, steps=steps)


def model(seed: int = 1) -> LanguageModel:
    built = build_model(TASK.alphabet, "0.1M", seed=seed)
    built.add_value_head()
    return built


def table(labels: Sequence[Label]) -> dict[str, float]:
    return {label.text: label.value for label in labels}


def test_starts_are_cut_after_each_step() -> None:
    assert list(starts(TASK, "a;b;c")) == [("", ""), ("", "a;"), ("a;", "a;b;"), ("a;b;", "a;b;c")]
    assert list(starts(TASK, "")) == [("", "")]


def test_outcomes_are_the_label_of_every_start() -> None:
    labels = merged(outcome_labels(TASK, [episode("a;c;"), episode("a;b;")]))
    assert table(labels) == {"": 0.5, "a;": 0.5, "a;c;": 1.0, "a;b;": 0.0}
    assert {label.text: label.parent for label in labels}["a;b;"] == "a;"
    assert table(make_hard(labels)) == {"": 1.0, "a;": 1.0, "a;c;": 1.0, "a;b;": 0.0}


def test_rollouts_finish_each_start_once() -> None:
    policy = Policy(model(), "")
    episodes = [episode("a;c;"), episode("a;b;"), episode("a;c;")]
    labels, tokens = rollout_labels(policy, TASK, episodes, 16, Draw(rows=8), verify, seed=3, iteration=1)
    found = table(labels)
    assert set(found) == {"", "a;", "a;c;", "a;b;"}
    assert (found[""], found["a;c;"], found["a;b;"]) == (pytest.approx(2 / 3), 1.0, 0.0)
    again = finish(policy=policy, task=TASK, started=[(ASK, "a;")], samples=16, draw=Draw(rows=64),
                   verify=verify, seed=3, iteration=1)  # fmt: skip
    assert all(each.completion.startswith("a;") for each in again)
    assert found["a;"] == pytest.approx(np.mean([each.result.score for each in again]))
    assert tokens == sum(each.tokens for each in again)


def test_a_search_labels_what_it_visited() -> None:
    first = Step("a;", 0, ("a;", "b;", "c;"), (5, 2, 1), (0.4, 0.3, 0.3), (0.5, -1.0, 0.9), 0.25)
    second = Step("c;", 1, ("c;",), (4,), (1.0,), (-0.5,), -0.5)
    labels = search_labels([episode("a;c;", (first, second))], mix=0.5)
    # The start and what follows mix the search's view with the score, 1; `c;` was visited once only; at the
    # second step another player moves, whose -0.5 is the first one's 0.5.
    assert table(labels) == {"": 0.8125, "b;": 0.0, "a;": 0.875, "a;c;": 1.0}


def test_labels_of_a_person(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    row = {"prompt": "\u2028?", "completions": ["a;", "b;"], "labels": [True, 0]}
    path.write_text("\ufeff" + json.dumps(row, ensure_ascii=False) + "\r\n\n")
    assert table(file_labels(path, TASK)) == {"a;": 1.0, "a;b;": 0.0}


@pytest.mark.parametrize(
    ("steps", "end", "step_end", "whole", "joined"),
    [
        (["a", "b"], "\n", ";", "a;", ["a;", "a;b;"]),
        (["a", "b"], "\n", ";", "a", ["a;", "a;b"]),
        (["a;", "b"], "\n", ";", "a;", ["a;", "a;b;"]),
        (["One.", "Two."], "\n", "\n", "a", ["One.\n", "One.\nTwo."]),
        (["One.", "Two."], "</s>", "\n\n", "a", ["One.\n\n", "One.\n\nTwo."]),
        (["One.\n", "Two.\n"], "\n", "\n", "a", ["One.\n", "One.\nTwo."]),
        (["One.\n", "Two.\n"], "</s>", "\n", "a\n", ["One.\n", "One.\nTwo.\n"]),
    ],
)
def test_steps_of_a_file_are_joined_as_the_task_joins_them(
    tmp_path: Path, steps: list[str], end: str, step_end: str, whole: str, joined: list[str]
) -> None:
    class Other(Letters):
        def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
            return [Demonstration(ASK, whole)]

    task = Other()
    task.end, task.step_end = end, step_end
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"prompt": "?", "completions": steps, "labels": [1, 0]}))
    labels = file_labels(path, task)
    assert [label.text for label in labels] == joined
    assert [text for _, text in starts(task, joined[-1])] == ["", *joined]


@pytest.mark.parametrize("step", ["a\nb", "a ", "", " ", "a\n"])
def test_a_step_that_the_task_cannot_have_is_refused(tmp_path: Path, step: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"prompt": "?", "completions": [step, "c"], "labels": [1, 0]}))
    with pytest.raises(UserError, match="line 1: step "):
        file_labels(path, TASK)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        '{"prompt": 1, "completions": [], "labels": []}',
        '{"prompt": "?", "completions": ["a;"], "labels": []}',
        '{"prompt": "?", "completions": [1], "labels": [1]}',
        '{"prompt": "?", "completions": ["a;"], "labels": [2]}',
        '{"prompt": "?", "completions": ["a;"], "labels": [NaN]}',
        '{"prompt": "?", "completions": ["a;"], "labels": ["1"]}',
        '{"prompt": "?", "completions": "a;", "labels": [1]}',
        '{"prompt": "?", "completions": ["a;"], "labels": [1], "labels": [0]}',
        "[" * 100_000,
    ],
)
def test_a_bad_label_names_its_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"prompt": "?", "completions": ["a;"], "labels": [1]}\n' + line + "\n")
    with pytest.raises(UserError, match="line 2"):
        file_labels(path, TASK)


def test_no_labels_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(UserError, match="no labels"):
        file_labels(tmp_path / "empty.jsonl", TASK)
    with pytest.raises(UserError, match="cannot read"):
        file_labels(tmp_path / "none.jsonl", TASK)


def test_labels_are_marks_on_the_fewest_texts() -> None:
    labels = [Label(ASK, "", "", 0.1), Label(ASK, "", "a;", 0.2), Label(ASK, "a;", "a;c;", 0.3)]
    labels += [Label(ASK, "a;", "a;b;", 0.4), Label(Prompt("2", "??", "2"), "", "a;", 0.5)]
    network = model()
    lessons = value_lessons(network, TASK, labels)
    assert all(isinstance(lesson, Judged) for lesson in lessons)
    found = sorted(
        (len(each.text), each.prompt, each.targets) for each in lessons if isinstance(each, Judged)
    )
    begin = len(network.codec.encode_prompts(["?"])[0])
    assert found == [
        (begin + 3, begin + 1, ((begin + 3, 0.5),)),
        (begin + 4, begin, ((begin, 0.1), (begin + 2, 0.2), (begin + 4, 0.4))),
        (begin + 4, begin, ((begin + 4, 0.3),)),
    ]


def test_marks_cost_what_texts_of_their_own_would() -> None:
    network = model()
    torch.nn.init.normal_(network.add_value_head().weight, generator=torch.Generator().manual_seed(1))
    row = network.encode_texts(["?"], ["a;c;"])[0]
    marks = ((2, 1.0), (4, 0.0), (5, 0.3))
    marked, _ = Values()(network, [Judged(row, marks)])
    apart, _ = Values()(network, [Judged(row[:place], ((place, target),)) for place, target in marks])
    assert marked.item() == pytest.approx(apart.item(), abs=1e-5)


def test_the_anchor_is_zero_at_itself_and_counts_the_end() -> None:
    network, other = model(1), model(2)
    row = network.encode_texts(["?"], ["a;c;"])[0]
    example = Judged(row, (), 1)
    assert Values(copy.deepcopy(network))(network, [example])[0].item() == pytest.approx(0, abs=1e-6)
    loss, _ = Values(other, 2.0)(network, [example])
    ids, mask = padded_right([row], network.codec.pad, network.device)
    with torch.no_grad():
        p = other.network(input_ids=ids, attention_mask=mask).logits[0].log_softmax(1)
        q = network.network(input_ids=ids, attention_mask=mask).logits[0].log_softmax(1)
    assert loss.item() == pytest.approx(2 * float((p.exp() * (p - q)).sum(1).mean()), rel=1e-4)


def test_values_are_learnt_while_the_policy_stays() -> None:
    network = model()
    before = copy.deepcopy(network)
    texts = ["a;", "b;", "a;c;", "a;b;", "c;c;", "b;a;"]
    labels = [Label(ASK, "", text, float("b" not in text)) for text in texts]
    lessons = value_lessons(network, TASK, labels)
    learner = TextLearner(network, TextLearnerConfig(learning_rate=3e-3, batch_tokens=256), 1)
    learner.fit(lessons, Mixed(1.0, before, 10.0), steps=80)
    assert values(network, network.encode_texts(["?"] * 6, texts)).round() == pytest.approx(
        [1, 0, 1, 0, 1, 0]
    )
    old, new = (score(each, ["?"], ["a;c;"], ended=True)[0].sum() for each in (before, network))
    assert abs(old - new) < 0.5


def test_ranks_are_of_siblings_that_differ() -> None:
    labels = [Label(ASK, "", text, value) for text, value in (("a;", 0.9), ("b;", 0.1), ("c;", 0.85))]
    labels += [Label(ASK, "a;", "a;b;", 0.0), Label(ASK, "a;", "a;c;", 0.05), Label(ASK, "", "", 0.5)]
    network = model()
    spell = network.codec.tokenizer.decode
    pairs = [
        (spell(each.better)[-2:], spell(each.worse)[-2:])
        for each in rank_lessons(network, labels)
        if isinstance(each, Ranked)
    ]
    assert pairs == [("a;", "b;"), ("c;", "b;")]


def test_ranks_learn_which_is_better() -> None:
    network = model()
    rows = network.encode_texts(["?"] * 2, ["a;", "b;"])
    objective = Ranks()
    assert objective(network, [Ranked(rows[0], rows[1])])[0].item() == pytest.approx(np.log(2), abs=1e-5)
    learner = TextLearner(network, TextLearnerConfig(batch_tokens=64), 1)
    learner.fit([Ranked(rows[0], rows[1])], objective, steps=30)
    one, other = values(network, rows)
    assert one > other


@pytest.mark.parametrize("ranked", [False, True])
def test_likelihood_learns_what_is_right(ranked: bool) -> None:
    network = model()
    head = network.add_value_head(likelihood=True)
    labels = [Label(ASK, "", text, float("b" not in text)) for text in ("a;", "b;", "c;")]
    lessons = rank_lessons(network, labels) if ranked else value_lessons(network, TASK, labels)
    begin = len(network.codec.encode_prompts(["?"])[0])
    assert {each.prompt for each in lessons if isinstance(each, Judged | Ranked)} == {begin}
    before = [float(row.sum()) for row in score(network, ["?"] * 3, ["a;", "b;", "c;"])]
    torch.nn.init.constant_(network.add_value_head(True).nats, 1.0)  # type: ignore[arg-type]
    head.weight.requires_grad_(False)
    learner = TextLearner(network, TextLearnerConfig(learning_rate=3e-3, batch_tokens=64), 1)
    learner.fit(lessons, Mixed(1.0, None, 0.0), steps=40)
    after = [float(row.sum()) for row in score(network, ["?"] * 3, ["a;", "b;", "c;"])]
    assert after[1] - before[1] < min(after[0] - before[0], after[2] - before[2]) - 1


def test_visits_are_lessons_at_each_place() -> None:
    first = Step("a;", 0, ("a;", "b;", ""), (3, 1, 0), (0.4, 0.3, 0.3), (0.5, -1.0, float("nan")), 0.25)
    second = Step("", 0, ("", "c;"), (2, 2), (0.5, 0.5), (1.0, 1.0), 1.0)
    network = model()
    lessons = visit_lessons(network, TASK, [episode("a;", (first, second))])
    assert [each.visits for each in lessons if isinstance(each, Visited)] == [(0.75, 0.25), (0.5, 0.5)]
    tails = [each.steps for each in lessons if isinstance(each, Visited)]
    code = network.codec.encode_completions(["?"] * 3, ["a;", "b;", "c;"])
    assert tails == [(code[0], code[1]), ([network.codec.end], code[2])]


def test_anchors_are_whole_completions() -> None:
    network = model()
    lesson = anchor_lessons(network, [episode("a;c;")])[0]
    assert isinstance(lesson, Judged)
    assert (lesson.targets, len(lesson.text) - lesson.prompt) == ((), 4)


def test_how_well_values_tell() -> None:
    right, wrong = np.float32([0.9, 0.5]), np.float32([0.1, 0.5, 0.7])
    assert area_under_curve(right, wrong) == pytest.approx((3 + 1.5) / 6)
    scores = np.float32([[0, 1], [1, 0]])
    assert best_by_value(scores, np.float32([[0.2, 0.3], [0.1, 0.1]])).tolist() == [1, 1]


def test_values_are_compared_over_all_and_within_problems() -> None:
    scores = np.float32([[1, 0, 0], [0, 1, 1], [0, 0, 0]])
    liked = np.float32([[0.5, 0.6, 0.2], [0.8, 0.9, 0.9], [0.7, 0.1, 0.5]])
    found = told_apart(scores, liked)
    # Right ones: 0.5 is above 0.2 and 0.1 and ties with one of the six wrong ones, 0.9 twice above them all.
    assert found["AUC"] == pytest.approx((2.5 + 6 + 6) / 18)
    assert found["AUC within"] == pytest.approx((0.5 + 1) / 2)
    assert found["Brier"] == pytest.approx((0.25 + 0.36 + 0.04 + 0.64 + 0.01 * 2 + 0.49 + 0.01 + 0.25) / 9)
    assert areas_within(scores >= 1, liked) == pytest.approx([0.5, 1.0, np.nan], nan_ok=True)
    assert set(told_apart(scores[2:], liked[2:])) == {"Brier"}


def test_a_critic_values_what_another_writes() -> None:
    writer, critic = build_model(TASK.alphabet, "0.1M", seed=5), model(2)
    torch.nn.init.normal_(critic.add_value_head().weight, generator=torch.Generator().manual_seed(1))
    prompts = TASK.prompts("test", 12, 0)
    plain = evaluate(TASK, Policy(writer, ""), prompts, verify, samples=6, seed=4)
    judged = evaluate(TASK, Policy(writer, ""), prompts, verify, samples=6, seed=4, critic=critic)
    assert plain.values is None
    assert (plain.scores == judged.scores).all()
    drawn = sample(TASK, [Policy(writer, "")], prompts, 6, Draw(), verify, seed=4, iteration=-1)
    said = values(critic, critic.encode_texts([e.prompt.text for e in drawn], [e.completion for e in drawn]))
    assert judged.values is not None
    np.testing.assert_allclose(judged.values, said.reshape(12, 6), atol=1e-6)
    assert judged.best is not None
    assert judged.best.tolist() == [judged.scores[i, row.argmax()] for i, row in enumerate(judged.values)]
    assert {"AUC within", "best@6 by value"} <= set(judged.summary())
    assert "best@6 by value" not in plain.summary()


def test_a_vote_counts_what_cannot_be_read() -> None:
    unread = [replace(episode("b;b;"), result=VerifyResult(0.0)) for _ in range(2)]
    assert majority([episode("a;"), *unread]) == 0.0
    assert majority([episode("a;"), *unread], [0.9, 0.1, 0.1]) == 1.0
    assert majority([]) == 0.0


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        ("prm", {"value": {"labels": "file"}}, "value.path"),
        ("prm", {"value": {"labels": "search"}}, "simulations"),
        ("alphazero", {"sample": {"simulations": 0}, "value": {"labels": "outcome"}}, "simulations"),
        ("orm", {"filter": {"thresholds": (0.0, 0.5)}}, "thresholds"),
        ("sft", {"model": {"lora": {"rank": 4}}}, "--model"),
        ("prm", {"measure": {"control": True}}, "measure.control"),
        ("prm", {"value": {"anchor": 3.0, "likelihood": 0.5}}, "value.likelihood"),
        ("alphazero", {"value": {"likelihood": 0.5}}, "value.likelihood"),
    ],
)
def test_settings_that_do_not_go_together(method: str, changes: dict[str, object], message: str) -> None:
    def checked() -> None:
        config = build_text_config(method, "countdown", changes)  # type: ignore[arg-type]
        method_of(config).check(config)

    with pytest.raises(UserError, match=message):
        checked()


def test_a_table_has_the_columns_of_its_longest_row() -> None:
    rows = aligned([{"model": "first", "less first": "0"}, {"model": "new", "best": 3.0, "less first": "1"}])
    assert [list(row.items()) for row in rows] == [
        [("model", "first"), ("best", None), ("less first", "0")],
        [("model", "new"), ("best", 3.0), ("less first", "1")],
    ]


def test_no_problems_are_no_samples() -> None:
    assert sample(TASK, [Policy(model(), "")], [], 4, Draw(), verify, seed=1, iteration=0) == []
