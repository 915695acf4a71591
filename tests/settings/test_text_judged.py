"""What the settings of judges, of their lessons and of problems that a model makes do to a run."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shown import TEXT, shows
from text_runs import TASK, Run, Seen, text_run
from tiny_models import byte_tokenizer, tiny_llama

from engine.cli.app import run as run_command
from engine.language.method.judged.assessor.assessor import Asked, Versus
from engine.language.method.judged.assessor.model_assessor import ModelAssessor
from engine.language.method.judged.assessor.program import ProgramAssessor
from engine.language.method.judged.config import JudgeConfig
from engine.language.model.model import LanguageModel
from engine.language.task import Prompt

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)

LENGTH = "import sys, json\nfor line in sys.stdin:\n    asked = json.loads(line)\n"
LESSONS = {"teach__steps": 60, "teach__labels": 40, "model__steps": 30}
"""Enough that the answers are in form."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A judge that likes the letter a, and of two the one with more of it."""
    path = tmp_path_factory.mktemp("judge") / "judge.py"
    path.write_text(
        LENGTH
        + "    texts = [asked[name] for name in ('completion', 'first', 'second') if name in asked]\n"
        + "    likes = [min(1, text.count('a') / 4) for text in texts]\n"
        + "    score = likes[0] if len(likes) == 1 else 0.5 + (likes[0] - likes[1]) / 2\n"
        + "    print(json.dumps({'id': asked['id'], 'score': score}), flush=True)\n"
    )
    return f"{sys.executable} {path}"


def judged(text_run: Run, program: str, **settings: Any) -> Seen:
    return text_run("self-rewarding", **{"judge__by": "program", "judge__program": program, **settings})


def scores(run: Seen) -> dict[tuple[str, str], float]:
    return {(each.prompt.id, each.completion): each.result.score for each in run.episodes}


@shows(
    "judge.by=self", "judge.by=model", "judge.by=program", "judge.by=verifier", "judge.path", "judge.program"
)
def test_the_judge_that_is_named_gives_the_scores(text_run: Run, program: str) -> None:
    by_program = judged(text_run, program)
    assert by_program.episodes
    for each in by_program.episodes:
        assert each.result.score == min(1, each.completion.count("a") / 4)
        assert each.result.kind == "learned"
    verified = text_run("self-rewarding", judge__by="verifier")
    assert {each.result.kind for each in verified.episodes} == {"exact"}
    own = text_run("self-rewarding", **LESSONS)
    assert {each.result.kind for each in own.episodes} == {"self"}
    path = str(own.path / "checkpoints" / "000000")
    other = text_run("self-rewarding", judge__by="model", judge__path=path, model__path=path)
    assert {each.result.kind for each in other.episodes} == {"learned"}
    assert scores(other) == pytest.approx(scores(own), abs=1e-5), "the same model under another name"


@shows("judge.ask=score", "judge.ask=comparison", "judge.opponents")
def test_completions_are_scored_or_compared_with_so_many(text_run: Run, program: str) -> None:
    alone = judged(text_run, program, judge__ask="score")
    runs = [
        judged(text_run, program, judge__ask="comparison", judge__opponents=count, sample__samples=6)
        for count in (1, 5)
    ]
    assert all("judge/agreement" in run.metrics[-1] for run in runs)
    assert runs[0].last("judge/agreement") == 1.0
    assert scores(alone) != scores(runs[0]) != scores(runs[1])
    groups: dict[str, list[float]] = {}
    for (name, _), score in scores(runs[1]).items():
        groups.setdefault(name, []).append(score)
    assert all(np.mean(group) == pytest.approx(0.5) for group in groups.values() if len(group) > 1)


@shows("judge.samples")
def test_a_judge_whose_answers_vary_is_asked_so_often(text_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "judge.py"
    path.write_text(
        LENGTH
        + "    count = globals().get('count', 0) + 1\n"
        + "    print(json.dumps({'id': asked['id'], 'score': float(count % 3 == 0)}), flush=True)\n"
    )
    once, often = (
        judged(text_run, f"{sys.executable} {path}", judge__samples=count, judge__timeout_s=50.0)
        for count in (1, 7)
    )
    assert set(scores(once).values()) <= {0.0, 1.0}
    assert not set(scores(often).values()) <= {0.0, 1.0}


@shows("judge.timeout_s", "judge.restarts")
def test_a_program_has_so_long_and_is_started_again_so_often(tmp_path: Path) -> None:
    path, log = tmp_path / "judge.py", tmp_path / "starts"
    path.write_text(
        f"import sys, time\nopen({str(log)!r}, 'a').write('x')\nfor line in sys.stdin: time.sleep(900)\n"
    )
    for timeout, restarts in ((0.4, 0), (0.4, 2)):
        log.write_text("")
        settings = JudgeConfig(
            by="program", program=f"{sys.executable} {path}", timeout_s=timeout, restarts=restarts
        )
        judge = ProgramAssessor(settings)
        with pytest.raises(Exception, match="in a row"):
            judge.scores([Asked(Prompt(str(n), "a", "a"), "b") for n in range(9)], 0)
        judge.close()
        assert len(log.read_text()) <= restarts + 1
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import sys, json, time\nfor line in sys.stdin:\n    time.sleep(1.5)\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'score': 1}), flush=True)\n"
    )
    patient = ProgramAssessor(JudgeConfig(by="program", program=f"{sys.executable} {slow}", timeout_s=60))
    assert patient.scores([Asked(Prompt("a", "a", "a"), "b")], 0)[0].score == 1
    patient.close()


@shows("judge.bias", "judge.leaning=length", "judge.leaning=agreement")
def test_a_judge_leans_by_its_share(text_run: Run) -> None:
    fair = scores(text_run("self-rewarding", judge__by="verifier"))
    for leaning in ("length", "agreement"):
        run = text_run("self-rewarding", judge__by="verifier", judge__bias=0.5, judge__leaning=leaning)
        for each in run.episodes:
            key = (each.prompt.id, each.completion)
            same = [
                other.result.parsed == each.result.parsed
                for other in {(e.prompt.id, e.completion): e for e in run.episodes}.values()
                if other.prompt.id == each.prompt.id
            ]
            if leaning == "length":
                like = min(1, len(each.completion) / 8)
                assert each.result.score == pytest.approx(0.5 * fair[key] + 0.5 * like)
            elif len(same) == 1:
                assert each.result.score >= 0.5 * fair[key]
        assert any(scores(run)[key] != score for key, score in fair.items())


@shows("judge.length_control")
def test_pairs_are_freed_of_length(text_run: Run) -> None:
    sets = {"judge__by": "verifier", "judge__bias": 0.8, "sample__samples": 8, "sample__prompts": 30}
    plain, freed = (
        text_run("self-rewarding", judge__length_control=control, **sets) for control in (False, True)
    )
    assert plain.last("pairs/longer") > 1
    assert freed.last("pairs/longer") < 0.5 * plain.last("pairs/longer")


def small_gpt() -> LanguageModel:
    import transformers

    tokenizer = byte_tokenizer(["Score: 1 Score: 2 0 1 2 3 4 5 6 7 8 9 yes no " * 3])
    tokenizer.chat_template = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    sizes = {"vocab_size": len(tokenizer), "n_positions": 1024, "n_embd": 16, "n_layer": 1, "n_head": 1}
    ends = {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **ends))
    return LanguageModel(network, tokenizer)


def asked_as(model: LanguageModel, **settings: Any) -> str:
    """What a model is asked about one completion, as its tokens read."""
    judge = ModelAssessor(model, JudgeConfig(**settings), 8)
    question = Versus if settings.get("ask") == "comparison" else Asked
    texts = ["2", "3"] if question is Versus else ["2"]
    (row,) = judge.question_rows([question(Prompt("1+1=", "1+1=", "1+1="), *texts)])  # type: ignore[list-item]
    assert row is not None
    return str(model.codec.tokenizer.decode(row))


@shows("judge.form=auto", "judge.form=additive", "judge.form=token", "judge.prompt")
def test_a_model_is_asked_in_the_form_that_is_set(tmp_path: Path) -> None:
    model, letters = small_gpt(), tiny_llama(1)
    assert "Points add up" in asked_as(model, form="additive") == asked_as(model, form="auto")
    assert "Answer with one digit" in asked_as(model, form="token")
    assert ModelAssessor(letters, JudgeConfig(form="auto"), 8).answers_by_token
    assert not ModelAssessor(letters, JudgeConfig(form="additive"), 8).answers_by_token
    path = tmp_path / "judge.txt"
    path.write_text("{prompt} gives {completion}? ")
    assert asked_as(model, form="token", prompt=str(path)) == "1+1= gives 2? "


@shows("judge.chat")
def test_another_model_is_asked_in_its_chat_template(tmp_path: Path) -> None:
    from engine.language.model.model_folder import save_model

    save_model(small_gpt(), tmp_path / "judge")
    sets = {"judge__by": "model", "judge__path": str(tmp_path / "judge"), "judge__form": "token"}
    words = ["text", "self-rewarding", TASK, "--run", str(tmp_path / "run")]
    pairs = [f"{key.replace('__', '.')}={json.dumps(value)}" for key, value in sets.items()]
    for chat in ("true", "false"):
        line = [*words, *(w for p in [*pairs, f"judge.chat={chat}", "model.steps=2"] for w in ("--set", p))]
        assert run_command(line) == 2, "an untaught judge answers in no form"
    model = small_gpt()
    chatting = LanguageModel(model.network, model.codec.tokenizer, chat=True)
    assert asked_as(chatting, form="token").startswith("<user>")
    assert run_command([*words, "--set", "judge.chat=true"]) == 2


@shows("judge.answers", "judge.weighted", "judge.temperature", "judge.points", "judge.max_tokens")
def test_what_an_answer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.language.method.judged.assessor import model_assessor

    monkeypatch.setattr(model_assessor, "IN_FORM", 0.0)
    model = tiny_llama(1)
    asked = [Asked(Prompt("1+1=", "1+1=", "1+1="), text) for text in ("2", "3", "41", "5")]

    def told(**settings: Any) -> list[float | None]:
        judge = ModelAssessor(model, JudgeConfig(**settings), 8)
        return [each.score for each in judge.scores(asked, 1)]

    assert told() != told(answers=("x", "y"))
    assert set(told(weighted=False, temperature=0.0)) <= {0.0, 1.0}
    assert not set(told()) <= {0.0, 1.0}
    hot = [tuple(told(weighted=False, temperature=heat)) for heat in (0.0, 5.0)]
    assert hot[0] != hot[1]
    gpt, seen = small_gpt(), list[int]()
    from engine.language.model.generation import generation

    generation.watchers.append(lambda _, lengths: seen.append(int(lengths.max())))
    try:
        for most in (3, 9):
            ModelAssessor(gpt, JudgeConfig(form="additive", max_tokens=most), 8).scores(asked[:1], 1)
    finally:
        generation.watchers.pop()
    assert seen == [3, 9]
    from engine.language.method.judged.assessor.reading import read_points

    assert read_points("Score: 4", JudgeConfig(points=8).points).share == 0.5


@shows("teach.labels", "teach.steps", "teach.share", "teach.path")
def test_the_judge_learns_from_its_lessons(text_run: Run, tmp_path: Path) -> None:
    own = text_run("self-rewarding", **LESSONS)
    more = text_run("self-rewarding", **{**LESSONS, "teach__steps": 90})
    wider = text_run("self-rewarding", **{**LESSONS, "teach__labels": 80})
    assert own.model(0).digest() != more.model(0).digest() != wider.model(0).digest() != own.model(0).digest()
    kept = text_run("self-rewarding", **{**LESSONS, "teach__share": 0.6})
    assert kept.model(0).digest() == own.model(0).digest()
    assert kept.model(1).digest() != own.model(1).digest()
    rows = [{"prompt": f"a{n}=", "completion": text, "score": score}
            for n in range(8) for text, score in (("aa", 1), ("bb", 0.25), ("cc", 0))]  # fmt: skip
    path = tmp_path / "lessons.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    filed = text_run("self-rewarding", **{**LESSONS, "teach__path": str(path)})
    assert filed.model(0).digest() != own.model(0).digest()


MAKING = {
    "judge__by": "verifier", "model__steps": 60, "sample__prompts": 6, "model__demonstrations": 40,
    "instruction__prompts": 8, "instruction__similarity": 1.0, "teach__steps": 120,
}  # fmt: skip


@shows("instruction.prompts", "instruction.similarity", "instruction.attempts", "instruction.temperature")
def test_a_model_makes_problems(text_run: Run) -> None:
    made = text_run("self-rewarding", **MAKING)
    none = text_run("self-rewarding", **{**MAKING, "instruction__prompts": 0})
    assert "instruction/new" not in none.metrics[-1]
    assert made.last("instruction/new") > 0
    new = {each.prompt.id for each in made.episodes} - {each.prompt.id for each in none.episodes}
    assert len(new) == made.last("instruction/new")
    strict = text_run("self-rewarding", **{**MAKING, "instruction__similarity": 0.0})
    assert strict.last("instruction/new") == 0
    assert strict.last("instruction/similar") > 0
    few, many = (
        text_run("self-rewarding", **{**MAKING, "instruction__attempts": tries, "instruction__prompts": 40})
        for tries in (1, 6)
    )
    assert few.last("instruction/new") < many.last("instruction/new")
    hot = text_run("self-rewarding", **{**MAKING, "instruction__temperature": 5.0})
    assert hot.last("instruction/unfit") > made.last("instruction/unfit")


@shows("instruction.shots")
def test_a_model_is_shown_so_many_problems() -> None:
    from engine.language.method.judged.instruction import question

    prompts = [Prompt(str(n), f"sum {n}", str(n)) for n in range(5)]
    assert question(small_gpt(), prompts[:2]).count("sum ") == 2
    assert question(small_gpt(), prompts).count("sum ") == 5
