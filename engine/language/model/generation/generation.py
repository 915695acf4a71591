"""Completions of many prompts at once; what a row says depends on its prompt and seed, not on the batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import UserError
from engine.language.model.ability import ability_of
from engine.language.model.codec import Codec, Tokens
from engine.language.model.decoding.decoder import CachedDecoder, Decoder, RecomputingDecoder
from engine.language.model.decoding.llama_decoder import LlamaDecoder
from engine.language.model.decoding.llama_reader import is_small_llama
from engine.language.model.decoding.text_cache import TextCache
from engine.language.model.generation.heat import Heat, HotSteps
from engine.language.model.generation.sampling import Noise, Sampling, draw
from engine.language.model.generation.successors import Drawn, Remainder
from engine.language.model.model import LanguageModel

MAX_ROWS = 768
MAX_CACHE_BYTES = 1 << 30
"""Of keys and values of one batch; at least one row is decoded."""

MAX_SPREAD = 16
"""Prompts of one batch differ by no more tokens, or by no more than half of the longest."""

SHRINK_AT = 0.75
"""Share of live rows below which the others are taken out of the batch."""


_GOES_ON, _MAY_END, _ENDS = 0, 1, 2
"""What the last token says of a text: no stop string ends with it, one may, or it has ended."""

Watcher = Callable[[Sequence[Tokens], NDArray[np.int64]], None]
watchers: list[Watcher] = []
"""Told of each batch decoded: its prompts, and how many tokens each row was given. For measurements."""


@dataclass(frozen=True, eq=False)
class Completion:
    """What a model wrote after one prompt."""

    text: str
    """Up to the stop string, without it."""
    stop: str
    """The stop string that ended it, empty where none did."""
    ids: NDArray[np.int64]
    """All tokens generated, the end token included, [T]."""
    logprobs: NDArray[np.float32]
    """ln p of each at temperature 1, [T]."""
    ended: bool
    """By the end token or a stop string; False: cut at the limit of tokens or at the model's context."""
    entropy: float
    """Mean over tokens of the entropy in nats of the distribution at temperature 1."""
    values: NDArray[np.float32]
    """In [0, 1], of the text before each token by the value head, [T]; NaN where they were not read."""

    @property
    def tokens(self) -> int:
        """How many were generated."""
        return len(self.ids)

    @property
    def logprob(self) -> float:
        """Sum of ln p of the tokens."""
        return float(self.logprobs.sum(dtype=np.float64))


@torch.no_grad()
def generate(
    model: LanguageModel,
    prompts: Sequence[str],
    *,
    seeds: Sequence[int],
    starts: Sequence[str] | None = None,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    max_tokens: int,
    stop: Sequence[str] = (),
    max_rows: int | None = None,
    known: TextCache | None = None,
    drawn: Sequence[Drawn] | None = None,
    heat: Heat | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> list[Completion]:
    """Continue prompts, one row each; repeat a prompt to get several completions of it.

    The draws of a row depend on its seed and the position alone. Rounding depends on the batch, so
    the same call gives the same bits and another composition the same text but for near ties.

    Args:
        model: that writes.
        prompts: of rows; equal ones are read once a batch.
        seeds: of rows.
        starts: what of each completion stands there already and is gone on from; nothing by default.
        temperature: of sampling; 0 takes the most likely token.
        top_k: draw among the k most likely tokens; 0 among all.
        top_p: draw among the most likely tokens that together reach this probability.
        max_tokens: of one completion, at least 1.
        stop: strings that end a completion, none empty; its text ends before the earliest.
        max_rows: decoded together; by default MAX_ROWS, or what MAX_CACHE_BYTES hold.
        known: what has been read and written before, to which texts that a stop string has ended are added;
            of use to small Llamas.
        drawn: what has been drawn of each row's text and is not drawn again, one row a text; what is drawn
            now is added. By default rows know of no others.
        heat: steps that are drawn at a temperature of their own; by default none is.
        on_rows: called after each batch with the rows that are done.

    Raises:
        UserError: for a prompt that the tokenizer cannot spell or that fills the context, and
            where the network's output is not finite.
    """
    assert len(seeds) == len(prompts), (len(seeds), len(prompts))
    assert max_tokens >= 1, max_tokens
    assert all(stop), stop
    assert drawn is None or (temperature > 0 and top_k == 0 and top_p == 1 and heat is None)
    sampling, stopper = Sampling(temperature, top_k, top_p), stopper_of(model.codec, tuple(stop))
    ids = model.encode_texts(list(prompts), starts or [""] * len(prompts))
    check_room(model, ids)
    rows_at_once = max_rows or rows_that_fit(model, ids, max_tokens)
    done: dict[int, Completion] = {}
    for rows in batches(ids, rows_at_once):
        own = [seeds[row] for row in rows]
        batch = _Batch(model, [ids[row] for row in rows], own, max_tokens)
        hot = None if heat is None else HotSteps(heat, model.codec, own)
        before = None if drawn is None else [drawn[row] for row in rows]
        batch.run(sampling, stopper, known, before, hot)
        for watcher in watchers:
            watcher(batch.prompts, batch.lengths)
        done |= zip(rows, batch.completions(stopper), strict=True)
        if on_rows is not None:
            on_rows(len(done))
    return [done[row] for row in range(len(prompts))]


class _Batch:
    """Rows that are decoded together."""

    def __init__(
        self, model: LanguageModel, prompts: list[Tokens], seeds: list[int], max_tokens: int
    ) -> None:
        self._model, self.prompts, self._noise = model, prompts, Noise(seeds)
        room = np.array([model.context - len(prompt) for prompt in prompts])
        self._limits = np.minimum(room, max_tokens)
        size = (len(prompts), int(self._limits.max()))
        self._ids = np.zeros(size, np.int64)
        self._logprobs = np.zeros(size, np.float32)
        self._entropy = np.zeros(size, np.float32)
        self.lengths = np.zeros(len(prompts), np.int64)
        self._ended = np.zeros(len(prompts), bool)
        self._values = np.full(size, np.nan, np.float32)

    def run(
        self,
        sampling: Sampling,
        stopper: Stopper,
        known: TextCache | None,
        drawn: Sequence[Drawn] | None,
        hot: HotSteps | None,
    ) -> None:
        """Decode until every row has ended or met its limit."""
        rest = None if drawn is None else Remainder(drawn, sampling.temperature)
        self._decode(sampling, stopper, known, rest, hot)
        for row, text in enumerate(drawn or ()):
            assert rest is not None
            text.add(self._ids[row, : self.lengths[row]], float(rest.mass[row]))

    def _decode(
        self,
        sampling: Sampling,
        stopper: Stopper,
        known: TextCache | None,
        rest: Remainder | None,
        hot: HotSteps | None,
    ) -> None:
        decoder, logits = start_decoder(self._model, self.prompts, self._ids.shape[1], known)
        rows = np.arange(len(self.prompts))
        live = np.ones(len(rows), bool)
        marks = stopper.marks(logits.shape[1], self._model.ends)
        for position in range(self._ids.shape[1]):
            noise = torch.from_numpy(self._noise.uniform(rows, position)).to(logits.device)
            if rest:
                drawn = rest.draw(logits, noise, rows, live)
            elif hot:
                drawn = hot.draw(logits, noise, sampling, rows)
            else:
                drawn = draw(logits, noise, sampling)
            ids, self._logprobs[rows, position], self._entropy[rows, position] = (
                each.cpu().numpy() for each in drawn
            )
            self._ids[rows, position] = ids
            if self._model.value_head is not None:
                self._values[rows, position] = read_values(self._model, decoder, len(rows))
            self.lengths[rows[live]] = position + 1
            ended = np.zeros(len(rows), bool)
            ended[live] = stopper.ended(marks, self._ids, rows[live], position + 1)
            self._ended[rows[ended]] = True
            if known is not None and known.grows and isinstance(decoder, LlamaDecoder):
                self._remember(decoder, known, rows, np.flatnonzero(ended))
            live &= ~ended & (position + 1 < self._limits[rows])
            if not live.any():
                break
            if hot:
                going = rows[live]
                hot.follow(self._ids[going, : position + 1], going)
            tokens = drawn[0]
            if np.count_nonzero(live) < SHRINK_AT * len(live):
                chosen = torch.from_numpy(np.flatnonzero(live)).to(logits.device)
                decoder.select(chosen)
                rows, tokens, live = rows[live], tokens[chosen], live[live]
            logits = decoder.step(tokens)

    def _remember(
        self,
        decoder: LlamaDecoder,
        known: TextCache,
        rows: NDArray[np.int64],
        places: NDArray[np.int64],
    ) -> None:
        """Add the texts of rows at `places` that a stop string has ended, up to their last tokens."""
        ends = self._model.ends
        kept = [
            at for at in places.tolist() if int(self._ids[rows[at], self.lengths[rows[at]] - 1]) not in ends
        ]
        if kept:
            written = [self._ids[row, : self.lengths[row] - 1].tolist() for row in rows[kept]]
            texts = [(*self.prompts[row], *ids) for row, ids in zip(rows[kept], written, strict=True)]
            decoder.remember(known, torch.tensor(kept, device=self._model.device), texts)

    def completions(self, stopper: Stopper) -> Iterator[Completion]:
        """In the order of the rows."""
        written = np.arange(self._ids.shape[1]) < self.lengths[:, None]
        if not np.isfinite(self._logprobs[written]).all():
            raise UserError("the model's output is not finite; take weights from before it diverged")
        entropy = np.where(written, self._entropy, 0).sum(1) / self.lengths
        ids = [row[:length] for row, length in zip(self._ids, self.lengths, strict=True)]
        for row, (text, found) in enumerate(stopper.cut(ids)):
            logprobs = self._logprobs[row, : len(ids[row])]
            yield Completion(
                text, found, ids[row], logprobs, bool(self._ended[row]), float(entropy[row]),
                self._values[row, : len(ids[row])],
            )  # fmt: skip


class Stopper:
    """Finds stop strings, inside of tokens and across them."""

    def __init__(self, codec: Codec, stop: tuple[str, ...]) -> None:
        self._codec, self._stop = codec, stop
        self._marks = np.array([self._mark(piece) for piece in codec.pieces()] if stop else [], np.uint8)

    def marks(self, size: int, ends: Sequence[int]) -> NDArray[np.uint8]:
        """What each of `size` tokens says of a text that it is the last of; `ends` are end tokens."""
        marks = np.full(size, _MAY_END if self._stop else _GOES_ON, np.uint8)
        known = min(size, len(self._marks))
        marks[:known] = self._marks[:known]
        marks[[token for token in ends if token < size]] = _ENDS
        return marks

    def _mark(self, piece: str | None) -> int:
        if piece is None:
            return _MAY_END
        if any(stop in piece for stop in self._stop):
            return _ENDS
        # A stop string is complete only with a token that brings its last character.
        return _MAY_END if any(stop[-1] in piece for stop in self._stop) else _GOES_ON

    def ended(
        self, marks: NDArray[np.uint8], ids: NDArray[np.int64], rows: NDArray[np.int64], length: int
    ) -> NDArray[np.bool_]:
        """Which rows [B] of `ids` [R, T] end with their last token of `length`, bool [B]; none has before."""
        found = marks[ids[rows, length - 1]]
        ended: NDArray[np.bool_] = found == _ENDS
        maybe = np.flatnonzero(found == _MAY_END)
        if len(maybe):
            ended[maybe] = [bool(stop) for _, stop in self.cut(list(ids[rows[maybe], :length]))]
        return ended

    def cut(self, rows: Sequence[NDArray[np.int64]]) -> Iterator[tuple[str, str]]:
        """Each row's text before the earliest stop string, and that string or nothing."""
        for text in self._codec.decode([row.tolist() for row in rows]):
            places = [(text.find(stop), -len(stop), stop) for stop in self._stop if stop in text]
            place, _, found = min(places, default=(len(text), 0, ""))
            yield text[:place], found


@functools.lru_cache(maxsize=8)
def stopper_of(codec: Codec, stop: tuple[str, ...]) -> Stopper:
    """The one for these strings."""
    return Stopper(codec, stop)


def check_room(model: LanguageModel, rows: Sequence[Tokens]) -> None:
    """UserError where a text fills the context."""
    longest = max(map(len, rows), default=0)
    if longest >= model.context:
        raise UserError(
            f"a prompt with what is written has {longest} tokens, the model's context {model.context}; "
            "lower the task's max_tokens or take another model"
        )


def start_decoder(
    model: LanguageModel, prompts: Sequence[Tokens], max_tokens: int, known: TextCache | None = None
) -> tuple[Decoder, torch.Tensor]:
    """A decoder of the rows, equal prompts read once, and the logits of their first tokens."""
    places: dict[tuple[int, ...], int] = {}
    copies = torch.tensor(
        [places.setdefault(tuple(row), len(places)) for row in prompts], device=model.device
    )
    distinct = [list(row) for row in places]
    decoder: CachedDecoder | LlamaDecoder | RecomputingDecoder
    if is_small_llama(model):
        decoder = LlamaDecoder(model, distinct, copies, max_tokens, known)
    elif ability_of(model).caches:
        decoder = CachedDecoder(model, distinct, copies)
    else:
        decoder = RecomputingDecoder(model, distinct, copies)
    return decoder, decoder.logits


def read_values(model: LanguageModel, decoder: Decoder, rows: int) -> NDArray[np.float32]:
    """What the value head says of the text of each row, float32 [rows] in [0, 1]; NaN where it cannot."""
    head = model.value_head
    hidden = decoder.hidden if head is not None and head.nats is None else None
    if head is None or hidden is None:
        return np.full(rows, np.nan, np.float32)
    values: NDArray[np.float32] = head.values(head(hidden)[:, 0]).cpu().numpy()
    return values


def batches(ids: Sequence[Tokens], max_rows: int) -> Iterator[list[int]]:
    """Rows to decode together: by length, equal prompts side by side."""
    batch: list[int] = []
    for row in sorted(range(len(ids)), key=lambda row: (len(ids[row]), ids[row])):
        spread = len(ids[row]) - len(ids[batch[0]]) if batch else 0
        if len(batch) == max_rows or spread > max(MAX_SPREAD, len(ids[row]) // 2):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def rows_that_fit(model: LanguageModel, ids: Sequence[Tokens], max_tokens: int) -> int:
    """How many rows of such texts, with what is generated, MAX_CACHE_BYTES hold; one at least."""
    config = model.config
    longest = max((len(row) for row in ids), default=0) + max_tokens
    width = getattr(config, "hidden_size", None) or model.state_size or 1
    values = int(getattr(config, "num_hidden_layers", 1) * width * 2)
    return max(1, min(MAX_ROWS, MAX_CACHE_BYTES // (values * 4 * longest)))
