"""Text to tokens and back, by the tokenizer of a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from engine.errors import UserError
from engine.language.model.conversation import conversation

Tokens = list[int]

MAX_KNOWN_TOKENS = 1 << 20
"""Of the prompts that are remembered."""


class Codec:
    """Prompts and completions as token ids.

    A prompt is encoded with the tokens that the tokenizer puts before a text, a completion as what it adds
    to its prompt. Names of special tokens inside a text are text, unless a chat template wraps the prompt.

    Args:
        tokenizer: of transformers.
        chat: prompts are messages of a user, or conversations, wrapped by the tokenizer's chat template.
    """

    def __init__(self, tokenizer: Any, chat: bool = False) -> None:
        if tokenizer.eos_token_id is None:
            raise UserError(
                f"tokenizer of '{tokenizer.name_or_path}' has no end token; "
                "set eos_token in its tokenizer_config.json"
            )
        if chat and not tokenizer.chat_template:
            raise UserError(
                f"tokenizer of '{tokenizer.name_or_path}' has no chat template; go without chat, or add one"
            )
        self.tokenizer = tokenizer
        self.chat = chat
        self.end: int = tokenizer.eos_token_id
        self.pad: int = self.end if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        start = tokenizer.bos_token_id
        self._unknown: int | None = tokenizer.unk_token_id
        self._letters: dict[str, int] = {}
        """Of a tokenizer whose tokens are the characters of a text one by one."""
        self._letters = self._find_letters()
        self._spelt = {token: letter for letter, token in self._letters.items()}
        self._before = [start] if start is not None and tokenizer("")["input_ids"][:1] == [start] else []
        self._empty = [self.end if start is None else start]
        self._anchor = self._find_anchor()
        self._anchor_text = self._plain_decode([[self._anchor]])[0]
        self._pieces: list[str | None] | None = None
        self._known: dict[str, Tokens] = {}
        """Prompts encoded before; a search asks about the same ones over and over."""
        self._known_tokens = 0

    @property
    def by_letters(self) -> bool:
        """Whether the tokens are the characters of a text one by one."""
        return bool(self._letters)

    def encode_prompts(self, prompts: Sequence[str]) -> list[Tokens]:
        """Token ids of each prompt, one at least; raise UserError for what the tokenizer cannot spell."""
        if self._known_tokens > MAX_KNOWN_TOKENS:
            self._known, self._known_tokens = {}, 0
        new = list(dict.fromkeys(prompt for prompt in prompts if prompt not in self._known))
        if self.chat:
            rows = [self._wrap(prompt) for prompt in new]
        else:
            rows = [self._before + row or self._empty for row in self._encode(new)]
        self._known.update(zip(new, rows, strict=True))
        self._known_tokens += sum(map(len, rows))
        return [self._known[prompt] for prompt in prompts]

    def encode_completions(self, prompts: Sequence[str], completions: Sequence[str]) -> list[Tokens]:
        """Token ids that each completion adds to its prompt, without the end token.

        Where the tokenizer would join the prompt's last characters with the completion's first into one
        token, the completion is encoded by itself: so it follows the prompt that is generated from.
        """
        alone = self._encode(completions)
        if self._letters:
            return alone
        alone = self._after([self._anchor_text] * len(alone), completions, alone)
        return alone if self.chat else self._after(prompts, completions, alone)

    def _after(self, heads: Sequence[str], tails: Sequence[str], otherwise: Sequence[Tokens]) -> list[Tokens]:
        """Tokens that each tail adds to its head; `otherwise` where the two are not told apart."""
        whole = self._rows([head + tail for head, tail in zip(heads, tails, strict=True)])
        return [
            # A word that the head grows by may be unknown where the tail alone is none.
            row[len(head) :] if row[: len(head)] == head and len(head) and self._unknown not in row else other
            for row, head, other in zip(whole, self._rows(heads), otherwise, strict=True)
        ]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Text of generated tokens as it follows a prompt; special tokens are left out."""
        if self._spelt:
            return ["".join([self._spelt.get(token, "") for token in row]) for row in rows]
        cut = len(self._anchor_text)
        return [text[cut:] for text in self._plain_decode([self._anchor, *row] for row in rows)]

    def round_trip(self, prompts: Sequence[str], completions: Sequence[str]) -> list[str]:
        """What completions are once they have been tokens after their prompts."""
        return self.decode(self.encode_completions(prompts, completions))

    def read_back(self, prompts: Sequence[str]) -> list[str | None]:
        """The text that the tokens of a prompt stand for, None where that is the prompt itself.

        A space that a tokenizer puts before a text, and that its decoder may take away again, is no change.
        """
        rows = self.encode_prompts(prompts)
        if self.chat:
            whole = [self.tokenizer.decode(row, clean_up_tokenization_spaces=False) for row in rows]
            return [None if text in back else back for text, back in zip(prompts, whole, strict=True)]
        found = zip(prompts, self._plain_decode(rows), self.decode(rows), strict=True)
        return [
            None if text in (back, after, after.removeprefix(" ")) else back for text, back, after in found
        ]

    def ends(self, row: Tokens, text: str) -> list[int]:
        """Of each token of a completion, how many characters of the text are written with it."""
        if self._spelt:
            return list(range(1, len(row) + 1))
        known = [self.pieces()[token] for token in row]
        if "".join(piece or "" for piece in known) == text and None not in known:
            return list(accumulate(len(piece or "") for piece in known))
        return [min(len(start), len(text)) for start in self.decode([row[: i + 1] for i in range(len(row))])]

    def pieces(self) -> list[str | None]:
        """What each token adds to a text; None where that depends on its neighbours."""
        if self._pieces is None:
            texts = self._plain_decode([self._anchor, token] for token in range(len(self.tokenizer)))
            cut = len(self._anchor_text)
            self._pieces = [
                text[cut:] if text.startswith(self._anchor_text) and "\ufffd" not in text else None
                for text in texts
            ]
        return self._pieces

    def _encode(self, texts: Sequence[str]) -> list[Tokens]:
        if self._letters:
            return [self._spell(text) for text in texts]
        rows = self._rows(texts)
        for text, row in zip(texts, rows, strict=True):
            if self._unknown in row:
                raise self._unspelt(text)
        return rows

    def _rows(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of texts, the unknown one among them."""
        if not texts:
            return []
        rows: list[Tokens] = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True, return_attention_mask=False
        )["input_ids"]
        return rows

    def _spell(self, text: str) -> Tokens:
        letters = self._letters
        try:
            return [letters[letter] for letter in text]
        except KeyError:
            raise self._unspelt(text) from None

    def _unspelt(self, text: str) -> UserError:
        if self._letters:
            strange = next(letter for letter in text if letter not in self._letters)
        else:
            parts = list(dict.fromkeys((*text, *text.split())))
            found = zip(parts, self._rows(parts), strict=True)
            strange = next((part for part, row in found if self._unknown in row), "")
        what = repr(strange[:60]) if strange else "a word"
        return UserError(f"the model's tokenizer cannot spell {what} in {text[:60]!r}")

    def _wrap(self, prompt: str) -> Tokens:
        messages = conversation(prompt) or [{"role": "user", "content": prompt}]
        encoded = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
        return list(encoded["input_ids"])

    def _plain_decode(self, rows: Any) -> list[str]:
        rows = list(rows)
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            return list(backend.decode_batch(rows, skip_special_tokens=True))
        return [
            self.tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            for row in rows
        ]

    def _find_anchor(self) -> int:
        """A token of one visible character, which decoders leave alone whatever follows it."""
        special = set(self.tokenizer.all_special_ids)
        for letter in (*"a1.0", *sorted(self.tokenizer.get_vocab())):
            tokens = self.tokenizer(letter, add_special_tokens=False)["input_ids"]
            if len(tokens) == 1 and tokens[0] not in special and self._plain_decode([tokens])[0].strip():
                return int(tokens[0])
        raise UserError(f"tokenizer of '{self.tokenizer.name_or_path}' has no token for a visible character")

    def _find_letters(self) -> dict[str, int]:
        """The token of each character, where there are no others and nothing else is done to a text."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        special = set(self.tokenizer.all_special_tokens)
        known = self.tokenizer.get_vocab()
        letters = {token: number for token, number in known.items() if token not in special}
        plain = type(getattr(backend, "model", None)).__name__ == "WordLevel"
        if not plain or any(len(letter) != 1 for letter in letters):
            return {}
        # Each next to others, and each by itself: at the ends of a text, where some are stripped.
        texts = ["".join(letter * 2 for letter in letters) + "".join(reversed(letters)), *letters]
        rows = [[letters[letter] for letter in text] for text in texts]
        try:
            return letters if self._encode(texts) == rows and self._plain_decode(rows) == texts else {}
        except UserError:  # something makes of a letter what is none
            return {}
