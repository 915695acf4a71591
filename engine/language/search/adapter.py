"""A language model as the evaluator of trees of proposed moves: it proposes steps and values texts.

A tree holds ids; the texts live here. The ids of a tree are given out in the order of the steps' text within
one reply, so that a tree is a function of its replies alone.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine import _core
from engine.language.rollout import Verify, row_seed
from engine.language.search.proposal import Intern, ProposedStep, Question
from engine.language.search.token_steps import TokenSteps, whole_steps
from engine.language.task import Prompt, Task

if TYPE_CHECKING:
    from engine.language.model.decoding.text_cache import TextCache
    from engine.language.model.generation.generation import Completion
    from engine.language.model.model import LanguageModel

Prior = Literal["freq", "logp", "lenorm", "exact"]
"""What a proposed step weighs: how often it was sampled, at temperature 1 an estimate of its probability, in
whose place that itself stands where no step comes twice; exp of the log-probability of the whole step, or of
its mean a token (Feng et al. 2023), to compare with. `exact` makes each token a step: the likeliest are
proposed, none is sampled, and each weighs its probability. Nodes share out their prior among the steps that
they have, so that widening only ever lowers a step's share towards its probability."""


@dataclass(frozen=True)
class _Proposal:
    action: int
    weight: float
    player: int
    ends: bool


@dataclass(frozen=True)
class _Answer:
    """To one question."""

    proposals: Sequence[_Proposal] = ()
    tokens: int = 0
    """Generated for it."""
    value: float = math.nan
    """By the policy's own value head; NaN where it was not read on the way."""


class LanguageEvaluator:
    """Answers PROPOSE and VALUE requests of trees over the completions of `prompts`, one tree a prompt.

    The model proposes by sampling at `temperature`, with `distinct` no step of a node twice, or with `listed`
    scores the steps that the task lists; by the prior `exact` it names the likeliest tokens, `most` of a node
    in all. A node is valued by the value
    head of `critic`, by default the model's, 0.5 where it has none; ended ones by `verify` where it is given
    (in training, and at test where the task allows it).

    judges: whether ended nodes are judged by the verifier alone.
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
        distinct: bool = False,
        critic: LanguageModel | None = None,
    ) -> None:
        assert not (listed and prior == "exact")
        self.critic, self.judges = critic or model, verify is not None
        self.model, self.task, self.prompts = model, task, list(prompts)
        self.verify, self.seed, self.prior = verify, seed, prior
        self.temperature, self.rows_at_once, self.listed, self.distinct = temperature, rows, listed, distinct
        self.interns = [Intern() for _ in prompts]
        self._begun: list[tuple[int, ...]] = [() for _ in prompts]
        self._end_values: dict[tuple[int, tuple[int, ...]], float] = {}
        """By tree and path, of completions that a token has ended which is not of their text."""
        self.generated = self.scored = 0
        self._by_token = TokenSteps(model, task, prompts, self.interns, most) if prior == "exact" else None

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        """One answer a request, in their order."""
        questions = self._questions(requests)
        ended = requests.kinds == _core.VALUE
        asking = [index for index in range(len(questions)) if not ended[index]]
        answers = self._propose([questions[index] for index in asking])
        proposals: list[Sequence[_Proposal]] = [[] for _ in questions]
        tokens = np.zeros(len(questions), np.int32)
        read = np.full(len(questions), np.nan, np.float32)
        for index, answer in zip(asking, answers, strict=True):
            proposals[index], tokens[index], read[index] = answer.proposals, answer.tokens, answer.value
        wdl, exact = self._values(questions, ended, requests.needs_value, read)
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
        self,
        questions: Sequence[Question],
        ended: NDArray[np.bool_],
        needed: NDArray[np.bool_],
        read: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(float32 [B, 3] for the player to move, bool [B] whether it is a verdict that proves).

        `read` is what the policy's own value head said while it proposed, NaN where it did not.
        """
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
            if self.critic is self.model:
                ends = [self._end_values.get((questions[i].tree, questions[i].path), read[i]) for i in valued]
                scores[valued] = ends
            else:
                scores[valued] = np.nan
            unread = [i for i in valued if np.isnan(scores[i])]
            scores[unread] = self._opinions([questions[i] for i in unread]) if unread else []
        cut = [index for index in valued if ended[index] and self._is_cut(questions[index])]
        scores[cut] = 0.0
        first = np.array([question.player == 0 for question in questions])
        win = np.where(first, scores, 1 - scores)
        return np.stack([win, np.zeros_like(win), 1 - win], axis=1).astype(np.float32), exact

    def _opinions(self, questions: Sequence[Question]) -> NDArray[np.float32]:
        """What the critic says of texts, float32 [B] in [0, 1]; 0 of what another cannot read."""
        from engine.language.model.scoring import text_values, values
        from engine.language.round_trip import values_as_read

        prompts = [self.prompts[question.tree].text for question in questions]
        known = self._known if self.critic is self.model else None
        if self._by_token and self.critic is self.model:
            heads = [len(head) for head in self.critic.encode_prompts(prompts)]
            return values(self.model, [self._by_token.tokens(each) for each in questions], known, heads)
        texts = [question.completion for question in questions]
        if self.critic is not self.model:
            return np.nan_to_num(values_as_read(self.critic, prompts, texts), nan=0.0)
        return text_values(self.critic, prompts, texts, known)

    def _is_cut(self, question: Question) -> bool:
        return bool(question.path) and self.interns[question.tree].steps[question.path[-1]].cut

    def _propose(self, questions: Sequence[Question]) -> list[_Answer]:
        if self._by_token:
            return self._name_tokens(self._by_token, questions)
        listed = [
            self.task.legal_steps(self.prompts[q.tree], q.completion) if self.listed else None
            for q in questions
        ]
        sampled = [i for i, steps in enumerate(listed) if steps is None]
        scored = [(i, steps) for i, steps in enumerate(listed) if steps is not None]
        answers = [_Answer()] * len(questions)
        for i, answer in zip(sampled, self._sample([questions[i] for i in sampled]), strict=True):
            answers[i] = answer
        for i, answer in zip(
            (i for i, _ in scored),
            self._score([(questions[i], steps) for i, steps in scored]),
            strict=True,
        ):
            answers[i] = answer
        return answers

    def _name_tokens(self, by_token: TokenSteps, questions: Sequence[Question]) -> list[_Answer]:
        found, costs = by_token.propose(questions, self._known)
        self.generated += sum(costs)
        answers = []
        for question, steps, cost in zip(questions, found, costs, strict=True):
            intern, proposals = self.interns[question.tree], []
            for step, prob in sorted(steps, key=lambda each: (each[0].text, each[0].token)):
                player = self.player(question.tree, question.completion + step.text)
                proposals.append(_Proposal(intern.id_of(step), prob, player, step.ends))
            answers.append(_Answer(proposals, cost))
        return answers

    def _sample(self, questions: Sequence[Question]) -> list[_Answer]:
        if not questions:
            return []
        drawn = self._draw_distinct(questions) if self.distinct else self._draw(questions)
        answers = []
        for question, (made, tokens) in zip(questions, drawn, strict=True):
            steps = [self._step(question, c.text, c.stop, c.tokens, c.ended) for c in made]
            self.generated += tokens
            value = float(made[0].values[0]) if made else math.nan
            answers.append(_Answer(self._weigh(question, steps, made), tokens, value))
            self._note_ends(question, steps, made)
        return answers

    def _draw(self, questions: Sequence[Question]) -> list[tuple[list[Completion], int]]:
        """Steps as the model draws them, and the tokens generated."""
        from engine.language.model.generation.generation import generate

        rows, starts, seeds = [], [], []
        for question in questions:
            prompt, asked = self.prompts[question.tree], self._asked(question)
            rows += [prompt.text] * question.count
            starts += [question.completion] * question.count
            seeds += [
                row_seed(self.seed, "propose", prompt.id, question.completion, asked + i)
                for i in range(question.count)
            ]
        made = iter(generate(self.model, rows, seeds=seeds, starts=starts, **self._limits))
        groups = [list(itertools.islice(made, question.count)) for question in questions]
        return [(group, sum(completion.tokens for completion in group)) for group in groups]

    def _draw_distinct(self, questions: Sequence[Question]) -> list[tuple[list[Completion], int]]:
        """Steps that a node has not had, and the tokens generated."""
        from engine.language.model.generation.distinct import draw_distinct
        from engine.language.model.generation.successors import Drawn

        prompts = [self.prompts[question.tree] for question in questions]
        draws = draw_distinct(
            self.model,
            [prompt.text for prompt in prompts],
            [question.count for question in questions],
            [self.interns[q.tree].drawn.setdefault(q.path, Drawn()) for q in questions],
            seeds=[
                row_seed(self.seed, "propose", prompt.id, question.completion, self._asked(question))
                for prompt, question in zip(prompts, questions, strict=True)
            ],
            starts=[question.completion for question in questions],
            **self._limits,
        )
        return [(draw.completions, draw.tokens) for draw in draws]

    def _asked(self, question: Question) -> int:
        """How many steps a node had been asked for before; these are noted."""
        asked = self.interns[question.tree].asked
        before = asked.get(question.path, 0)
        asked[question.path] = before + question.count
        return before

    @property
    def _limits(self) -> dict[str, Any]:
        """How steps are generated."""
        return {
            "temperature": self.temperature,
            "max_tokens": self.task.max_step_tokens,
            "stop": (self.task.step_end, self.task.end),
            "max_rows": self.rows_at_once,
            "known": self._known,
        }

    @functools.cached_property
    def _known(self) -> TextCache | None:
        """What has been read and written, for the texts that go on from there."""
        from engine.language.model.decoding.llama_reader import open_text_cache

        return open_text_cache(
            self.model, self.model.encode_prompts([prompt.text for prompt in self.prompts])
        )

    @functools.cached_property
    def _pieces(self) -> Sequence[str | None]:
        """The text of each token."""
        return list(self.model.codec.pieces())

    def _step(self, question: Question, text: str, stop: str, tokens: int, stopped: bool) -> ProposedStep:
        """A step as generated; the task's end and the end token end the completion, a limit of tokens too."""
        task, prompt = self.task, self.prompts[question.tree]
        ended = stopped and stop != task.step_end
        body = text if ended else text + stop
        cut = not stopped or (not ended and question.tokens + tokens >= task.max_tokens)
        complete = ended or cut or task.is_complete(prompt, question.completion + body)
        return ProposedStep(body, tokens, complete, cut)

    def _note_ends(
        self, question: Question, steps: Sequence[ProposedStep], made: Sequence[Completion]
    ) -> None:
        """Keep what the value head said of a completion before the token that ended it."""
        ends = self.model.ends
        for step, completion in zip(steps, made, strict=True):
            last = int(completion.ids[-1])
            alone = last in ends or (completion.stop == self.task.end == self._pieces[last])
            if step.ends and not step.cut and alone and not np.isnan(completion.values[-1]):
                path = (*question.path, self.interns[question.tree].id_of(step))
                self._end_values[question.tree, path] = float(completion.values[-1])

    def _weigh(
        self, question: Question, steps: Sequence[ProposedStep], made: Sequence[Completion]
    ) -> list[_Proposal]:
        """Proposals in the order of their text.

        Draws of a step add up where they are counted, and where each is another spelling of it.
        """
        adds = self.distinct or self.prior == "freq"
        intern = self.interns[question.tree]
        prompt = self.prompts[question.tree]
        weights: dict[ProposedStep, float] = {}
        for step, each in zip(steps, made, strict=True):
            if self.prior == "lenorm":
                weight = math.exp(each.logprob / each.tokens)
            else:
                weight = math.exp(each.logprob) if self.distinct or self.prior == "logp" else 1.0
            weights[step] = weight + (weights.get(step, 0.0) if adds else 0.0)
        proposals = []
        for step in sorted(weights, key=lambda step: (step.text, step.ends, step.cut, step.tokens)):
            action = intern.id_of(step)
            weight = weights[step]
            if not adds:
                known = (question.path, action)
                weight = 0.0 if known in intern.weighed else weight
                intern.weighed.add(known)
            player = self.task.player(prompt, question.completion + step.text)
            proposals.append(_Proposal(action, weight, player, step.ends))
        return proposals

    def _score(self, questions: Sequence[tuple[Question, list[str]]]) -> list[_Answer]:
        """Every step that the task lists, weighed by the model's probability of its text."""
        from engine.language.model.scoring import score

        rows = [(self.prompts[q.tree].text, q.completion, step) for q, steps in questions for step in steps]
        if not rows:
            return [_Answer() for _ in questions]
        prompts, starts, tails = zip(*rows, strict=True)
        found = score(self.model, prompts, tails, starts=starts)
        self.scored += sum(len(row) for row in found)
        answers, start = [], 0
        for question, steps in questions:
            part = found[start : start + len(steps)]
            start += len(steps)
            answers.append(_Answer(self._listed(question, steps, part)))
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
