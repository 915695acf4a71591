"""Self-rewarding as a run: from nothing, of a real model, killed and resumed; and mistakes of its user."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_text_run import metrics
from tiny_models import byte_tokenizer
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.filter import shared
from engine.language.method.judged.config import JudgeConfig
from engine.language.method.judged.instruction import Instructed, Known
from engine.language.method.judged.length import freed_of_length, length_slope, without_length
from engine.language.method.judged.teaching import read_lessons
from engine.language.problem.contamination import EvaluationIndex
from engine.language.record.text_run import TextRun
from engine.language.task import Prompt, VerifyResult
from engine.run.layout import checkpoint_folder

__all__ = ["own"]

READS = """
def problem(self, text):
    sums = {p.text: p for p in self.listed("train")}
    return sums.get(text)
"""

JUDGES = """
def silent(prompt, completion):
    return None

def ties(prompt, completion):
    return 0.5

def nan(prompt, completion):
    return float("nan")

def fair(prompt, completion):
    return float(str(sum(map(int, prompt[:-1].split("+")))) == completion)
"""

OTHERS = ["text", "self-rewarding"]


def words(task: str, run: Path, *more: str, **settings: Any) -> list[str]:
    few = {"teach__steps": 30, "teach__labels": 20}
    return trained(task, run, *more, method="self-rewarding", shared=few, **settings)


def by(folder: Path, name: str) -> dict[str, str]:
    path = folder / "judges.py"
    path.write_text(JUDGES)
    return {"judge__by": '"program"', "judge__program": f'"{path}:{name}"'}


def episodes(path: Path) -> list[Episode]:
    with TextRun.open(path) as run:
        run.latest()
        return run.episodes()


def test_it_is_forecast_run_and_resumed_to_the_same_bytes(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, whole, broken = own(READS), tmp_path / "whole", tmp_path / "broken"
    sets = {"instruction__prompts": 3, "model__steps": 20}
    assert run_command(words(task, whole, "--dry-run", **sets)) == 0
    stages = {row["stage"]: row for row in json.loads(capsys.readouterr().out)["forecast"]}
    assert stages["teach the judge"]["steps"] == 30
    assert run_command(words(task, whole, **sets, loop__iterations=2)) == 0
    assert run_command(words(task, broken, **sets)) == 0
    resumed = ["text", "self-rewarding", task, "--run", str(broken), "--resume", "--iterations", "2"]
    assert run_command(resumed) == 0
    assert metrics(whole) == metrics(broken)
    weights = [checkpoint_folder(run, 2) / "model.safetensors" for run in (whole, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    report = (whole / "report.html").read_text()
    assert "judge" in report
    assert {each.result.kind for each in episodes(whole)} == {"self"}


def test_a_judge_that_never_answers_stops_the_run_in_one_line(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("silent", "nan"):
        line = words(own(""), tmp_path / name, **by(tmp_path, name))
        told = mistake(line, capsys)
        assert "the judge gave no score to" in told
        assert told.endswith("; mend the judge")


def test_a_judge_that_always_ties_makes_no_pair_and_says_so(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert run_command(words(own(""), run, **by(tmp_path, "ties"))) == 0
    told = capsys.readouterr().err
    assert "have no pair" in told
    assert "there is no pair to learn from" in told
    assert metrics(run)[-1]["pairs/ties"] > 0.5
    weights = [checkpoint_folder(run, n) / "model.safetensors" for n in (0, 1)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_best_is_set_against_the_worst_and_truth_is_audited(
    own: Callable[[str], str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert run_command(words(own(""), run, **by(tmp_path, "fair"), sample__samples=8)) == 0
    found = episodes(run)
    kept = [each for each in found if each.kept]
    assert {each.result.score for each in kept} <= {0.0, 1.0}
    assert sum(each.result.score for each in kept) == len(kept) / 2
    line = metrics(run)[-1]
    assert line["hacking/gap"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("chat", [False, True])
def test_a_real_model_with_a_tokenizer_and_a_template_of_its_own_judges_itself(
    own: Callable[[str], str], tmp_path: Path, chat: bool
) -> None:
    import transformers

    from engine.language.model.model import LanguageModel
    from engine.language.model.model_folder import save_model

    tokenizer = byte_tokenizer(["0 1 2 3+4=7 Answer with one digit Task Response" * 4])
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"
    )
    ends = {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id}
    sizes = {"n_positions": 256, "n_embd": 32, "n_layer": 1, "n_head": 2, "vocab_size": len(tokenizer)}
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **ends))
    save_model(LanguageModel(network, tokenizer), tmp_path / "model")
    path = tmp_path / "judge.txt"
    path.write_text("{prompt}{completion} ok?")
    sets = {
        "model__path": f'"{tmp_path / "model"}"', "model__chat": str(chat).lower(), "judge__form": '"token"',
        "judge__prompt": f'"{path}"', "learner__learning_rate": 1e-2, "teach__steps": 150,
    }  # fmt: skip
    run = tmp_path / "run"
    assert run_command(words(own(""), run, **sets)) == 0
    assert any(not each.result.is_missing for each in episodes(run))


def test_judgements_on_evaluation_items_are_left_out_and_told(tmp_path: Path) -> None:
    path, told = tmp_path / "judgements.jsonl", list[str]()
    held = Prompt("held", "name the three longest rivers of France", "rivers")
    rows = [(held.text, "Loire"), (f"Please {held.text.upper()}", "Loire"), ("name a sea", "Baltic")]

    def read(some: list[tuple[str, str]]) -> list[str]:
        lines = [json.dumps({"prompt": one, "completion": two, "score": 1}) for one, two in some]
        path.write_text("\n".join(lines))
        found = read_lessons(str(path), JudgeConfig(), EvaluationIndex([held]), told.append)
        return [each.completion for each in found]

    assert read(rows) == ["Baltic"]
    assert "2 of 3 judgements are, or hold, evaluation items" in told[0]
    with pytest.raises(UserError, match="no judgement to learn from: 2 of 2"):
        read(rows[:2])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"judge__by": '"model"'}, "needs judge.path"),
        ({"judge__by": '"program"'}, "needs judge.program"),
        ({"judge__program": '"cat"'}, "set judge.by = 'program'"),
        ({"judge__by": '"program"', "judge__program": '"no-such-judge"'}, "there is no program"),
        ({"judge__prompt": '"none.txt"'}, "judge.prompt"),
        ({"judge__ask": '"comparison"', "judge__form": '"additive"'}, "comparisons are answered by token"),
        ({"judge__by": '"verifier"', "judge__ask": '"comparison"'}, "not for the task's verifier"),
        ({"judge__by": '"verifier"', "judge__answers": '["a", "b"]'}, "for judges that are models"),
        ({"judge__answers": '["a", "a"]'}, "give two texts that differ"),
        ({"instruction__prompts": 3}, "reads no problem from a text"),
        ({"teach__path": '"none.jsonl"'}, "none.jsonl"),
        ({"sample__samples": 1}, "pairs take two completions"),
        ({"mix__real": "false"}, "no real data"),
    ],
)
def test_mistakes_are_one_line(
    settings: dict[str, Any],
    complaint: str,
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"guards__mode": '"act"', **settings}
    assert complaint in mistake(words(own(""), tmp_path / "run", **given), capsys)


def episode(prompt: str, text: str, score: float) -> Episode:
    return Episode(
        Prompt(prompt, prompt, prompt), text, VerifyResult(score), "model", 1, "", 0, 1.0, 0.0, len(text)
    )


def freed(episodes: list[Episode]) -> list[float]:
    return without_length(episodes, length_slope(episodes))


def test_length_is_taken_out_of_scores_and_nothing_else() -> None:
    biased = [episode("a", "x" * n, 0.1 * n) for n in (1, 4, 7)] + [
        episode("b", "x" * n, 0.3 + 0.1 * n) for n in (2, 3)
    ]
    found = freed(biased)
    assert found[:3] == pytest.approx([0.4] * 3)
    assert found[3] == pytest.approx(found[4])
    fair = [episode("a", "xx", 1.0), episode("a", "yy", 0.0), episode("b", "x", 0.2)]
    assert freed(fair) == [1.0, 0.0, 0.2]
    assert freed([]) == []
    mixed = [episode("a", "x" * n, 0.1 * n + right) for n, right in ((1, 1), (9, 0), (9, 1), (1, 0))]
    told = freed(mixed)
    assert min(told[0], told[2]) > max(told[1], told[3])


def test_what_length_explains_wholly_ties_to_the_last_bit() -> None:
    found = freed_of_length([episode("a", "x" * n, 0.1 * n) for n in range(1, 9)])
    assert len({each.result.score for each in found}) == 1


def rouge_l(one: list[str], other: list[str]) -> float:
    """F1 of the longest common subsequence, by the recurrence."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    common = table[-1][-1]
    return 2 * common / (len(one) + len(other))


def test_known_problems_are_found_by_rouge_l() -> None:
    texts = ["write a poem about the sea", "name three rivers of France", "add 12 and 7"]
    known = Known(texts)
    for text in ("write a song about the sea", "sea the about poem a write", "add 12 and 8 and 9", "zzz"):
        best = max(rouge_l(text.split(), other.split()) for other in texts)
        assert known.similarity(text) == pytest.approx(best)
    assert known.similarity("Write  a POEM about the sea") == 1.0
    known.add("zzz")
    assert known.similarity("zzz") == 1.0
    assert Known([]).similarity("anything") == 0.0


def test_figures_of_new_problems_are_shares_of_the_texts_drawn() -> None:
    found = Instructed([Prompt("a", "a", "a")], drawn=8, unfit=4, held=1, similar=2)
    assert found.figures() == {
        "instruction/new": 1.0,
        "instruction/unfit": 0.5,
        "instruction/evaluation": 0.125,
        "instruction/similar": 0.25,
    }
    assert not any(math.isnan(value) for value in Instructed().figures().values())
    assert shared([], 3, 0.5, 1) == []
