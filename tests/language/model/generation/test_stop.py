"""Stop strings: inside of tokens, across them, and of what a token brings to a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tiny_models import byte_tokenizer, tiny_llama

from engine.language.model.codec import Codec
from engine.language.model.generation import generation
from engine.language.model.generation.generation import Completion, generate


def scripted(codec: Codec, script: Sequence[Sequence[int]], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A generate() whose rows say what `script` says, by prompts `0`, `1`, …"""

    class Script:
        def __init__(self, rows: list[int]) -> None:
            self.rows, self.position = rows, 0
            self.logits = self.now()

        def now(self) -> torch.Tensor:
            logits = torch.full((len(self.rows), len(codec.tokenizer)), -1e9)
            for place, row in enumerate(self.rows):
                said = script[row]
                logits[place, said[self.position] if self.position < len(said) else codec.end] = 0
            return logits

        def step(self, tokens: torch.Tensor) -> torch.Tensor:
            assert len(tokens) == len(self.rows)
            self.position += 1
            return self.now()

        def select(self, rows: torch.Tensor) -> None:
            self.rows = [self.rows[row] for row in rows.tolist()]

    def start(_: Any, prompts: list[list[int]], *__: Any) -> tuple[Script, torch.Tensor]:
        known = codec.encode_prompts([str(row) for row in range(len(script))])
        decoder = Script([known.index(prompt) for prompt in prompts])
        return decoder, decoder.logits

    monkeypatch.setattr(generation, "start_decoder", start)
    model = tiny_llama(context=200)
    model.codec, model.ends = codec, (codec.end,)

    def run(stop: Sequence[str], max_tokens: int = 100) -> list[Completion]:
        prompts = [str(row) for row in range(len(script))]
        return generate(model, prompts, seeds=range(len(script)), max_tokens=max_tokens, stop=stop)

    return run


def test_stop_strings_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = tiny_llama().codec
    texts = ["1+2;3", "12\n;", "1;\n2", "abc", "x" * 9, ";"]
    run = scripted(codec, codec._encode(texts), monkeypatch)
    found = [(each.text, each.stop, each.tokens, each.ended) for each in run((";", "\n"), 8)]
    assert found == [
        ("1+2", ";", 4, True),
        ("12", "\n", 3, True),
        ("1", ";", 2, True),
        ("abc", "", 4, True),
        ("x" * 8, "", 8, False),
        ("", ";", 1, True),
    ]
    # The longer of two that start at one place; one that needs two tokens.
    assert [(each.text, each.stop) for each in run((";\n", "+2"))][:3] == [
        ("1", "+2"),
        ("12\n;", ""),
        ("1", ";\n"),
    ]


@pytest.mark.parametrize("stops", [(";",), ("; ", "\n"), (";;", "é"), ("=4;",), (" ",)])
def test_stop_strings_inside_and_across_tokens(
    stops: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["1+3=4; 4*2=8;;", "é+é=;\n", "2=4;é", "  ;; =4;", "ééé", "1;;;2;;; 4"]
    codec = Codec(byte_tokenizer(texts * 3, 300))
    rows = codec._encode(texts)
    assert any(len(row) < len(text) for row, text in zip(rows, texts, strict=True))
    for text, row, got in zip(texts, rows, scripted(codec, rows, monkeypatch)(stops), strict=True):
        # The first prefix of tokens whose text holds a stop string, found by trying them all.
        ended = [
            n for n in range(1, len(row) + 1) if any(stop in codec.decode([row[:n]])[0] for stop in stops)
        ]
        tokens = ended[0] if ended else len(row) + 1
        assert got.tokens == tokens
        said = codec.decode([row[:tokens]])[0]
        place = min((said.find(stop) for stop in stops if stop in said), default=len(said))
        assert got.text == said[:place]
        assert bool(got.stop) == bool(ended)
        assert got.ended
        assert text.startswith(got.text + got.stop)


def test_a_stop_character_of_two_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec(byte_tokenizer(["12"], 260))
    rows = codec._encode(["1é2", "è1"])
    assert [len(row) for row in rows] == [4, 3]
    found = [(each.text, each.stop, each.tokens) for each in scripted(codec, rows, monkeypatch)(("é",))]
    assert found == [("1", "é", 3), ("è1", "", 4)]


def test_pieces_know_what_follows_a_text() -> None:
    codec = Codec(byte_tokenizer(["a b a b"] * 5, 280))
    pieces = codec.pieces()
    (row,) = codec._encode([" b a"])
    assert "".join(str(pieces[token]) for token in row) == " b a"
    assert None in pieces  # single bytes of a character
