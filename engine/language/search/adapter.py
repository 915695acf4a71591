"""A language model as the evaluator of trees of proposed moves: it proposes steps and values texts.

A tree holds ids; the texts live here. The ids of a tree are given out in the order of the steps' text within
one reply, so that a tree is a function of its replies alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine import _core
from engine.language.rollout import Verify, row_seed
from engine.language.search.proposal import Intern, ProposedStep, Question
from engine.language.search.token_steps import TokenSteps, whole_steps
from engine.language.task import Prompt, Task

if TYPE_CHECKING:
    from engine.language.model.generation import Completion
    from engine.language.model.llama_reader import PromptCache
    from engine.language.model.model import LanguageModel

Prior = Literal["freq", "logp", "lenorm", "exact"]
"""What a proposed step weighs: how often it was sampled (at temperature 1 an estimate of its probability),
exp of the log-probability of the whole step, or of its mean a token (Feng et al. 2023), to compare with.
`exact` makes each token a step: the likeliest are proposed, none is sampled, and each weighs its probability.
Nodes share out their prior among the steps that they have, so that widening only ever lowers a step's share
towards its probability."""


@dataclass(frozen=True)
class _Proposal:
    action: int
    weight: float
    player: int
    ends: bool


class LanguageEvaluator:
    """Answers PROPOSE and VALUE requests of trees over the completions of `prompts`, one tree a prompt.

    The model proposes by sampling at `temperature`, or with `listed` scores the steps that the task lists; by
    the prior `exact` it names the likeliest tokens, `most` of a node in all. A node is valued by the value
    head of `critic`, by default the model's, 0.5 where it has none; ended ones by `verify` where it is given
    (in training, and at test where the task allows it).

    generated, scored: tokens so far; by `exact` a node whose tokens have been ranked counts as one generated.
    """

    def __init__(
        self,
        model: LanguageModel,
        task: Task,
        prompts: Sequence[Prompt],
        *,
        verify: Verify | None,
        seed: int,
        prior: Prior = "freq",
        temperature: float = 1.0,
        rows: int = 512,
        listed: bool = False,
        most: int = 16,
        critic: LanguageModel | None = None,
    ) -> None:
        assert not (listed and prior == "exact")
        self.critic = critic or model
        self.model, self.task, self.prompts = model, task, list(prompts)
        self.verify, self.seed, self.prior = verify, seed, prior
        self.temperature, self.rows_at_once, self.listed = temperature, rows, listed
        self.interns = [Intern() for _ in prompts]
        self._begun: list[tuple[int, ...]] = [() for _ in prompts]
        self.generated = self.scored = 0
        self._by_token = TokenSteps(model, task, prompts, self.interns, most) if prior == "exact" else None

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        """One answer a request, in their order."""
        questions = self._questions(requests)
        ended = requests.kinds == _core.VALUE
        wdl, exact = self._values(questions, ended, requests.needs_value)
        asking = [index for index in range(len(questions)) if not ended[index]]
        answers = self._propose([questions[index] for index in asking])
        proposals: list[list[_Proposal]] = [[] for _ in questions]
        tokens = np.zeros(len(questions), np.int32)
        for index, (found, spent) in zip(asking, answers, strict=True):
            proposals[index], tokens[index] = found, spent
        flat = [proposal for found in proposals for proposal in found]
        return _core.ProposalReply(
            wdl,
            np.cumsum([0, *(len(found) for found in proposals)], dtype=np.int64),
            np.array([p.action for p in flat], np.int32),
            np.array([p.weight for p in flat], np.float32),
            np.array([p.player for p in flat], np.int8),
            np.array([p.ends for p in flat], np.bool_),
            tokens,
            exact,
        )

    def completion(self, tree: int, path: Sequence[int]) -> str:
        """The text that a path of ids stands for."""
        steps = self.interns[tree].steps
        return "".join(steps[action].text for action in path)

    def player(self, tree: int, completion: str) -> int:
        """Who goes on with a completion: who writes the step that is under way."""
        if self._by_token:
            completion = whole_steps(self.task, completion)
        return self.task.player(self.prompts[tree], completion)

    def begin_at(self, tree: int, path: Sequence[int]) -> None:
        """Say that the root of a tree has advanced along `path`: its requests are about what follows."""
        self._begun[tree] = tuple(path)

    def _questions(self, requests: _core.Requests) -> list[Question]:
        offsets, actions = requests.paths()
        questions = []
        for index, tree in enumerate(requests.trees.tolist()):
            path = (*self._begun[tree], *actions[offsets[index] : offsets[index + 1]].tolist())
            text = self.completion(tree, path)
            tokens = sum(self.interns[tree].steps[action].tokens for action in path)
            count, player = int(requests.counts[index]), self.player(tree, text)
            questions.append(Question(tree, path, count, text, tokens, player))
        return questions

    def _values(
        self, questions: Sequence[Question], ended: NDArray[np.bool_], needed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(float32 [B, 3] for the player to move, bool [B] whether it is a verdict that proves)."""
        scores = np.full(len(questions), 0.5, np.float32)
        exact = np.zeros(len(questions), np.bool_)
        judged = [index for index in np.flatnonzero(ended).tolist() if self.verify is not None]
        if judged and self.verify is not None:
            pairs = [(self.prompts[questions[i].tree], questions[i].completion) for i in judged]
            for i, verdict in zip(judged, self.verify(pairs), strict=True):
                scores[i], exact[i] = verdict.score, verdict.kind == "exact"
        valued = [
            index
            for index in np.flatnonzero(needed).tolist()
            if not (ended[index] and self.verify is not None)
        ]
        if valued and self.critic.value_head is not None:
            scores[valued] = self._opinions([questions[i] for i in valued])
        cut = [index for index in valued if ended[index] and self._is_cut(questions[index])]
        scores[cut] = 0.0
        first = np.array([question.player == 0 for question in questions])
        win = np.where(first, scores, 1 - scores)
        return np.stack([win, np.zeros_like(win), 1 - win], axis=1).astype(np.float32), exact

    def _opinions(self, questions: Sequence[Question]) -> NDArray[np.float32]:
        """What the critic says of texts, float32 [B] in [0, 1]."""
        from engine.language.model.scoring import text_values, values

        prompts = [self.prompts[question.tree].text for question in questions]
        known = self._known if self.critic is self.model else None
        if self._by_token and self.critic is self.model:
            heads = [len(head) for head in self.critic.encode_prompts(prompts)]
            return values(self.model, [self._by_token.tokens(each) for each in questions], known, heads)
        return text_values(self.critic, prompts, [question.completion for question in questions], known)

    def _is_cut(self, question: Question) -> bool:
        return bool(question.path) and self.interns[question.tree].steps[question.path[-1]].cut

    def _propose(self, questions: Sequence[Question]) -> list[tuple[list[_Proposal], int]]:
        if self._by_token:
            return self._name_tokens(self._by_token, questions)
        listed = [
            self.task.legal_steps(self.prompts[q.tree], q.completion) if self.listed else None
            for q in questions
        ]
        sampled = [i for i, steps in enumerate(listed) if steps is None]
        scored = [(i, steps) for i, steps in enumerate(listed) if steps is not None]
        answers: list[tuple[list[_Proposal], int]] = [([], 0)] * len(questions)
        for i, answer in zip(sampled, self._sample([questions[i] for i in sampled]), strict=True):
            answers[i] = answer
        for i, answer in zip(
            (i for i, _ in scored),
            self._score([(questions[i], steps) for i, steps in scored]),
            strict=True,
        ):
            answers[i] = answer
        return answers

    def _name_tokens(
        self, by_token: TokenSteps, questions: Sequence[Question]
    ) -> list[tuple[list[_Proposal], int]]:
        found, costs = by_token.propose(questions, self._known)
        self.generated += sum(costs)
        answers = []
        for question, steps, cost in zip(questions, found, costs, strict=True):
            intern, proposals = self.interns[question.tree], []
            for step, prob in sorted(steps, key=lambda each: (each[0].text, each[0].token)):
                player = self.player(question.tree, question.completion + step.text)
                proposals.append(_Proposal(intern.id_of(step), prob, player, step.ends))
            answers.append((proposals, cost))
        return answers

    def _sample(self, questions: Sequence[Question]) -> list[tuple[list[_Proposal], int]]:
        from engine.language.model.generation import generate

        rows, starts, seeds = [], [], []
        for question in questions:
            intern = self.interns[question.tree]
            prompt = self.prompts[question.tree]
            asked = intern.asked.get(question.path, 0)
            intern.asked[question.path] = asked + question.count
            rows += [prompt.text] * question.count
            starts += [question.completion] * question.count
            seeds += [
                row_seed(self.seed, "propose", prompt.id, question.completion, asked + i)
                for i in range(question.count)
            ]
        if not rows:
            return [([], 0) for _ in questions]
        task = self.task
        made = generate(
            self.model, rows, seeds=seeds, starts=starts, temperature=self.temperature,
            max_tokens=task.max_step_tokens, stop=(task.step_end, task.end), max_rows=self.rows_at_once,
            known=self._known,
        )  # fmt: skip
        self.generated += sum(completion.tokens for completion in made)
        answers, start = [], 0
        for question in questions:
            part = made[start : start + question.count]
            start += question.count
            steps = [self._step(question, c.text, c.stop, c.tokens, c.ended) for c in part]
            answers.append((self._weigh(question, steps, part), sum(c.tokens for c in part)))
        return answers

    @functools.cached_property
    def _known(self) -> PromptCache | None:
        """The prompts, read once, where they are long enough for that to pay."""
        from engine.language.model.llama_reader import read_prompts

        return read_prompts(self.model, self.model.encode_prompts([prompt.text for prompt in self.prompts]))

    def _step(self, question: Question, text: str, stop: str, tokens: int, stopped: bool) -> ProposedStep:
        """A step as generated; the task's end and the end token end the completion, a limit of tokens too."""
        task, prompt = self.task, self.prompts[question.tree]
        ended = stopped and stop != task.step_end
        body = text if ended else text + stop
        cut = not stopped or (not ended and question.tokens + tokens >= task.max_tokens)
        complete = ended or cut or task.is_complete(prompt, question.completion + body)
        return ProposedStep(body, tokens, complete, cut)

    def _weigh(
        self, question: Question, steps: Sequence[ProposedStep], made: Sequence[Completion]
    ) -> list[_Proposal]:
        """Proposals in the order of their text; by `logp` and `lenorm` a step counts once a node."""
        intern = self.interns[question.tree]
        prompt = self.prompts[question.tree]
        weights: dict[ProposedStep, float] = {}
        for step, each in zip(steps, made, strict=True):
            if self.prior == "freq":
                weights[step] = weights.get(step, 0.0) + 1.0
            else:
                weights[step] = math.exp(each.logprob / (each.tokens if self.prior == "lenorm" else 1))
        proposals = []
        for step in sorted(weights, key=lambda step: (step.text, step.ends, step.cut, step.tokens)):
            action = intern.id_of(step)
            weight = weights[step]
            if self.prior != "freq":
                known = (question.path, action)
                weight = 0.0 if known in intern.weighed else weight
                intern.weighed.add(known)
            player = self.task.player(prompt, question.completion + step.text)
            proposals.append(_Proposal(action, weight, player, step.ends))
        return proposals

    def _score(self, questions: Sequence[tuple[Question, list[str]]]) -> list[tuple[list[_Proposal], int]]:
        """Every step that the task lists, weighed by the model's probability of its text."""
        from engine.language.model.scoring import score

        rows = [(self.prompts[q.tree].text, q.completion, step) for q, steps in questions for step in steps]
        if not rows:
            return [([], 0) for _ in questions]
        prompts, starts, tails = zip(*rows, strict=True)
        found = score(self.model, prompts, tails, starts=starts)
        self.scored += sum(len(row) for row in found)
        answers, start = [], 0
        for question, steps in questions:
            part = found[start : start + len(steps)]
            start += len(steps)
            answers.append((self._listed(question, steps, part), 0))
        return answers

    def _listed(
        self, question: Question, steps: Sequence[str], logprobs: Sequence[NDArray[np.float32]]
    ) -> list[_Proposal]:
        prompt, intern = self.prompts[question.tree], self.interns[question.tree]
        intern.asked[question.path] = len(steps)
        sums = [float(row.sum(dtype=float)) for row in logprobs]
        proposals = []
        for step, logprob, row in sorted(zip(steps, sums, logprobs, strict=True), key=lambda item: item[0]):
            after = question.completion + step
            ends = self.task.is_complete(prompt, after)
            action = intern.id_of(ProposedStep(step, len(row), ends, False))
            weight = math.exp(logprob - max(sums))
            proposals.append(_Proposal(action, weight, self.task.player(prompt, after), ends))
        # Where fewer are asked for than there are, the likeliest.
        return sorted(proposals, key=lambda proposal: (-proposal.weight, proposal.action))[: question.count]
