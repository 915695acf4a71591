"""What a model's tokenizer makes of a task's texts: told or refused before anything is learnt from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.model.model import LanguageModel
from engine.language.rollout import Verify
from engine.language.task import Demonstration, Prompt, VerifyResult

if TYPE_CHECKING:
    from engine.language.model.decoding.text_cache import TextCache

Warn = Callable[[str], None]
SHOWN = 60
"""Characters of an example."""


def fits(model: LanguageModel, texts: Sequence[str]) -> list[bool]:
    """Which texts the model can spell and has room for in its context."""
    try:
        return [len(row) < model.context for row in model.codec.encode_prompts(texts)]
    except UserError:
        middle = len(texts) // 2
        return [*fits(model, texts[:middle]), *fits(model, texts[middle:])] if middle else [False]


def values_as_read(
    model: LanguageModel, prompts: Sequence[str], starts: Sequence[str], known: TextCache | None = None
) -> NDArray[np.float32]:
    """What a critic says of texts, as `text_values`; NaN for one that it cannot spell or has no room for.

    Another model wrote them, perhaps by another tokenizer, and need not have kept to what the critic reads.
    """
    from engine.language.model.scoring import text_values

    try:
        return text_values(model, prompts, starts, known)
    except UserError:
        if len(prompts) == 1:
            return np.full(1, np.nan, np.float32)
        middle = len(prompts) // 2
        parts = (slice(middle), slice(middle, None))
        return np.concatenate([values_as_read(model, prompts[p], starts[p], known) for p in parts])


def without_misfits(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    real: Sequence[Demonstration],
    holdout: Sequence[Demonstration],
    warn: Warn,
) -> tuple[list[Prompt], list[Demonstration], list[Demonstration]]:
    """Of each what the model can spell and has room for; `warn` is told of the rest.

    Raises UserError where there were problems, or demonstrations to learn from, and none is left.
    """
    texts = [prompt.text for prompt in prompts]
    good, learnt = fits(model, texts), demonstrations_that_fit(model, real)
    for kept, what, each in (
        (good, "problems", texts),
        (learnt, "demonstrations", [d.prompt.text + d.completion for d in real]),
    ):
        if not all(kept):
            warn(
                f"{kept.count(False)} of {len(kept)} {what} are left out: over the model's context of "
                f"{model.context} tokens, or with letters it cannot spell: {_short(each[kept.index(False)])}"
            )
    if prompts and not any(good):
        raise UserError("no problem to practise on is left; take another model or shorter problems")
    if real and not any(learnt):
        raise UserError("no demonstration is left; take a model that can spell them, or shorter ones")
    watched = demonstrations_that_fit(model, holdout)
    return list(compress(prompts, good)), list(compress(real, learnt)), list(compress(holdout, watched))


def demonstrations_that_fit(model: LanguageModel, real: Sequence[Demonstration]) -> list[bool]:
    """Which demonstrations the model can spell, their prompts and completions, and has room for."""
    try:
        heads = model.codec.encode_prompts([d.prompt.text for d in real])
        tails = model.codec.encode_completions([d.prompt.text for d in real], [d.completion for d in real])
    except UserError:
        middle = len(real) // 2
        if not middle:
            return [False]
        return [
            *demonstrations_that_fit(model, real[:middle]),
            *demonstrations_that_fit(model, real[middle:]),
        ]
    # With the end token after it.
    return [len(head) + len(tail) < model.context for head, tail in zip(heads, tails, strict=True)]


def check_texts(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    measured: Sequence[Prompt],
    real: Sequence[Demonstration],
    verify: Verify,
    warn: Warn,
) -> None:
    """Look at all texts of a run before anything is learnt from them; UserError, or `warn` is told."""
    check_measured(model, measured)
    check_prompts(model, [*prompts, *measured], warn)
    check_demonstrations(model, real, verify, warn)


def check_measured(model: LanguageModel, measured: Sequence[Prompt]) -> None:
    """Refuse problems to be measured on that the model cannot spell or has no room for; UserError."""
    kept = fits(model, [prompt.text for prompt in measured])
    if not all(kept):
        raise UserError(
            f"{kept.count(False)} of {len(kept)} problems of validation and test are over the model's "
            f"context of {model.context} tokens, or with letters it cannot spell: "
            f"{_short(measured[kept.index(False)].text)}; take another model, or shorter problems"
        )


def check_demonstrations(
    model: LanguageModel, real: Sequence[Demonstration], verify: Verify, warn: Warn
) -> None:
    """Refuse demonstrations that the tokenizer gives back as what is rejected; tell of other changes.

    Lower case, added or stripped spaces, normalised characters: a model that has learnt such a demonstration
    to perfection writes what comes back, and is judged by that.

    Raises:
        UserError: where that scores less than the demonstration, or has a new flag; it names one.
    """
    returned = model.codec.round_trip([d.prompt.text for d in real], [d.completion for d in real])
    changed = [(d, text) for d, text in zip(real, returned, strict=True) if text != d.completion]
    if not changed:
        return
    told = verify([(d.prompt, d.completion) for d, _ in changed])
    after = verify([(d.prompt, text) for d, text in changed])
    lost = [index for index, both in enumerate(zip(told, after, strict=True)) if not _as_good(*both)]
    first, text = changed[lost[0] if lost else 0]
    example = f"{_short(first.completion)} as {_short(text)}"
    if lost:
        reason = f" ({after[lost[0]].reason})" if after[lost[0]].reason else ""
        raise UserError(
            f"the model's tokenizer gives {len(lost)} of {len(real)} demonstrations back as what the "
            f"verifier rejects{reason}: {example}; take a model whose tokenizer keeps a text as it is, as "
            "byte-level BPE does, or demonstrations that it keeps"
        )
    warn(
        f"warning: the model's tokenizer gives {len(changed)} of {len(real)} demonstrations back as another "
        f"text, which the verifier accepts: {example}"
    )


def check_prompts(model: LanguageModel, prompts: Sequence[Prompt], warn: Warn) -> None:
    """Tell of problems that the tokenizer gives back as another text, and of those that are one to it."""
    texts = list(dict.fromkeys(prompt.text for prompt in prompts))
    found = zip(texts, model.codec.read_back(texts), strict=True)
    changed = [(text, back) for text, back in found if back is not None]
    if not changed:
        return
    first: dict[tuple[int, ...], str] = {}
    rows = model.codec.encode_prompts(texts)
    twins = [(first.setdefault(tuple(row), text), text) for text, row in zip(texts, rows, strict=True)]
    same = [(other, text) for other, text in twins if other != text]
    alike = f"; {len(same)} are the same to it as others, as {_short(same[0][1])} is" if same else ""
    warn(
        f"warning: the model's tokenizer gives {len(changed)} of {len(texts)} problems back as another text: "
        f"{_short(changed[0][0])} as {_short(changed[0][1])}{alike}"
    )


def as_written(model: LanguageModel, episodes: Sequence[Episode], warn: Warn) -> list[Episode]:
    """Completions that the tokenizer gives back as they are; `warn` is told of the rest.

    What was drawn is learnt as its text is spelt: of another text no verifier has said that it is right.
    """
    back = model.codec.round_trip([e.prompt.text for e in episodes], [e.completion for e in episodes])
    kept = [e for e, text in zip(episodes, back, strict=True) if e.completion == text]
    if len(kept) < len(episodes):
        first = next(pair for pair in zip(episodes, back, strict=True) if pair[0].completion != pair[1])
        warn(
            f"{len(episodes) - len(kept)} of {len(episodes)} completions that passed are left out: the "
            "model's tokenizer gives them back as another text, "
            f"{_short(first[0].completion)} as {_short(first[1])}"
        )
    return kept


def _as_good(before: VerifyResult, after: VerifyResult) -> bool:
    """No lower score, and no sign of an exploit or forfeit that there was not before."""
    return after.score >= before.score and set(after.flags) <= set(before.flags)


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")
