"""Steps of one token: exact priors, widening down the list, greedy decoding, budgets, awkward tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import ALPHABET, byte_tokenizer, tiny_llama, word_start_tokenizer

from engine import _core
from engine.cli.app import run as run_command
from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.model.tiny_model import build_model
from engine.language.problem.task_registry import load_task
from engine.language.rollout import Policy
from engine.language.search.adapter import LanguageEvaluator
from engine.language.search.proposal import Intern, Question
from engine.language.search.token_steps import TokenSteps, settled
from engine.language.search.tree_search import Plan, search_completions
from engine.language.task import Prompt, Split, Task, VerifyResult
from engine.search import proposed_params, search


class Letters(Task):
    """Any text will do."""

    name = "letters"
    alphabet = ALPHABET
    max_tokens = 9
    max_step_tokens = 4

    def __init__(self, end: str = "\n", prompts: Sequence[str] = ("1+", "", "a;b", "((")) -> None:
        self.end, self.texts = end, prompts

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        return [Prompt(text, text, text) for text in self.texts]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        return VerifyResult((completion.count("1") % 3) / 2, completion)


def unjudged(pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
    return [VerifyResult((len(text) % 3) / 2, kind="learned") for _, text in pairs]


def written(
    model: LanguageModel, task: Task, simulations: int, tokens: int | None = None, **search_fields: Any
) -> list[Any]:
    prompts = task.prompts("test", 4, 0)
    plan = Plan(simulations, tokens, judge=True, prior="exact")
    config = ProposedSearchConfig(**search_fields)
    return search_completions(
        task, Policy(model, ""), prompts, plan, config, ProposalConfig(), unjudged, seed=1
    )


def byte_model(texts: list[str], seed: int = 5, size: int = 300) -> LanguageModel:
    return with_tokenizer(byte_tokenizer(texts, size), seed)


def with_tokenizer(tokenizer: Any, seed: int = 5) -> LanguageModel:
    network = tiny_llama(seed, vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id).network
    return LanguageModel(network, tokenizer)


def test_the_weights_are_the_softmax_of_the_logits() -> None:
    model, task = tiny_llama(), Letters()
    prompts = task.prompts("test", 4, 0)
    interns = [Intern() for _ in prompts]
    steps = TokenSteps(model, task, prompts, interns, 9)
    questions = [Question(tree, (), 5, "", 0, 0) for tree in range(4)]
    found, costs = steps.propose(questions)
    assert costs == [1, 1, 1, 1]
    again, free = steps.propose(questions)
    assert free == [0, 0, 0, 0]
    for prompt, first, second in zip(prompts, found, again, strict=True):
        ids = torch.tensor(model.encode_prompts([prompt.text]))
        probs = model.network(ids).logits[0, -1].softmax(0)
        order = probs.argsort(descending=True)[:9]
        assert [step.token for step, _ in first + second] == order.tolist()
        np.testing.assert_allclose([prob for _, prob in first + second], probs[order].detach(), rtol=1e-4)
    assert steps.propose(questions)[0] == [[], [], [], []]


@pytest.mark.parametrize("rule", ["puct", "gumbel"])
def test_a_tree_widens_down_the_list(rule: str) -> None:
    model, task = tiny_llama(), Letters()
    prompts = task.prompts("test", 4, 0)
    proposals = ProposalConfig(max_proposals=11)
    trees = _core.Trees(None, proposed_params(ProposedSearchConfig(rule=rule), proposals, 1))
    for _ in prompts:
        trees.add_proposed(0, None)
    evaluate = LanguageEvaluator(
        model, task, prompts, verify=unjudged, seed=5, prior="exact", most=proposals.max_proposals
    )
    search(trees, evaluate, 60)
    assert evaluate.generated == trees.tokens_spent.sum()
    for tree, prompt in enumerate(prompts):
        probs = model.network(torch.tensor(model.encode_prompts([prompt.text]))).logits[0, -1].softmax(0)
        root = trees.root(tree)
        tokens = [evaluate.interns[tree].steps[action].token for action in root["actions"].tolist()]
        assert 4 < len(tokens) <= 11
        assert sorted(tokens) == sorted(probs.argsort(descending=True)[: len(tokens)].tolist())
        share = probs[tokens].detach().numpy()
        np.testing.assert_allclose(root["raw_prior"], share / share.sum(), rtol=1e-4)


def test_a_first_simulation_is_greedy_decoding() -> None:
    texts = ["1+3=4; 4*2=8;;", "é+é=;\n", "2=4;é", "ab  cd"]
    words = word_start_tokenizer(["1 + 2 = 3 ;", "4 1 + ( a b"] * 4)
    models = [tiny_llama(seed) for seed in (1, 2)] + [byte_model(texts, seed) for seed in (1, 2, 3, 4)]
    models += [with_tokenizer(words, seed) for seed in (1, 2)]
    lengths, ended = set(), set()
    for model in models:
        task_prompts = ("1+", "41") if model.codec.tokenizer is words else ("1+", "4", "a;b", "((")
        for end in ("\n", ";", "=;", "  "):
            task = Letters(end, task_prompts)
            asked = task.prompts("test", 4, 0)
            greedy = generate(
                model, [p.text for p in asked], seeds=[0] * len(asked), temperature=0, max_tokens=9,
                stop=(end,),
            )  # fmt: skip
            for episode, expected in zip(written(model, task, 1), greedy, strict=True):
                assert (episode.completion, episode.ended) == (expected.text, expected.ended)
                assert episode.tokens == expected.tokens == len(episode.steps)
                lengths.add(expected.tokens)
                ended.add(expected.ended)
    assert len(lengths) > 4
    assert ended == {True, False}


@settings(max_examples=15)
@given(tokens=st.integers(0, 40), simulations=st.integers(1, 12))
def test_a_budget_is_never_overshot(tokens: int, simulations: int) -> None:
    for episode in written(tiny_llama(), Letters(), simulations, tokens):
        assert episode.tokens <= tokens
        assert "".join(step.text for step in episode.steps) == episode.completion
        assert bool(episode.steps) == (tokens > 0)


@pytest.mark.parametrize("in_flight", [1, 5])
def test_a_budget_holds_for_requests_side_by_side(in_flight: int) -> None:
    task = Letters()
    prompts, budgets = task.prompts("test", 4, 0), [1, 7, 30, 31]
    wide = ProposalConfig(initial_proposals=4, widening_factor=2)
    params = proposed_params(ProposedSearchConfig(), wide, 1)
    params.max_in_flight = in_flight
    trees = _core.Trees(None, params)
    for budget in budgets:
        trees.add_proposed(0, budget)
    evaluate = LanguageEvaluator(tiny_llama(), task, prompts, verify=unjudged, seed=5, prior="exact")
    while requests := trees.select(200):
        trees.backup(requests, evaluate(requests))
        assert (trees.tokens_left >= 0).all()
    assert trees.tokens_spent.tolist() == budgets


def test_steps_join_to_the_text_where_characters_take_several_tokens() -> None:
    # Without merges a character outside of ASCII is two tokens or more, the first of which adds no text.
    model = byte_model(["12"], seed=7, size=260)
    task = Letters(prompts=["é", "1", "2é"])
    empty = 0
    for episode in written(model, task, 12):
        assert "".join(step.text for step in episode.steps) == episode.completion
        empty += sum(not step.text for step in episode.steps)
        assert all(len(step.proposals) == len(step.visits) for step in episode.steps)
    assert empty > 0


def test_what_a_later_token_may_change_waits_for_it() -> None:
    assert settled("ab\ufffd\ufffd", "\n") == "ab"
    assert settled("ab=", "=;") == "ab"
    assert settled("ab=;", "=;;") == "ab"
    assert settled("=;=", "=;x=;y") == "=;"
    assert settled("a=;x", "=;x=;y") == "a"
    assert settled("ab\n", "\n") == "ab\n"
    assert settled("", "=;") == ""


@pytest.mark.parametrize("name", ["countdown", "addition", "grammar", "program", "python", "tictactoe"])
def test_every_task_by_single_characters(name: str) -> None:
    task = load_task(name)
    alphabet = task.alphabet or "".join(
        {letter for each in task.demonstrations(50, 1) for letter in each.prompt.text + each.completion}
    )
    prompts = task.prompts("test", 4, 0)
    context = max(len(prompt.text) for prompt in prompts) + 64
    model = build_model(alphabet + task.end, "0.1M", seed=2, context=context)
    greedy = generate(
        model, [p.text for p in prompts], seeds=[0] * 4, temperature=0, max_tokens=task.max_tokens,
        stop=(task.end,),
    )  # fmt: skip
    for prompt, episode, expected in zip(prompts, written(model, task, 1), greedy, strict=True):
        assert expected.text.startswith(episode.completion)
        assert episode.completion == expected.text or task.is_complete(prompt, episode.completion)
        assert [step.text for step in episode.steps if step.text] == list(episode.completion)
        assert task.steps("".join(step.text for step in episode.steps)) == task.steps(episode.completion)


def test_a_player_goes_on_within_a_step() -> None:
    task = load_task("tictactoe")
    prompts = task.prompts("test", 1, 0)
    model = build_model(task.alphabet, "0.1M", seed=2)
    evaluate = LanguageEvaluator(model, task, prompts, verify=None, seed=1, prior="exact")
    step = (task.legal_steps(prompts[0], "") or [])[0]
    mover = task.player(prompts[0], "")
    assert [evaluate.player(0, step[:size]) for size in range(len(step))] == [mover] * len(step)
    assert evaluate.player(0, step) == 1 - mover


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--prior", "sum"], "--prior 'sum' is none of freq, logp, lenorm, exact"),
        (["--prior", "exact", "--listed"], "leave --listed out"),
    ],
)
def test_the_command_line_refuses(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["text", "search", "nowhere", "countdown", *arguments]) == 2
    assert complaint in capsys.readouterr().err
