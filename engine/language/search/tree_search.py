"""Completions written by a tree search over the steps that a model proposes, many problems at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import _core
from engine.language.episode import Episode, Step
from engine.language.rollout import Policy, Verify, row_seed
from engine.language.search.adapter import LanguageEvaluator, Prior
from engine.language.task import Prompt, Task
from engine.search import proposed_params, search

if TYPE_CHECKING:
    from engine.config.play import ProposalConfig, ProposedSearchConfig
    from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Plan:
    """How each step is searched.

    Args:
        simulations: new visits a step.
        tokens: that the search of one problem may generate in all; None: no limit.
        temperature: steps are drawn in proportion to visits to the power 1 / temperature; 0: the best one.
        judge: whether ended completions are judged by the verifier; else the value head values them.
        prior: what a proposed step weighs.
        listed: the model scores the steps that the task lists, where it does, instead of proposing its own.
        rows: generated side by side.
    """

    simulations: int
    tokens: int | None = None
    temperature: float = 0.0
    judge: bool = False
    prior: Prior = "freq"
    rows: int = 512
    listed: bool = False


@dataclass
class _Line:
    """The completion of one problem as far as it has been written."""

    path: list[int] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    ended: bool = False
    cut: bool = False


def search_completions(
    task: Task,
    policy: Policy,
    prompts: Sequence[Prompt],
    plan: Plan,
    config: ProposedSearchConfig,
    proposals: ProposalConfig,
    verify: Verify,
    *,
    seed: int,
    iteration: int = 0,
    critic: LanguageModel | None = None,
) -> list[Episode]:
    """One completion of each prompt: search, take a step, go on from there, until it ends.

    Texts are valued by `critic`, by default the policy's own value head.

    A problem whose budget of tokens is spent goes on with what its tree holds; where that is nothing it ends,
    cut. The searches of all problems share their requests.
    """
    evaluator = LanguageEvaluator(
        policy.model, task, prompts, verify=verify if plan.judge else None,
        seed=row_seed(seed, iteration, "search"), prior=plan.prior, rows=plan.rows, listed=plan.listed,
        most=proposals.max_proposals, distinct=proposals.distinct, critic=critic,
    )  # fmt: skip
    # What a tree sets aside for a step is what one may cost; listed steps are all known from the start.
    step_tokens = 1 if plan.prior == "exact" else task.max_step_tokens
    first = proposals.max_proposals if plan.listed else proposals.initial_proposals
    proposals = proposals.model_copy(update={"initial_proposals": first})
    trees = _core.Trees(None, proposed_params(config, proposals, step_tokens))
    for prompt in prompts:
        trees.add_proposed(task.player(prompt, ""), plan.tokens)
    lines = [_Line() for _ in prompts]
    while not all(line.ended for line in lines):
        search(trees, evaluator, plan.simulations)
        for tree, line in enumerate(lines):
            if not line.ended:
                _take_step(
                    trees, tree, line, evaluator, plan, row_seed(seed, iteration, "pick", prompts[tree].id)
                )
    spent = trees.tokens_spent
    texts = [evaluator.completion(tree, line.path) for tree, line in enumerate(lines)]
    verdicts = verify(list(zip(prompts, texts, strict=True)))
    return [
        Episode(
            prompt=prompt,
            completion=text,
            result=verdict,
            source="search",
            iteration=iteration,
            model=policy.digest,
            seed=seed,
            temperature=plan.temperature,
            logprob=float("nan"),
            tokens=int(spent[tree]),
            ended=not line.cut,
            steps=tuple(line.steps),
        )
        for tree, (prompt, text, verdict, line) in enumerate(
            zip(prompts, texts, verdicts, lines, strict=True)
        )
    ]


def _take_step(
    trees: _core.Trees, tree: int, line: _Line, evaluator: LanguageEvaluator, plan: Plan, seed: int
) -> None:
    """Write the step that the search of one tree has chosen, and root the tree after it."""
    root = _searched_root(trees, tree)
    if root is None or not len(root["actions"]):
        line.ended = line.cut = True
        return
    steps, actions = evaluator.interns[tree].steps, root["actions"]
    action = _chosen(trees, tree, root["visits"], actions, plan, seed, len(line.path))
    line.steps.append(
        Step(
            text=steps[action].text,
            player=evaluator.player(tree, evaluator.completion(tree, line.path)),
            proposals=tuple(steps[a].text for a in actions.tolist()),
            visits=tuple(root["visits"].tolist()),
            prior=tuple(root["prior"].tolist()),
            q=tuple(root["q"].tolist()),
            value=float(root["value"]),
        )
    )
    line.path.append(action)
    if steps[action].ends:
        line.ended, line.cut = True, steps[action].cut
        trees.grant(tree, 0)
        return
    trees.advance(tree, action)
    evaluator.begin_at(tree, line.path)


def _searched_root(trees: _core.Trees, tree: int) -> dict[str, Any] | None:
    """What the search found; None where the tokens left did not pay for its first request."""
    try:
        return trees.root(tree)
    except ValueError:
        return None


def _chosen(
    trees: _core.Trees,
    tree: int,
    visits: np.ndarray,
    actions: np.ndarray,
    plan: Plan,
    seed: int,
    step: int,
) -> int:
    if plan.temperature == 0 or not visits.any():
        return int(trees.best_action(tree))
    weights = (visits / visits.max()) ** (1 / plan.temperature)
    draw = np.random.default_rng([seed, step]).random() * weights.sum()
    return int(actions[min(int(np.searchsorted(weights.cumsum(), draw, side="right")), len(actions) - 1)])
