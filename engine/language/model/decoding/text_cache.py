"""What small Llamas have read and written, for texts that go on from there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor

from engine.language.model.codec import Tokens
from engine.language.model.decoding.reading import Reader

MAX_BYTES = 1 << 30
"""Of keys and values that are kept of texts, the least recently used of which are forgotten."""


class TextCache:
    """Keys and values of texts, while the weights stay as they are.

    Args:
        reader: whose weights they are of.
        prompts: each of one token at least; they are read at once, and texts that begin with one find it.
        grows: whether texts are added.
    """

    def __init__(self, reader: Reader, prompts: Sequence[Tokens], grows: bool = True) -> None:
        self.grows = grows
        distinct = dict.fromkeys(tuple(prompt) for prompt in prompts)
        self._prompts = {prompt: reader.read([list(prompt)]).cache[:, 0] for prompt in distinct}
        self._lengths = sorted({len(prompt) for prompt in distinct}, reverse=True)
        self._texts: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()
        self._bytes = 0

    def find(self, rows: Sequence[Tokens]) -> list[Tensor | None]:
        """Of the beginning of each row what is known, [2 L, K, t, d]; never of its last token.

        That is all but the last token where the row or what comes before its last token was added, else the
        longest prompt.
        """
        return [self._find(tuple(row)) for row in rows]

    def add(self, text: tuple[int, ...], cache: Tensor) -> None:
        """Keep a copy of the keys and values [2 L, K, t, d] of all t tokens of a text."""
        if not self.grows or text in self._texts:
            return
        self._texts[text] = cache.clone()  # a view would keep all of its batch
        self._bytes += cache.numel() * cache.element_size()
        while self._bytes > MAX_BYTES:
            _, oldest = self._texts.popitem(last=False)
            self._bytes -= oldest.numel() * oldest.element_size()

    def _find(self, row: tuple[int, ...]) -> Tensor | None:
        for text in (row[:-1], row):
            found = self._texts.get(text)
            if found is not None and text:
                self._texts.move_to_end(text)
                return found[:, :, : len(row) - 1]
        for length in self._lengths:
            found = self._prompts.get(row[:length]) if length <= len(row) else None
            if found is not None:
                return found[:, :, : len(row) - 1]
        return None
