"""What a user's task, model or settings get wrong is one line and exit code 2, and leaves the folder free."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from model_families import family
from small_text_run import command
from trained_run import TASK, mistake, trained

from engine.cli.app import run as run_command
from engine.language.model.model_folder import add_adapter, load_model, save_model
from engine.language.model.tiny_model import build_model
from engine.language.record.text_run import TextRun, newest_model, read_text_config
from engine.run.metrics import read_metrics


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("def prompts(self, split, count, seed): return []", "has no problem of the split train"),
        ("def prompts(self, *_): return None", "`prompts` returned a NoneType; give a list"),
        ("def prompts(self, *_): return ['1+1=']", "`prompts` returned a str; give Prompt objects"),
        ("def prompts(self, split, *_): return [Prompt('a', 'b', 'c')] * 9", "have the id 'a'"),
        ("def prompts(self, *_): return [Prompt('a', 7, 'c')]", "`prompts` returned 7 for a text"),
        ("def prompts(self, *_): return [Prompt('a', '\\ud800', 'c')]", "half a surrogate pair"),
        (
            "def prompts(self, split, count, seed):\n"
            "    return [] if split == 'test' else self.listed(split)[:count]",
            "has no problem of the split test",
        ),
        (
            "def prompts(self, split, count, seed):\n"
            "    return self.listed(split)[: 1 if split == 'validation' else count]",
            "has 1 problem of the split validation; give it two or more",
        ),
        (
            "def prompts(self, split, count, seed):\n"
            "    return [Prompt(p.id, p.text, 'one') for p in self.listed(split)][:count]",
            "are in validation or test, too, by id or key: '",
        ),
        (
            "def demonstrations(self, count, seed):\n"
            "    return [Demonstration(p, '1') for p in self.listed('test')][:count]",
            "training records hold evaluation items: '0+",
        ),
        ("def demonstrations(self, *_): return None", "`demonstrations` returned a NoneType; give a list"),
        ("def demonstrations(self, *_): return []", "no demonstrations to build a model on"),
        ("def verify_all(self, pairs): return []", "`verify_all` must return a list of "),
        ("kind = 'magic'", "its kind is 'magic'; give exact or learned or self"),
        ("end = ''", "its end is ''; give the text that ends a completion"),
        ("max_tokens = 0", "its max_tokens is 0; give a whole number from 1 to 1048576"),
        ("def variations(self, *_): return None", "`variations` returned a NoneType; give a list"),
        ("def variations(self, *_): return ['1+1=']", "`variations` returned a str; give Prompt objects"),
        ("def variations(self, *_): return [Prompt('a', '\\ud800', 'c')]", "half a surrogate pair"),
        ("def variations(self, *_): raise KeyError('x')", "`variations` raised KeyError: 'x' in variations"),
        ("def modes(self, *_): return None", "`modes` returned a NoneType; give a list"),
        ("def modes(self, *_): return [3]", "`modes` returned 3 for a text; give texts"),
        ("def modes(self, *_): raise SystemExit(0)", "`modes` raised SystemExit: 0 in modes"),
        (
            "def solutions(self, *_): return 5",
            "`solutions` returned a int; give a frozenset of texts, or None",
        ),
        ("def solutions(self, *_): raise KeyError('x')", "`solutions` raised KeyError: 'x'"),
        ("def prompts(self, *_): raise SystemExit(0)", "SystemExit: 0 in prompts (own.py:"),
        ("kind = 'learned'\ndef demonstrations(self, *_): return []", "learned verifier with no real data"),
    ],
)
def test_a_bad_task_is_one_line(
    own: Callable[[str], str],
    lines: str,
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"guards__force": "false"} if "learned" in lines else {}
    words = trained(own(lines), tmp_path / "run", **settings)
    assert complaint in mistake(words, capsys)
    assert not (tmp_path / "run" / "config.toml").exists()


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("filter.thresholds=[]", "'filter.thresholds' = []"),
        ("filter.thresholds=[5.0]", "'filter.thresholds.0' = 5.0"),
        ("sample.band=[0.9,0.1]", "'sample.band' = [0.9, 0.1]"),
        ("sample.band=[-1.0,5.0]", "'sample.band.0' = -1.0"),
        ('model.adapter="/x"', "but there is no model.path; name its base model"),
        ('task="addition"', "'task' = 'addition', but the command says 'countdown'; drop it"),
        ('method="rft"', "'method' = 'rft', but the command says 'rest-em'; drop it"),
    ],
)
def test_a_setting_out_of_range_is_refused(
    setting: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in mistake(command("rest-em", tmp_path / "run", "--set", setting), capsys)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("def demonstrations(self, *_): return None", "`demonstrations` returned a NoneType; give a list"),
        ("def demonstrations(self, *_): return []", "no demonstrations to build a model on"),
        ("def prompts(self, *_): return None", "`prompts` returned a NoneType; give a list"),
        ('kind = "learned"\ndef demonstrations(self, *_): return []', "a learned verifier with no real data"),
    ],
)
def test_a_forecast_refuses_what_a_run_would(
    own: Callable[[str], str],
    lines: str,
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert complaint in mistake(trained(own(lines), tmp_path / "run", "--dry-run"), capsys)
    assert not (tmp_path / "run").exists()


def test_a_forecast_of_a_named_model_refuses_and_tells_what_a_run_would(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = own('def right(self, p): return super().right(p).replace("7", "x")')
    for context, complaint in (
        (4, "no problem to practise on is left"),
        (7, "problems of validation and te"),
    ):
        folder = tmp_path / f"model{context}"
        save_model(build_model("0123456789+=", "0.1M", 1, context=context), folder)
        words = trained(task, tmp_path / "run", "--model", str(folder))
        told = mistake([*words, "--dry-run"], capsys)
        assert complaint in told
        assert mistake(words, capsys) == told
    # Of a few demonstrations that are not spelt the others are learnt.
    save_model(build_model("12345678+=90", "0.1M", 1, context=64), tmp_path / "model")
    words = trained(task, tmp_path / "run", "--model", str(tmp_path / "model"), "--dry-run")
    assert run_command(words) == 0
    lines = json.loads(capsys.readouterr().out)["assumptions"]
    assert any(" of 30 demonstrations are left out" in line for line in lines), lines


def test_a_forecast_tells_of_a_network_that_is_slow(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(family("rwkv"), tmp_path / "model")
    words = trained(own("pass"), tmp_path / "run", "--model", str(tmp_path / "model"), "--dry-run")
    assert run_command(words) == 0
    told = json.loads(capsys.readouterr().out)["assumptions"]
    assert any("reads each text anew at every token" in line for line in told)


def test_a_forecast_of_long_completions_is_soon_there(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = """
max_tokens = 100_000
def prompts(self, split, count, seed):
    return ([Prompt("face", "\\u263a", "face")] if split == "train" else []) + self.listed(split)[:count]
"""
    started = time.monotonic()
    assert run_command(trained(own(lines), tmp_path / "run", "--dry-run")) == 0
    assert time.monotonic() - started < 60
    assert json.loads(capsys.readouterr().out)["forecast"][-1]["tokens"] > 0


def test_more_problems_than_asked_for_are_cut(own: Callable[[str], str], tmp_path: Path) -> None:
    lines = "def prompts(self, split, count, seed): return self.listed(split)"
    assert run_command(trained(own(lines), tmp_path / "run", loop__iterations=0)) == 0


def test_stdout_is_the_commands_own(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = """
def prompts(self, split, count, seed):
    print("told by prompts")
    return self.listed(split)[:count]
def verify(self, prompt, completion):
    print("told by verify")
    return VerifyResult(1.0, completion)
"""
    task, run = own(lines), tmp_path / "run"
    verbs = [
        trained(task, run),
        trained(task, tmp_path / "other", "--dry-run"),
        ["text", "generate", str(run), task, "--count", "2"],
        ["text", "search", str(run), task, "--count", "2", "--simulations", "2"],
        ["text", "eval", str(run), "--count", "4", "--json"],
    ]
    for words in verbs:
        assert run_command(words) == 0
        shown = capsys.readouterr()
        assert all(json.loads(line) for line in shown.out.splitlines())
        assert "told by" in shown.err


def test_few_problems_are_enough(own: Callable[[str], str], tmp_path: Path) -> None:
    """Fewer in validation than the monitors would look at, and a demonstration for each of the others."""
    words = trained(own(""), tmp_path / "run", model__demonstrations=5000, monitor__prompts=256)
    assert run_command(words) == 0
    last = read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]
    assert last["data/sampled"] == 40 * 3


def test_problems_that_do_not_fit_are_left_out(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = """
alphabet = "0123456789+="
def prompts(self, split, count, seed):
    odd = [Prompt("long", "1+" * 50000, "long"), Prompt("face", "\\u263a", "face")]
    return ((odd if split == "train" else []) + self.listed(split))[:count]
"""
    assert run_command(trained(own(lines), tmp_path / "run", sample__prompts=100)) == 0
    assert "2 of 60 problems are left out" in capsys.readouterr().err


def test_a_model_can_spell_every_problem_that_it_is_measured_on(
    own: Callable[[str], str], tmp_path: Path
) -> None:
    lines = """
alphabet = ""
def prompts(self, split, count, seed):
    return [Prompt(p.id, p.text + {"train": "", "validation": "é", "test": "ü"}[split], p.key)
            for p in self.listed(split)[:count]]
"""
    assert run_command(trained(own(lines), tmp_path / "run", loop__iterations=0)) == 0


def test_a_run_that_was_refused_can_be_begun_again(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no problem" in mistake(trained(own("def prompts(self, *_): return []"), tmp_path / "run"), capsys)
    (tmp_path / "own.py").rename(tmp_path / "other.py")
    (tmp_path / "other.py").write_text(TASK)
    assert run_command(trained(f"{tmp_path}/other.py:Sums", tmp_path / "run")) == 0


def test_a_run_trains_an_adapter_over_the_model_it_is_for(own: Callable[[str], str], tmp_path: Path) -> None:
    base, adapter, run = tmp_path / "base", tmp_path / "adapter", tmp_path / "run"
    save_model(build_model("0123456789+=", "0.1M"), base)
    save_model(add_adapter(load_model(base), rank=2, alpha=4, dropout=0.0, seed=1), adapter)
    task = own("def verify(self, prompt, completion): return VerifyResult(1.0, completion)")
    settings = {"model__adapter": f'"{adapter}"', "filter__per_prompt": 3, "loop__iterations": 2}
    assert run_command(trained(task, run, "--model", str(base), **settings)) == 0
    assert not list((run / "checkpoints").rglob("model.safetensors"))
    assert list((run / "checkpoints" / "000001").glob("adapter_model.safetensors"))
    assert newest_model(run).digest() != load_model(base, adapter).digest()
    assert run_command(["text", "eval", str(run), "--count", "5", "--json"]) == 0
    resumed = ["text", "rest-em", task, "--run", str(run), "--resume", "--iterations", "3", "--json"]
    assert run_command(resumed) == 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one iteration whose every completion is right; copy it before changing it."""
    folder = tmp_path_factory.mktemp("finished")
    right = "    def verify(self, prompt, completion): return VerifyResult(1.0, completion)\n"
    (folder / "own.py").write_text(f"{TASK}\nclass Own(Sums):\n{right}")
    assert run_command(trained(f"{folder}/own.py:Own", folder / "run")) == 0
    return folder / "run"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_what_is_there_is_not_written_over(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    precious, sheet = copy / "precious.jsonl", copy / "inspect.csv"
    precious.write_text("precious")
    line = mistake(["text", "export", str(copy), "--out", str(precious)], capsys)
    assert "precious.jsonl' is there already" in line
    assert precious.read_text() == "precious"
    assert run_command(["text", "inspect", str(copy)]) == 0
    assert run_command(["text", "inspect", str(copy)]) == 0
    rows = sheet.read_text().splitlines()
    column = rows[0].split(",").index("verdict")
    cells = next(csv.reader([rows[1]]))
    cells[column] = "right"
    filled = io.StringIO()
    csv.writer(filled).writerow(cells)
    sheet.write_text(f"{rows[0]}\n{filled.getvalue()}")
    capsys.readouterr()
    assert "has 1 verdicts; read them back" in mistake(["text", "inspect", str(copy)], capsys)
    assert run_command(["text", "inspect", str(copy), "--verdicts", str(sheet)]) == 0
    assert run_command(["text", "inspect", str(copy)]) == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["search", "RUN", "TASK", "--tokens", "3"], "--tokens 3: the first step alone may take 16"),
        (["search", "RUN", "TASK", "--set", "sample.prompts=3"], "--set sample"),
        (["generate", "RUN", "TASK", "--split", "all"], "--split 'all' is none of train, validation, test"),
        (
            ["rest-em", "TASK", "--run", "RUN", "--resume", "--set", "update.steps=9"],
            "goes on with its own, 2",
        ),
        (["rft", "TASK", "--run", "RUN", "--resume"], "is of rest-em on"),
        (["rest-em", "TASK", "--run", "RUN"], "holds a run already; go on with --resume"),
    ],
)
def test_a_bad_word_to_a_run_is_one_line(
    words: list[str], complaint: str, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"RUN": str(finished), "TASK": f"{finished.parent}/own.py:Own"}
    assert complaint in mistake(["text", *(named.get(word, word) for word in words)], capsys)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("checkpoints/000001/model.safetensors", "model.safetensors' is damaged: its SHA-256 differs"),
        ("checkpoints/000001/state.json", "state.json' is damaged"),
        ("replay/000001.parquet", "000001.parquet' is damaged: its SHA-256 differs"),
    ],
)
def test_a_flipped_bit_is_found(
    damage: str, complaint: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray((copy / damage).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / damage).write_bytes(content)
    verb = ["export", str(copy), "--out", "x.jsonl"] if "replay" in damage else ["eval", str(copy)]
    assert complaint in mistake(["text", *verb], capsys)


def test_a_run_that_another_holds_is_left_alone(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with TextRun.open(copy):
        resumed = trained(read_text_config(copy).task, copy, "--resume")
        for words in (resumed, ["text", "report", str(copy)]):
            assert "is in use by" in mistake(words, capsys)
        assert run_command(["text", "eval", str(copy), "--count", "4", "--json"]) == 0


def test_a_run_without_a_whole_commit_keeps_its_settings(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(copy / "checkpoints")
    line = mistake(trained(read_text_config(copy).task, copy, "--resume"), capsys)
    assert "has no whole commit" in line
    assert (copy / "config.toml").exists()


def test_a_torn_line_of_metrics_is_cut_off(copy: Path) -> None:
    with (copy / "metrics.jsonl").open("ab") as file:
        file.write(b'{"iteration": 2, "loss')
    words = trained(read_text_config(copy).task, copy, "--resume")
    assert run_command(words) == 0
    assert [line["iteration"] for line in read_metrics(copy / "metrics.jsonl")] == [0, 1]


def test_a_task_that_leaves_is_no_success(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = own("def modes(self, *_): raise SystemExit(0)")
    assert "SystemExit: 0 in modes (own.py:" in mistake(trained(task, tmp_path / "run"), capsys)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--run", ""], "--run '' names no directory"),
        (["--model", ""], "--model '' names no folder"),
        (["--run", "x" * 300], "': File name too long; name another, or allow it"),
        (["--model", "x" * 300], "': File name too long; name another, or allow it"),
    ],
)
def test_a_name_that_is_none_is_one_line(
    words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in mistake(command("rest-em", tmp_path / "run", *words), capsys)
    assert not (tmp_path / "run").exists()
