"""Continuations of texts drawn without replacement: none comes twice, and each in turn by its probability.

A draw of k is a stochastic beam search (Kool, van Hoof and Welling 2019, 1903.06059): each continuation has
the score ln p + Gumbel noise, and the k of the highest scores are found from the top down, a token at a time.
What was drawn before is taken out of the probabilities (Shi, Bieber and Sutton 2020, 2002.09067), so that
draws one after another are one draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.model.codec import Tokens
from engine.language.model.decoding.decoder import Decoder
from engine.language.model.decoding.llama_decoder import LlamaDecoder
from engine.language.model.decoding.text_cache import TextCache
from engine.language.model.generation.generation import (
    SHRINK_AT,
    Completion,
    Stopper,
    batches,
    check_room,
    generate,
    read_values,
    rows_that_fit,
    start_decoder,
    stopper_of,
    watchers,
)
from engine.language.model.generation.sampling import states_of
from engine.language.model.generation.successors import NEVER, Drawn, Starts, Successors
from engine.language.model.model import LanguageModel


@dataclass(frozen=True, eq=False)
class Draw:
    """Continuations of one text."""

    completions: list[Completion]
    """All different as tokens, in the order of their draw; fewer than asked for where there are no more."""
    tokens: int
    """Generated, of those continuations, too, that were given up on the way; at most `count * max_tokens`."""


@torch.no_grad()
def draw_distinct(
    model: LanguageModel,
    prompts: Sequence[str],
    counts: Sequence[int],
    drawn: Sequence[Drawn],
    *,
    seeds: Sequence[int],
    starts: Sequence[str] | None = None,
    temperature: float = 1.0,
    max_tokens: int,
    stop: Sequence[str] = (),
    max_rows: int | None = None,
    known: TextCache | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> list[Draw]:
    """Draw continuations of texts, no two of one text the same, and none that was drawn before.

    Of texts of which one is wanted `generate` draws it.

    Args:
        model: that writes.
        prompts: one a text.
        counts: continuations of each text, at least 1.
        drawn: what was drawn of each text before; what is drawn now is added.
        seeds: of texts.
        starts: what stands after each prompt already; nothing by default.
        temperature: of each token, above 0.
        max_tokens: of one continuation, at least 1, the same each time that a text is asked about.
        stop: strings that end a continuation, none empty; its text ends before the earliest.
        max_rows: decoded together; see `generate`.
        known: what has been read and written before; see `generate`.
        on_rows: called after each batch with the continuations that are done; give all texts one count.

    Raises: as `generate`.
    """
    assert temperature > 0, temperature
    assert max_tokens >= 1, max_tokens
    assert min(counts, default=1) >= 1, counts
    starts = starts or [""] * len(prompts)
    options = _Options(temperature, max_tokens, tuple(stop), max_rows, known, on_rows)
    draws = [Draw([], 0)] * len(prompts)
    left = [text for text in range(len(prompts)) if not drawn[text].is_all]
    for write, part in (
        (_one_each, [text for text in left if counts[text] == 1]),
        (_many, [text for text in left if counts[text] > 1]),
    ):
        rows = [_Text(prompts[text], starts[text], counts[text], drawn[text], seeds[text]) for text in part]
        for text, draw in zip(part, write(model, rows, options), strict=True):
            draws[text] = draw
    return draws


@dataclass(frozen=True)
class _Text:
    prompt: str
    start: str
    count: int
    drawn: Drawn
    seed: int


@dataclass(frozen=True)
class _Options:
    temperature: float
    max_tokens: int
    stop: tuple[str, ...]
    max_rows: int | None
    known: TextCache | None
    on_rows: Callable[[int], None] | None


def _one_each(model: LanguageModel, texts: Sequence[_Text], options: _Options) -> list[Draw]:
    made = generate(
        model,
        [text.prompt for text in texts],
        seeds=[text.seed for text in texts],
        starts=[text.start for text in texts],
        drawn=[text.drawn for text in texts],
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        stop=options.stop,
        max_rows=options.max_rows,
        known=options.known,
        on_rows=options.on_rows,
    )
    return [Draw([completion], completion.tokens) for completion in made]


def _many(model: LanguageModel, texts: Sequence[_Text], options: _Options) -> list[Draw]:
    ids = model.encode_texts([text.prompt for text in texts], [text.start for text in texts])
    check_room(model, ids)
    stopper = stopper_of(model.codec, options.stop)
    width = max((text.count for text in texts), default=1)
    rows = options.max_rows or rows_that_fit(model, ids, options.max_tokens)
    done: dict[int, Draw] = {}
    for batch in batches(ids, max(1, rows // width)):
        beams = _Beams(
            model, [ids[text] for text in batch], [texts[text] for text in batch], options.max_tokens
        )
        beams.run(options.temperature, stopper, options.known)
        done |= zip(batch, beams.draws(stopper), strict=True)
        if options.on_rows is not None:
            options.on_rows(sum(texts[text].count for text in done))
    return [done[text] for text in range(len(texts))]


class _Rows:
    """Rows of a decoder that are gone on from in any order, some several times, some not."""

    def __init__(self, model: LanguageModel, decoder: Decoder, logits: Tensor) -> None:
        self._model, self._decoder = model, decoder
        self._rows, self._size = np.arange(len(logits)), len(logits)
        self.logits = logits
        """Of what follows each row, float32 [R, V]."""
        self.values = read_values(model, decoder, len(logits))
        """Of each row's text, float32 [R]; see `read_values`."""

    def remember(self, known: TextCache, starts: NDArray[np.int64], texts: Sequence[tuple[int, ...]]) -> None:
        """Add what rows `starts` [N] have read to `known`; `texts` are the tokens of each."""
        if isinstance(self._decoder, LlamaDecoder):
            rows = torch.from_numpy(self._rows[starts]).to(self.logits.device)
            self._decoder.remember(known, rows, texts)

    def step(self, starts: NDArray[np.int64], tokens: NDArray[np.int64]) -> None:
        """The rows are now those of `starts` [R], each with one token [R] more."""
        device, rows = self.logits.device, self._rows[starts]
        if len(np.unique(rows)) < len(rows) or len(rows) < SHRINK_AT * self._size:
            self._decoder.select(torch.from_numpy(rows).to(device))
            rows, self._size = np.arange(len(rows)), len(rows)
        written = np.zeros(self._size, np.int64)
        written[rows] = tokens
        logits = self._decoder.step(torch.from_numpy(written).to(device))
        self.logits, self._rows = logits[torch.from_numpy(rows).to(device)], rows
        self.values = read_values(self._model, self._decoder, self._size)[rows]


class _Beams:
    """Continuations of texts that are drawn together: K slots a text, each with a start or the whole of one.

    Slots are in the order of their scores. Arrays are [N, K] and [N, K, T].
    """

    def __init__(
        self, model: LanguageModel, prompts: list[Tokens], texts: Sequence[_Text], max_tokens: int
    ) -> None:
        self._model, self._prompts, self._roots = model, prompts, [text.drawn for text in texts]
        self._counts = np.array([text.count for text in texts])
        self._limits = np.minimum([model.context - len(prompt) for prompt in prompts], max_tokens)
        slots = (len(prompts), int(self._counts.max()))
        sizes = (*slots, int(self._limits.max()))
        self._ids = np.zeros(sizes, np.int64)
        self._logprobs = np.zeros(sizes, np.float32)
        self._entropy = np.zeros(sizes, np.float32)
        self._values = np.full(sizes, np.nan, np.float32)
        self._lengths = np.zeros(slots, np.int64)
        self._ended = np.zeros(slots, bool)
        self._scores = np.full(slots, NEVER)
        self._scores[:, 0] = 0.0
        self._live = self._scores > NEVER
        self._mass = np.zeros(slots)
        """ln p of what stands in each slot, at the temperature."""
        self._states = np.zeros(slots, np.int64)
        self._states[:, 0] = states_of([text.seed for text in texts])
        self._drawn = np.full(slots, None, object)
        self._drawn[:, 0] = self._roots
        self._tokens = np.zeros(len(prompts), np.int64)

    def run(self, temperature: float, stopper: Stopper, known: TextCache | None) -> None:
        """Draw until every continuation has ended or met its limit."""
        rows = _Rows(self._model, *start_decoder(self._model, self._prompts, self._ids.shape[2], known))
        marks = stopper.marks(rows.logits.shape[1], self._model.ends)
        for position in range(self._ids.shape[2]):
            starts = self._grow(rows, position, temperature)
            grown = self._live.copy()
            self._end(stopper, marks, position)
            if known is not None and known.grows:
                self._remember(rows, known, starts, grown & ~self._live & self._ended)
            if not self._live.any():
                break
            rows.step(starts[self._live], self._ids[self._live, position])

    def _remember(
        self, rows: _Rows, known: TextCache, starts: NDArray[np.int64], ended: NDArray[np.bool_]
    ) -> None:
        """Add the texts of slots that a stop string has just `ended` [N, K], up to their last tokens."""
        kept, texts = [], []
        for text, slot in np.argwhere(ended).tolist():
            ids = self._ids[text, slot, : self._lengths[text, slot]].tolist()
            if ids[-1] not in self._model.ends:
                kept.append(int(starts[text, slot]))
                texts.append((*self._prompts[text], *ids[:-1]))
        if kept:
            rows.remember(known, np.array(kept), texts)

    def _grow(self, rows: _Rows, position: int, temperature: float) -> NDArray[np.int64]:
        """Take the best of what live slots may become and of what has ended; the row each slot goes on from.

        `rows` are those of the live slots.
        """
        texts, slots = np.nonzero(self._live)
        width = self._scores.shape[1]
        starts = Starts(
            self._scores[texts, slots],
            self._mass[texts, slots],
            self._states[texts, slots],
            self._drawn[texts, slots],
        )
        children = Successors(width, rows.logits, temperature, starts)
        size = children.scores.shape[1]
        table = np.full((*self._scores.shape, size), NEVER)
        table[texts, slots] = children.scores
        ended = np.where(self._live, NEVER, self._scores)
        every = np.concatenate((ended, table.reshape(len(table), -1)), axis=1)
        order = np.argsort(-every, axis=1, kind="stable")[:, :width]
        scores = np.take_along_axis(every, order, axis=1)
        scores[np.arange(width) >= self._counts[:, None]] = NEVER
        carried = order < width
        parents = np.where(carried, order, (order - width) // size)
        number = np.zeros(self._scores.shape, np.int64)
        number[texts, slots] = np.arange(len(texts))
        before = np.take_along_axis(number, parents, axis=1)
        self._take(parents, scores)
        self._live = ~carried & (scores > NEVER)
        self._extend(children, before, np.where(carried, 0, (order - width) % size), position)
        self._values[self._live, position] = rows.values[before[self._live]]
        return before

    def _take(self, parents: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Each slot becomes a copy of what stood in its parent."""
        self._scores = scores
        if (parents == np.arange(parents.shape[1])).all():
            return
        for name in ("_lengths", "_ended", "_mass", "_states", "_drawn"):
            setattr(self, name, np.take_along_axis(getattr(self, name), parents, axis=1))
        for name in ("_ids", "_logprobs", "_entropy", "_values"):
            setattr(self, name, np.take_along_axis(getattr(self, name), parents[:, :, None], axis=1))

    def _extend(
        self, children: Successors, rows: NDArray[np.int64], columns: NDArray[np.int64], position: int
    ) -> None:
        """Write the new token of each live slot."""
        live = self._live
        picked = rows[live], columns[live]
        tokens = children.tokens[picked]
        self._ids[live, position] = tokens
        self._logprobs[live, position] = children.logprobs[picked]
        self._entropy[live, position] = children.entropy[rows[live]]
        self._mass[live] = children.mass[picked]
        self._states[live] = children.states[picked]
        self._lengths[live] = position + 1
        self._tokens += live.sum(axis=1)
        before = self._drawn[live]
        self._drawn[live] = [
            None if node is None else node.after.get(token)
            for node, token in zip(before, tokens.tolist(), strict=True)
        ]

    def _end(self, stopper: Stopper, marks: NDArray[np.uint8], position: int) -> None:
        """Take the slots that have ended out of the live ones."""
        texts, slots = np.nonzero(self._live)
        rows, width = texts * self._live.shape[1] + slots, self._ids.shape[2]
        ended = stopper.ended(marks, self._ids.reshape(-1, width), rows, position + 1)
        self._ended[texts, slots] = ended
        self._live[texts, slots] = ~ended & (position + 1 < self._limits[texts])

    def draws(self, stopper: Stopper) -> list[Draw]:
        """In the order of the texts; what was drawn is noted."""
        found = []
        for text, root in enumerate(self._roots):
            slots = np.flatnonzero(self._scores[text] > NEVER)
            for slot in slots:
                root.add(self._ids[text, slot, : self._lengths[text, slot]], float(self._mass[text, slot]))
            found.append(Draw(self._completions(stopper, text, slots), int(self._tokens[text])))
        for watcher in watchers:
            texts, slots = np.nonzero(self._scores > NEVER)
            watcher([self._prompts[text] for text in texts], self._lengths[texts, slots])
        return found

    def _completions(self, stopper: Stopper, text: int, slots: NDArray[np.int64]) -> list[Completion]:
        lengths = self._lengths[text, slots]
        ids = [self._ids[text, slot, :length] for slot, length in zip(slots, lengths, strict=True)]
        made = []
        for slot, row, (written, found) in zip(slots, ids, stopper.cut(ids), strict=True):
            logprobs = self._logprobs[text, slot, : len(row)]
            entropy = float(self._entropy[text, slot, : len(row)].mean())
            made.append(
                Completion(
                    written, found, row, logprobs, bool(self._ended[text, slot]), entropy,
                    self._values[text, slot, : len(row)],
                )
            )  # fmt: skip
        return made
