"""A language model in the tree: proposals, priors, values, and the texts that ids stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from proposers import WIDE

from engine import _core
from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.language.model import scoring
from engine.language.model.generation import generation
from engine.language.rollout import Policy
from engine.language.search.adapter import LanguageEvaluator
from engine.language.search.tree_search import Plan, search_completions
from engine.language.task import Prompt, Split, Task, VerifyResult
from engine.search import proposed_params


class Digits(Task):
    """Three digits, each a step; right if they rise."""

    name = "digits"
    alphabet = "0123456789;?"
    max_tokens = 8
    max_step_tokens = 2
    verifier_at_test = True

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        return [Prompt(f"p{i}", f"{i % 10}?", f"p{i}") for i in range(count)]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        digits = completion.split(";")[:-1]
        return VerifyResult(float(len(digits) == 3 and digits == sorted(set(digits))), completion)

    def is_complete(self, prompt: Prompt, completion: str) -> bool:
        return completion.count(";") >= 3


class Listed(Digits):
    """The same with its steps listed."""

    def legal_steps(self, prompt: Prompt, completion: str) -> list[str]:
        return [] if self.is_complete(prompt, completion) else ["1;", "2;", "3;"]


TASK = Digits()


@pytest.fixture(scope="module")
def policy() -> Policy:
    from engine.language.model.tiny_model import build_model

    model = build_model(TASK.alphabet, "0.1M", seed=3)
    return Policy(model, model.digest())


def verify(pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
    return [TASK.verify(prompt, completion) for prompt, completion in pairs]


def forest(prompts: Sequence[Prompt], tokens: int | None = None) -> _core.Trees:
    settings = ProposalConfig(**WIDE)
    trees = _core.Trees(None, proposed_params(ProposedSearchConfig(), settings, 2))
    for _ in prompts:
        trees.add_proposed(0, tokens)
    return trees


def test_a_root_is_given_its_samples_and_their_frequency(policy: Policy) -> None:
    prompts = TASK.prompts("test", 2, 0)
    trees = forest(prompts)
    evaluate = LanguageEvaluator(policy.model, TASK, prompts, verify=verify, seed=5)
    requests = trees.select(1)
    trees.backup(requests, evaluate(requests))
    for tree, intern in enumerate(evaluate.interns):
        root = trees.root(tree)
        assert [step.text for step in intern.steps] == sorted(step.text for step in intern.steps)
        assert root["raw_prior"].sum() == pytest.approx(1)
        np.testing.assert_allclose(root["raw_prior"] * 4, np.round(root["raw_prior"] * 4), atol=1e-5)
    assert evaluate.generated == trees.tokens_spent.sum()


def test_scored_priors_are_the_models_probabilities(policy: Policy) -> None:
    task, prompt = Listed(), Prompt("p", "7?", "p")
    trees = forest([prompt])
    evaluate = LanguageEvaluator(policy.model, task, [prompt], verify=verify, seed=5, listed=True)
    requests = trees.select(1)
    trees.backup(requests, evaluate(requests))
    steps = ["1;", "2;", "3;"]
    sums = [row.sum() for row in scoring.score(policy.model, [prompt.text] * 3, steps)]
    expected = np.exp(sums) / np.exp(sums).sum()
    root = trees.root(0)
    found = {
        evaluate.interns[0].steps[a].text: p for a, p in zip(root["actions"], root["raw_prior"], strict=True)
    }
    np.testing.assert_allclose([found[step] for step in steps], expected, rtol=1e-4)
    assert trees.tokens_spent[0] == 0
    assert evaluate.scored > 0


def test_a_search_ends_every_completion_within_its_budget(policy: Policy) -> None:
    prompts = TASK.prompts("test", 12, 0)
    plan = Plan(simulations=12, tokens=60, judge=True)
    episodes = search_completions(
        TASK, policy, prompts, plan, ProposedSearchConfig(), ProposalConfig(), verify, seed=1
    )
    for prompt, episode in zip(prompts, episodes, strict=True):
        assert episode.prompt == prompt
        assert episode.tokens <= 60
        assert "".join(step.text for step in episode.steps) == episode.completion
        assert episode.result == TASK.verify(prompt, episode.completion)
        for step in episode.steps:
            assert len(step.proposals) == len(step.visits) == len(step.q)


def test_a_verifier_in_the_tree_finds_what_sampling_misses(policy: Policy) -> None:
    prompts = TASK.prompts("test", 16, 0)
    config, proposals = ProposedSearchConfig(), ProposalConfig(max_proposals=16)

    def share(simulations: int) -> float:
        found = search_completions(
            Listed(),
            policy,
            prompts,
            Plan(simulations, judge=True, listed=True),
            config,
            proposals,
            verify,
            seed=1,
        )
        return float(np.mean([episode.result.score for episode in found]))

    assert share(200) == 1.0
    assert share(1) < 1.0


def test_searches_do_not_depend_on_their_company(policy: Policy) -> None:
    prompts = TASK.prompts("test", 6, 0)

    def texts(part: Sequence[Prompt]) -> list[str]:
        found = search_completions(
            TASK, policy, part, Plan(8, judge=True), ProposedSearchConfig(), ProposalConfig(),
            verify, seed=4,
        )  # fmt: skip
        return [episode.completion for episode in found]

    together = texts(prompts)
    assert together == [texts([prompt])[0] for prompt in prompts]
    assert together == texts(prompts)


def test_all_trees_share_their_calls(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = generation.generate

    def counted(model: object, prompts: Sequence[str], **rest: object) -> object:
        calls.append(len(prompts))
        return original(model, prompts, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(generation, "generate", counted)
    prompts = TASK.prompts("test", 40, 0)
    wide = ProposalConfig(**WIDE, distinct=False)
    search_completions(TASK, policy, prompts, Plan(6), ProposedSearchConfig(), wide, verify, seed=4)
    assert np.mean(calls) > 20, "requests of 40 problems come in batches"


def test_every_setting_of_what_proposes_changes_a_search(policy: Policy) -> None:
    settings = [each for each in _core.search_settings() if not each.in_core]
    assert "distinct" in {each.name for each in settings}
    prompts = TASK.prompts("test", 2, 0)

    def found(**fields: object) -> str:
        proposals = ProposalConfig(**WIDE, **fields)
        config = ProposedSearchConfig()
        return str(search_completions(TASK, policy, prompts, Plan(8), config, proposals, verify, seed=4))

    assert found() == found()
    for each in settings:
        assert each.kind == "bool", "say below what else it may be"
        assert found(**{each.name: not each.default}) != found(), each.name


def test_a_budget_holds_for_a_task_of_long_steps(policy: Policy) -> None:
    class Long(Digits):
        max_step_tokens = 24
        max_tokens = 60

    prompts = TASK.prompts("test", 6, 0)
    found = search_completions(
        Long(), policy, prompts, Plan(4, tokens=80), ProposedSearchConfig(), ProposalConfig(), verify, seed=2
    )
    assert all(0 < episode.tokens <= 80 for episode in found)


@pytest.mark.parametrize("tokens", [0, 1, 3])
def test_a_budget_of_less_than_a_step_writes_what_it_can(tokens: int, policy: Policy) -> None:
    prompts = TASK.prompts("test", 2, 0)
    found = search_completions(
        TASK,
        policy,
        prompts,
        Plan(4, tokens=tokens),
        ProposedSearchConfig(),
        ProposalConfig(),
        verify,
        seed=2,
    )
    assert all(episode.tokens <= tokens for episode in found)
    assert all(bool(episode.steps) == (tokens > 1) for episode in found)
