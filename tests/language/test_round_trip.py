"""A tokenizer that cannot give a task's texts back is told or refused before anything is learnt."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tiny_models import plain_tokenizer, save_plain
from tokenizer_kinds import KINDS, model_with, word_piece
from trained_run import trained

from engine.cli.app import run as run_command
from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.model.model import LanguageModel
from engine.language.round_trip import (
    as_written,
    check_demonstrations,
    check_measured,
    check_prompts,
    without_misfits,
)
from engine.language.task import Demonstration, Prompt, VerifyResult

TEXTS = [f"{a}+{b} = {a + b}; Ab{a}\n" for a in range(9) for b in range(9)]
LOSSLESS = ["bytes", "characters", "byte fallback"]


def shown(*texts: str) -> list[Demonstration]:
    return [Demonstration(Prompt(f"{n}", f"{n}=", f"{n}"), text) for n, text in enumerate(texts)]


def exactly(*right: str) -> Callable[[Sequence[tuple[Prompt, str]]], list[VerifyResult]]:
    """Accepts these texts alone."""
    return lambda pairs: [
        VerifyResult(float(text in right), text, "" if text in right else "not as written")
        for _, text in pairs
    ]


def loosely(pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
    return [VerifyResult(1.0, text) for _, text in pairs]


def said(check: Callable[..., None], *arguments: Any) -> list[str]:
    lines: list[str] = []
    check(*arguments, lines.append)
    return lines


def changing(does: str) -> LanguageModel:
    """A model whose tokenizer of characters and words does one thing to a text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    if does == "pieces":
        return model_with(word_piece(TEXTS, lowercase=False))
    vocabulary = {token: n for n, token in enumerate(["<end>", *"abAB012345+= ;ﬁfi\n…."])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<end>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    backend.decoder = decoders.Fuse()
    backend.normalizer = {
        "lower case": normalizers.Lowercase(),
        "strip": normalizers.Strip(),
        "compatibility": normalizers.NFKC(),
        "no white space": normalizers.Replace(" ", ""),
    }.get(does)
    if does == "spaces":
        backend.decoder = decoders.WordPiece()
    return model_with(plain_tokenizer("x") if does == "none" else _named(backend))


def _named(backend: Any) -> Any:
    import transformers

    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")


@pytest.mark.parametrize(
    ("does", "text", "back"),
    [
        ("lower case", "aB1", "ab1"),
        ("strip", "ab ", "ab"),
        ("strip", "1\n", "1"),
        ("compatibility", "ﬁ1", "fi1"),
        ("compatibility", "1…", "1..."),
        ("no white space", "1 + 2", "1+2"),
        ("spaces", "1+2", " 1 + 2"),
        ("pieces", "1+2", " 1 + 2"),
    ],
)
def test_a_changed_demonstration_is_refused_or_told(does: str, text: str, back: str) -> None:
    model, real = changing(does), shown(text, text)
    with pytest.raises(UserError) as error:
        said(check_demonstrations, model, real, exactly(text))
    message = str(error.value)
    assert f"{text!r} as {back!r}" in message
    assert "(not as written)" in message
    assert "take a model whose tokenizer keeps a text" in message
    assert "\n" not in message
    (line,) = said(check_demonstrations, model, real, loosely)
    assert line.startswith("warning: ")
    assert "which the verifier accepts" in line


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_tokenizer_that_keeps_texts_is_passed_in_silence(kind: str) -> None:
    model = model_with(KINDS[kind](TEXTS))
    real = shown("1+2;", "-1", "3 ", "", "1;\n2", "a  b")
    assert said(check_demonstrations, model, real, exactly()) == []
    assert said(check_prompts, model, [each.prompt for each in real]) == []


def test_the_verifier_of_what_is_right_anyway_decides() -> None:
    """What was wrong before is no fault of the tokenizer; a new sign of an exploit is."""
    model, real = changing("lower case"), shown("aB")
    assert len(said(check_demonstrations, model, real, exactly())) == 1

    def forfeits(pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
        return [VerifyResult(1.0, text, "", () if text == "aB" else ("forfeit",)) for _, text in pairs]

    with pytest.raises(UserError, match="'aB' as 'ab'"):
        said(check_demonstrations, model, real, forfeits)


def test_problems_that_are_one_to_the_tokenizer_are_told() -> None:
    problems = [Prompt(text, text, text) for text in ("a1", "aB", "ab", "A1")]
    (line,) = said(check_prompts, changing("lower case"), problems)
    assert "gives 2 of 4 problems back as another text: 'aB' as 'ab'" in line
    assert "; 2 are the same to it as others" in line


@pytest.mark.parametrize("chat", [False, True])
def test_problems_in_a_chat_template_are_looked_at_too(chat: bool) -> None:
    problems = [Prompt("p", "Ab1 = ", "p")]
    assert said(check_prompts, model_with(KINDS["bytes"](TEXTS), chat=chat), problems) == []
    texts = [*TEXTS, "x 1 ; y"]
    assert len(said(check_prompts, model_with(word_piece(texts), chat=chat), problems)) == 1


def test_what_cannot_be_spelt_is_left_out_and_shown_or_refused() -> None:
    model = model_with(KINDS["characters"](TEXTS))
    problems = [Prompt(text, text, text) for text in ("1+", "2€")]
    lines: list[str] = []
    prompts, real, holdout = without_misfits(model, problems, shown("1", "é"), shown("€", "2"), lines.append)
    assert [prompt.text for prompt in prompts] == ["1+"]
    assert [each.completion for each in (*real, *holdout)] == ["1", "2"]
    assert any("1 of 2 demonstrations are left out" in line and "1=é" in line for line in lines)
    with pytest.raises(UserError, match="no demonstration is left"):
        without_misfits(model, problems, shown("é"), [], lines.append)
    with pytest.raises(UserError, match=r"1 of 2 problems of validation and test .* '2€'"):
        check_measured(model, problems)


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [("characters", "1+€2", "'€'"), ("word pieces", "1+½", "'½'"), ("words", "1 + 77", "'77'")],
)
def test_what_cannot_be_spelt_is_named(kind: str, text: str, named: str) -> None:
    codec = model_with(KINDS[kind]([*TEXTS, "1 + 2"])).codec
    with pytest.raises(UserError, match=f"cannot spell {named} in "):
        codec.encode_prompts([text])
    with pytest.raises(UserError, match=f"cannot spell {named} in "):
        codec.encode_completions(["1 "], [text])


def test_a_completion_is_not_learnt_as_another_text_than_was_judged() -> None:
    result = VerifyResult(1.0, "x")
    episodes = [
        Episode(each.prompt, each.completion, result, "model", 1, "0" * 64, n, 1.0, -1.0, 3)
        for n, each in enumerate(shown("a1", "aB", "b"))
    ]
    lines: list[str] = []
    assert as_written(changing("lower case"), episodes, lines.append) == [episodes[0], episodes[2]]
    assert lines == [
        "1 of 3 completions that passed are left out: the model's tokenizer gives them back as another text, "
        "'aB' as 'ab'"
    ]
    assert as_written(model_with(KINDS["bytes"](TEXTS)), episodes, lines.append) == episodes
    assert len(lines) == 1
    assert as_written(changing("lower case"), [], lines.append) == []


@pytest.mark.parametrize("loose", [True, False])
def test_a_word_piece_model_is_told_or_refused_before_training(
    loose: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = [f"{a}+{b}={a + b}" for a in range(12) for b in range(12)]
    folder = save_plain(model_with(word_piece(sums)), tmp_path / "model")
    (tmp_path / "own.py").write_text(
        "from trained_run import TASK\nexec(TASK)\nclass Own(Sums):\n"
        "    def right(self, prompt): return f'={super().right(prompt)}'\n"
        + (
            "    def verify(self, prompt, text): return super().verify(prompt, text.replace(' ', ''))\n"
            * loose
        )
    )
    run = tmp_path / "run"
    words = trained(f"{tmp_path}/own.py:Own", run, "--model", str(folder), loop__iterations=0)
    assert run_command([*words, "--dry-run"]) == (0 if loose else 2)
    forecast = capsys.readouterr()
    assert not run.exists()
    assert run_command(words) == (0 if loose else 2)
    error = capsys.readouterr().err
    if loose:
        told = json.loads(forecast.out)["assumptions"]
        assert any("demonstrations back as another text, which the verifier accepts: '=" in x for x in told)
    else:
        assert forecast.err.splitlines()[-1] == error.splitlines()[-1]
    if loose:
        assert "demonstrations back as another text, which the verifier accepts: '=" in error
    else:
        last = error.splitlines()[-1]
        assert last.startswith("selfplay: error: the model's tokenizer gives ")
        assert "' = " in last
        assert not list((run / "manifest").glob("*"))
