"""Contamination: whether data to train on holds items that models are measured on."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Literal, Protocol

from engine.errors import UserError
from engine.language.spelling import seen, spaced_once
from engine.language.task import Prompt

NGRAM = 8
"""Words, numbers and signs in a row."""

SHORTEST = 6
"""Tokens of an item that is looked for inside other text; a sum such as `4+0=` stands in many others."""

MIN_SHARE = 0.5
"""Of an item's n-grams, by weight, that one record has to hold more than. Single ones meet by chance where
text is formulaic."""

BOILERPLATE = 0.1
"""An n-gram of more than this part of the items, and of three keys at least, is the form, not an item."""

_TOKEN = re.compile(r"[^\W\d_]+|[0-9]+|\S")


class Record(Protocol):
    """A problem and a completion: an Episode, a Demonstration."""

    @property
    def prompt(self) -> Prompt:
        """The problem."""
        ...

    @property
    def completion(self) -> str:
        """What followed it."""
        ...


@dataclass(frozen=True)
class Hit:
    """A record that holds an evaluation item."""

    index: int
    """Of the record."""
    item: str
    """Id of the item."""
    by: Literal["key", "text"]
    """The same problem, or more than MIN_SHARE of its text."""


class EvaluationIndex:
    """Items that must not be learnt from, by canonical key and by n-grams of their text.

    N-grams as in GPT-3 (2005.14165, appendix C), counted as a share of the item as in Llama 2 (2307.09288,
    appendix A.6), each by its inverse document frequency (Sparck Jones 1972): what many items share says
    little. An item shorter than NGRAM tokens is met where all of it stands in a record; one shorter than
    SHORTEST where a record is it, or its prompt is, and none by what merely goes on from it. White space,
    zero-width characters, compatible forms and case hide nothing; letters that only look alike do.

    Args:
        items: the problems.
        completions: real text of some problems, by id, measured on too.
    """

    def __init__(self, items: Iterable[Prompt], completions: dict[str, str] | None = None) -> None:
        self._items = list(items)
        self._by_key: dict[str, int] = {}
        holders: dict[tuple[str, ...], set[int]] = defaultdict(set)
        for index, item in enumerate(self._items):
            self._by_key.setdefault(spaced_once(item.key), index)
            tokens = tokens_of(item.text + (completions or {}).get(item.id, ""))
            for gram in set(_windows(tokens, min(NGRAM, len(tokens)))):
                holders[gram].add(index)
        self._holders = {gram: found for gram, found in holders.items() if not self._is_form(found)}
        self._sizes: dict[int, float] = defaultdict(float)
        for found in self._holders.values():
            for index in found:
                self._sizes[index] += self._weight(found)
        self._lengths = sorted({len(gram) for gram in self._holders})

    def __len__(self) -> int:
        """The number of items."""
        return len(self._items)

    def by_key(self, key: str) -> str | None:
        """The id of an item that is the same problem."""
        index = self._by_key.get(spaced_once(key))
        return None if index is None else self._items[index].id

    def by_text(self, text: str) -> str | None:
        """The id of the item of which most n-grams, more than MIN_SHARE by weight, stand in a text."""
        tokens = tokens_of(text)
        counts: dict[int, float] = defaultdict(float)
        for length in self._lengths:
            if length < SHORTEST and length != len(tokens):
                continue
            for gram in sorted(set(_windows(tokens, length))):
                found = self._holders.get(gram, ())
                for index in found:
                    counts[index] += self._weight(found)
        shares = {
            index: count / self._sizes[index]
            for index, count in counts.items()
            if not self._goes_on(self._items[index].text, text)
        }
        best = max(shares, key=lambda index: (shares[index], -index), default=None)
        return self._items[best].id if best is not None and shares[best] > MIN_SHARE else None

    def find(self, record: Record) -> tuple[str, Literal["key", "text"]] | None:
        """(id of an item that a record holds, how it was met)."""
        if (item := self.by_key(record.prompt.key)) is not None:
            return item, "key"
        for text in (record.prompt.text + record.completion, record.prompt.text):
            if (item := self.by_text(text)) is not None:
                return item, "text"
        return None

    def _goes_on(self, item: str, text: str) -> bool:
        """Whether a short item is only how a text begins: a game that went on is another problem."""
        item, text = spaced_once(item), spaced_once(text)
        return len(tokens_of(item)) < NGRAM and text.startswith(item) and text[len(item) :].strip() != ""

    def _weight(self, holders: Sized) -> float:
        """Above 0: ln of how many times fewer the items are that hold an n-gram than those that there are."""
        return math.log((len(self._items) + 1) / len(holders))

    def _is_form(self, holders: set[int]) -> bool:
        keys = {self._items[index].key for index in holders}
        return len(keys) >= 3 and len(holders) > BOILERPLATE * len(self._items)


def overlap(kept: Iterable[Record], index: EvaluationIndex) -> list[Hit]:
    """The records that hold an evaluation item; none is as it must be."""
    hits = []
    for number, record in enumerate(kept):
        found = index.find(record)
        if found is not None:
            hits.append(Hit(number, *found))
    return hits


def refuse_overlap(kept: Sequence[Record], index: EvaluationIndex) -> None:
    """Raise UserError, naming the items, where a training set holds any of them, by its key."""
    hits = [hit for hit in overlap(kept, index) if hit.by == "key"]
    if hits:
        names = list(dict.fromkeys(hit.item for hit in hits))
        shown = ", ".join(repr(name[:60]) for name in names[:3]) + (", …" if len(names) > 3 else "")
        raise UserError(
            f"{len(hits)} of {len(kept)} training records hold evaluation items: {shown}; leave them out"
        )


def tokens_of(text: str) -> list[str]:
    """Words, numbers and signs as they are seen: no zero width, width or case tells them apart."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", seen(text)).casefold())


def _windows(tokens: Sequence[str], length: int) -> Iterable[tuple[str, ...]]:
    if length == 0:
        return ()
    return (tuple(tokens[start : start + length]) for start in range(len(tokens) - length + 1))
