"""What a judge is asked: prompts of the package and of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from engine.language.method.judged.assessor.prompt import (
    COMPARISON_PLACES,
    SCORE_PLACES,
    built_in,
    read_prompt,
)


def test_what_is_filled_in_is_read_as_it_is() -> None:
    prompt = built_in("additive")
    text = prompt.filled(prompt="{completion} \\1", completion='{"a": {prompt}}')
    assert "{completion} \\1" in text
    assert '{"a": {prompt}}' in text
    assert all(sentence in text for sentence in prompt.sentences)


@pytest.mark.parametrize("name", ["additive", "token", "comparison", "instruction"])
def test_built_in_prompts_are_whole(name: str) -> None:
    places = {"comparison": COMPARISON_PLACES, "instruction": ("examples",)}.get(name, SCORE_PLACES)
    text = built_in(name).text
    assert all(text.count(f"{{{place}}}") == 1 for place in places)


def test_a_file_may_hold_other_braces(tmp_path: Path) -> None:
    path = tmp_path / "judge.txt"
    path.write_text('Answer {"score": N} for {prompt} and {completion}', encoding="utf-8")
    assert (
        read_prompt(str(path), SCORE_PLACES).filled(prompt="p", completion="c")
        == 'Answer {"score": N} for p and c'
    )


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "lacks {prompt}"),
        (b"{prompt}", "lacks {completion}"),
        (b"{prompt} {completion} {first}", "has {first}"),
        (b"{prompt} {completion} {prompts}", "has {prompts}"),
        (b"\xff{prompt}{completion}", "is not UTF-8: byte 0"),
    ],
)
def test_a_bad_file_is_refused_by_what_is_wrong(data: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "judge.txt"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"judge\.prompt") as caught:
        read_prompt(str(path), SCORE_PLACES)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_prompt(str(tmp_path / "none.txt"), SCORE_PLACES)
