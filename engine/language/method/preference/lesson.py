"""Comparisons as what the learner reads: tokens, and what a reference model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from engine.language.learner.objective.desirability import Wanted
from engine.language.learner.objective.preference import Pair
from engine.language.method.preference.pairing import Comparison, Opinion, Response
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score_tokens
from engine.language.round_trip import demonstrations_that_fit
from engine.language.task import Demonstration, Prompt

Row = tuple[Tokens, Tokens]
"""A prompt and a response."""


def pair_lessons(comparisons: Sequence[Comparison], model: LanguageModel) -> list[Pair]:
    """Pairs of tokens, not yet measured by a reference; those whose responses are the same tokens are out."""
    heads = model.encode_prompts([each.prompt for each in comparisons])
    chosen = _tails(model, [(each.prompt, each.chosen) for each in comparisons])
    rejected = _tails(model, [(each.prompt, each.rejected) for each in comparisons])
    return [
        Pair(head, good, bad, 0.0, 0.0, each.share, each.key)
        for each, head, good, bad in zip(comparisons, heads, chosen, rejected, strict=True)
        if good != bad
    ]


def measured_pairs(pairs: Sequence[Pair], reference: LanguageModel | None) -> list[Pair]:
    """The pairs with ln p of both responses under the reference, each read once; 0 without one."""
    if reference is None:
        return list(pairs)
    good = [(pair.prompt, pair.chosen) for pair in pairs]
    bad = [(pair.prompt, pair.rejected) for pair in pairs]
    nats = likelihoods(reference, [*good, *bad])
    return [
        Pair(pair.prompt, pair.chosen, pair.rejected, one, other, pair.share, pair.key)
        for pair, one, other in zip(pairs, nats[: len(pairs)], nats[len(pairs) :], strict=True)
    ]


def wanted_lessons(
    opinions: Sequence[Opinion], model: LanguageModel, reference: LanguageModel
) -> list[Wanted]:
    """Responses with their labels, and beside each the response to the next prompt that is another one.

    Where all prompts are one, the next response is its stray.
    """
    heads = model.encode_prompts([each.prompt for each in opinions])
    tails = _tails(model, [(each.prompt, each.response) for each in opinions])
    strays = [tails[place] for place in _next_other([each.prompt for each in opinions])]
    nats = likelihoods(reference, [*zip(heads, tails, strict=True), *zip(heads, strays, strict=True)])
    known, away = nats[: len(heads)], nats[len(heads) :]
    return [
        Wanted(head, tail, known[place], each.is_wanted, strays[place], away[place], each.share, each.key)
        for place, (each, head, tail) in enumerate(zip(opinions, heads, tails, strict=True))
    ]


def likelihoods(model: LanguageModel, rows: Sequence[Row]) -> list[float]:
    """ln p of each response, [B]; rows that repeat are read once."""
    known = {(*map(tuple, row),): row for row in rows}
    scored = score_tokens(model, [head for head, _ in known.values()], [tail for _, tail in known.values()])
    nats = dict(zip(known, (float(row.sum(dtype=float)) for row in scored), strict=True))
    return [nats[(*map(tuple, row),)] for row in rows]


def readable(
    model: LanguageModel, texts: Sequence[tuple[str, Response]], *, as_written: bool = True
) -> list[bool]:
    """Which prompts with a response the model can spell and has room for.

    Where `as_written`, those alone whose response its tokenizer gives back as it is: of another text nobody
    has said that it is better.
    """
    rows = [Demonstration(Prompt("", prompt, ""), response.text) for prompt, response in texts]
    kept = demonstrations_that_fit(model, rows)
    if not as_written:
        return kept
    some = list(compress(texts, kept))
    back = iter(model.codec.round_trip([prompt for prompt, _ in some], [each.text for _, each in some]))
    return [fit and next(back) == each.text for fit, (_, each) in zip(kept, texts, strict=True)]


def _tails(model: LanguageModel, texts: Sequence[tuple[str, Response]]) -> list[Tokens]:
    """With the end token where a response has ended."""
    rows = model.codec.encode_completions([prompt for prompt, _ in texts], [each.text for _, each in texts])
    return [row + [model.codec.end] * each.ended for row, (_, each) in zip(rows, texts, strict=True)]


def _next_other(prompts: Sequence[str]) -> list[int]:
    """Of each place the next one, round the end, with another prompt; the next of all where there is none."""
    count = len(prompts)
    found = [(place + 1) % count for place in range(count)]
    for place in range(2 * count - 1, -1, -1):
        here, after = place % count, (place + 1) % count
        found[here] = after if prompts[after] != prompts[here] else found[after]
    return [
        there if prompts[there] != prompts[here] else (here + 1) % count for here, there in enumerate(found)
    ]
