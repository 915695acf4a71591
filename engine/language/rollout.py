"""Rollouts: completions of problems, each with its verdict and provenance."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.language.episode import Episode, Source
from engine.language.task import Prompt, Task, VerifyResult

if TYPE_CHECKING:
    from engine.language.model.generation.generation import Completion
    from engine.language.model.model import LanguageModel
    from engine.language.settings import NoiseConfig, SampleConfig

Verify = Callable[[Sequence[tuple[Prompt, str]]], list[VerifyResult]]
"""Judges completions in one batch."""


@dataclass(frozen=True)
class Policy:
    """A model that writes completions."""

    model: LanguageModel
    digest: str
    """SHA-256 of its weights."""


@dataclass(frozen=True)
class Draw:
    """How one set of completions is drawn."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    rows: int = 512
    """Completions generated side by side."""
    distinct: bool = False
    """Those of a problem are drawn without replacement; there may be fewer than asked for."""
    hot_steps: float = 0.0
    """Share of steps that are drawn at `heat`; not with `distinct`."""
    heat: float = 2.0


@dataclass(frozen=True)
class _Row:
    prompt: Prompt
    text: str
    """What the model reads: the prompt, perhaps with a hint."""
    start: str
    """What of the completion stands there already."""
    policy: Policy
    seed: int


def row_seed(seed: int, *parts: object) -> int:
    """63 bits that are a function of the run's seed and of what a random choice is for."""
    text = "\0".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def sample(
    task: Task,
    policies: Sequence[Policy],
    prompts: Sequence[Prompt],
    samples: int,
    draw: Draw,
    verify: Verify,
    *,
    seed: int,
    iteration: int,
    hints: bool = False,
    on_rows: Callable[[int], None] | None = None,
) -> list[Episode]:
    """`samples` completions of each prompt, shared out over the policies, in the order of the prompts.

    A completion is a function of (seed, iteration, prompt, number, policy), beyond the rounding that the
    other rows of a batch bring. With `hints` the answer is given away in front of it. `on_rows` is called
    with the number that is written.
    """
    rows = []
    for prompt in prompts:
        hint = (task.hint(prompt) or "") if hints else ""
        text, given = (prompt.text, hint) if task.hint_in_completion else (prompt.text + hint, "")
        for number in range(samples):
            own = row_seed(seed, iteration, "hint" if hints else "sample", prompt.id, number)
            rows.append(_Row(prompt, text, given, policies[number % len(policies)], own))
    episodes: list[Episode | None] = [None] * len(rows)
    done = 0
    for policy in policies:
        mine = [index for index, row in enumerate(rows) if row.policy is policy]
        # The completions of a problem stay together.
        each = max(1, len(mine) // max(1, len(prompts)))
        step = each * max(1, 4 * draw.rows // each)
        for start in range(0, len(mine), step):
            part = mine[start : start + step]
            made = _generate(
                task, policy, [rows[i] for i in part], draw, verify, iteration,
                "hint" if hints else "model", _after(done, on_rows),
            )  # fmt: skip
            done += len(part)
            for index, episode in zip(part, made, strict=True):
                episodes[index] = episode
    return [episode for episode in episodes if episode is not None]


def _generate(
    task: Task,
    policy: Policy,
    rows: Sequence[_Row],
    draw: Draw,
    verify: Verify,
    iteration: int,
    source: Source,
    on_rows: Callable[[int], None] | None,
) -> list[Episode | None]:
    """An episode a row; None where a problem has no further completion."""
    completions = (_distinct if draw.distinct else _independent)(task, policy, rows, draw, on_rows)
    made = [(row, each, row.start + each.text) for row, each in zip(rows, completions, strict=True) if each]
    verdicts = iter(verify([(row.prompt, text) for row, _, text in made]))
    episodes = iter(
        Episode(
            prompt=row.prompt,
            completion=text,
            result=next(verdicts),
            source=source,
            iteration=iteration,
            model=policy.digest,
            seed=row.seed,
            temperature=draw.temperature,
            logprob=completion.logprob,
            tokens=completion.tokens,
            ended=completion.ended,
            ids=completion.ids,
            logprobs=completion.logprobs,
        )
        for row, completion, text in made
    )
    return [next(episodes) if completion else None for completion in completions]


def _independent(
    task: Task, policy: Policy, rows: Sequence[_Row], draw: Draw, on_rows: Callable[[int], None] | None
) -> Sequence[Completion | None]:
    from engine.language.model.generation.generation import generate
    from engine.language.model.generation.heat import Heat

    return generate(
        policy.model,
        [row.text for row in rows],
        seeds=[row.seed for row in rows],
        starts=[row.start for row in rows],
        temperature=draw.temperature,
        top_k=draw.top_k,
        top_p=draw.top_p,
        max_tokens=task.max_tokens,
        stop=(task.end,),
        max_rows=draw.rows,
        heat=Heat(draw.hot_steps, draw.heat, task.step_end) if draw.hot_steps else None,
        on_rows=on_rows,
    )


def _distinct(
    task: Task, policy: Policy, rows: Sequence[_Row], draw: Draw, on_rows: Callable[[int], None] | None
) -> Sequence[Completion | None]:
    """Neighbours with one text are drawn together, by the seed of the first."""
    from engine.language.model.generation.distinct import draw_distinct
    from engine.language.model.generation.successors import Drawn

    assert (draw.top_k, draw.top_p, draw.hot_steps) == (0, 1, 0), draw
    groups = [list(group) for _, group in itertools.groupby(rows, key=lambda row: (row.text, row.start))]
    draws = draw_distinct(
        policy.model,
        [group[0].text for group in groups],
        [len(group) for group in groups],
        [Drawn() for _ in groups],
        seeds=[group[0].seed for group in groups],
        starts=[group[0].start for group in groups],
        temperature=draw.temperature,
        max_tokens=task.max_tokens,
        stop=(task.end,),
        max_rows=draw.rows,
        on_rows=on_rows,
    )
    found: list[Completion | None] = []
    for group, drawn in zip(groups, draws, strict=True):
        found += [*drawn.completions, *[None] * (len(group) - len(drawn.completions))]
    return found


def finish(
    task: Task,
    policy: Policy,
    started: Sequence[tuple[Prompt, str]],
    samples: int,
    draw: Draw,
    verify: Verify,
    *,
    seed: int,
    iteration: int,
    on_rows: Callable[[int], None] | None = None,
) -> list[Episode]:
    """`samples` whole completions of each (prompt, start of a completion), in their order."""
    rows = [
        _Row(prompt, prompt.text, start, policy, row_seed(seed, iteration, "finish", prompt.id, start, i))
        for prompt, start in started
        for i in range(samples)
    ]
    assert not draw.distinct
    return [
        episode
        for place in range(0, len(rows), 4 * draw.rows)
        for episode in _generate(
            task,
            policy,
            rows[place : place + 4 * draw.rows],
            draw,
            verify,
            iteration,
            "model",
            _after(place, on_rows),
        )
        if episode is not None
    ]


def _after(done: int, on_rows: Callable[[int], None] | None) -> Callable[[int], None] | None:
    """`on_rows` for a part of the rows, before which `done` were written."""
    return None if on_rows is None else lambda count: on_rows(done + count)


def rollout(
    task: Task,
    policies: Sequence[Policy],
    prompts: Sequence[Prompt],
    config: SampleConfig,
    noise: NoiseConfig,
    rows: int,
    verify: Verify,
    *,
    seed: int,
    iteration: int,
    on_rows: Callable[[int], None] | None = None,
) -> list[Episode]:
    """What an iteration generates: samples, and with `rationalize` the failures again with a hint."""
    draw = Draw(
        config.temperature, config.top_k, config.top_p, rows, config.distinct, noise.steps, noise.temperature
    )
    episodes = sample(
        task, policies, prompts, config.samples, draw, verify,
        seed=seed, iteration=iteration, on_rows=on_rows,
    )  # fmt: skip
    if config.rationalize:
        solved = {episode.prompt.id for episode in episodes if episode.worth >= 1}
        failed = [p for p in prompts if p.id not in solved and task.hint(p) is not None]
        episodes += sample(
            task, policies, failed, config.samples, draw, verify,
            seed=seed, iteration=iteration, hints=True, on_rows=_after(len(episodes), on_rows),
        )  # fmt: skip
    return episodes
