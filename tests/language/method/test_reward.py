"""Reward models as a method: what is compared, its run, who may use it, and whatever is wrong with a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_text_run import command, metrics
from text_runs import TASK
from tiny_models import byte_tokenizer

from engine.cli.app import run as run_command
from engine.cli.text.verb import open_model
from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.method.reward.comparison import compared_samples, parted
from engine.language.model.model_folder import load_model, save_model
from engine.language.model.scoring import member_rewards, rewards
from engine.language.monitor.config import GuardConfig
from engine.language.problem.preference_file import Preference
from engine.language.problem.task_registry import load_task
from engine.language.task import Prompt, VerifyResult

PROMPT = Prompt("p", "1 2=3:", "1 2")


def sample(text: str, score: float, prompt: Prompt = PROMPT) -> Episode:
    return Episode(prompt, text, VerifyResult(score), "model", 1, "m", 1, 1.0, -1.0, len(text))


def test_samples_are_compared_by_score_within_their_problem() -> None:
    other = replace(PROMPT, id="q", text="4 5=9:", key="4 5")
    drawn = [sample("a", 0.0), sample("b", 1.0), sample("b", 1.0), sample("c", 0.5), sample("d", 0.5, other)]
    found = compared_samples(drawn, 100, 0.0, 1)
    assert [(pair.chosen, pair.rejected, pair.share) for pair in found] == [
        ("b", "a", 1.0),
        ("c", "a", 1.0),
        ("b", "c", 1.0),
    ]
    assert {(pair.prompt, pair.key) for pair in found} == {("1 2=3:", "1 2")}
    assert compared_samples([sample("a", 0.0), sample("b", 0.0)], 100, 0.0, 1) == []
    assert len(compared_samples(drawn, 2, 0.0, 1)) == 2


def test_soft_labels_follow_the_difference_of_scores() -> None:
    (pair,) = compared_samples([sample("a", 0.25), sample("b", 0.75)], 8, 0.5, 1)
    assert pair.share == pytest.approx(1 / (1 + 2.718281828**-1))
    (pair,) = compared_samples([sample("a", 0.0), sample("b", 1.0)], 8, 1e-9, 1)
    assert pair.share == 1


def test_whole_problems_are_held_out() -> None:
    pairs = [Preference("x", str(n), "z", key=str(n % 40)) for n in range(400)]
    own, apart = parted(pairs, 0.25, 1)
    assert {pair.key for pair in own}.isdisjoint({pair.key for pair in apart})
    assert 0.1 < len(apart) / len(pairs) < 0.4
    assert parted(pairs, 0.0, 1) == (pairs, [])


@pytest.fixture(scope="module")
def reward_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reward") / "run"
    words = command(
        "reward", path, "--json", measure__samples=4, task=TASK, sample__samples=6,
        reward__members=2, reward__held_out=0.3,
    )  # fmt: skip
    assert run_command(words) == 0
    return path


def test_a_reward_model_values_what_the_first_model_writes(
    reward_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = open_model(str(reward_run))
    assert opened.model.digest() == load_model(reward_run / "checkpoints" / "000000").digest()
    assert opened.critic is not None
    assert opened.critic.panel is not None
    line = metrics(reward_run)[1]
    assert {"reward/accuracy", "reward/calibration", "reward/length", "reward/disagreement"} <= set(line)
    writer = str(reward_run / "checkpoints" / "000000")
    words = ["text", "eval", writer, TASK, "--count", "12", "--samples", "4", "--json"]
    assert run_command([*words, "--critic", str(reward_run)]) == 0
    assert "best@4 by value" in json.loads(capsys.readouterr().out)
    words = ["text", "search", writer, TASK, "--count", "2", "--simulations", "4"]
    assert run_command([*words, "--critic", str(reward_run)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_run_goes_on_to_the_same_numbers_and_files(reward_run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    words = command(
        "reward", again, "--json", measure__samples=4, task=TASK, sample__samples=6,
        reward__members=2, reward__held_out=0.3, loop__iterations=1,
    )  # fmt: skip
    assert run_command(words) == 0
    assert run_command([*words[:5], "--resume", "--iterations", "2", "--json"]) == 0
    assert metrics(again) == metrics(reward_run)
    for name in ("model", "value_head", "member_2"):
        file = Path("checkpoints") / "000002" / f"{name}.safetensors"
        assert (again / file).read_bytes() == (reward_run / file).read_bytes()
    page = (again / "report.html").read_text()
    for said in (
        "which values what the first model writes",
        "<h2>Reward ",
        "held-out comparisons told right",
    ):
        assert said in page


def test_generate_writes_the_best_of_several(reward_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = str(reward_run / "checkpoints" / "000000")
    words = ["text", "generate", writer, TASK, "--count", "5", "--samples", "6"]
    assert run_command(words) == 0
    drawn = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert run_command([*words, "--critic", str(reward_run)]) == 0
    best = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    critic = open_model(str(reward_run)).critic
    assert critic is not None
    assert len(best) == 5
    for place, line in enumerate(best):
        group = drawn[6 * place : 6 * place + 6]
        told = rewards(critic, [each["prompt"] for each in group], [each["completion"] for each in group])
        assert line["completion"] == group[int(told.argmax())]["completion"]
        assert 0 <= line.pop("value") <= 1
        assert line in group


def test_a_reward_model_of_another_tokenizer_reads_text(
    reward_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GPT-2 with byte-level tokens learns from a file and judges a model of characters."""
    import transformers

    from engine.language.model.model import LanguageModel

    task = load_task(TASK)
    prompts = [prompt.text for prompt in task.prompts("train", 40, 0)]
    tokenizer = byte_tokenizer([text + "a;bb;abc" for text in prompts])
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=32, n_layer=2, n_head=4,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    save_model(LanguageModel(transformers.GPT2LMHeadModel(config), tokenizer), tmp_path / "gpt2")
    file = tmp_path / "pairs.csv"
    rows = "".join(f"{text},a;bb,c;c\n" for text in prompts)
    file.write_text("prompt,chosen,rejected\n" + rows)
    words = command(
        "reward", tmp_path / "run", "--json", "--model", str(tmp_path / "gpt2"), update__steps=30, task=TASK,
        reward__path=f'"{file}"', loop__iterations=1, measure__samples=2,
    )  # fmt: skip
    assert run_command(words) == 0
    capsys.readouterr()
    writer = str(reward_run / "checkpoints" / "000000")
    line = ["text", "eval", writer, TASK, "--count", "8", "--samples", "4", "--json"]
    assert run_command([*line, "--critic", str(tmp_path / "run")]) == 0
    assert "best@4 by value" in json.loads(capsys.readouterr().out)
    critic = open_model(str(tmp_path / "run")).critic
    assert critic is not None
    assert rewards(critic, prompts[:3], ["a;bb"] * 3).min() > rewards(critic, prompts[:3], ["c;c"] * 3).max()


def test_comparisons_on_evaluation_items_are_left_out_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = load_task("countdown")
    rows = [
        {"prompt": prompt.text, "chosen": "1+2=3;", "rejected": "2+2=5;"}
        for split in ("train", "validation", "test")
        for prompt in task.prompts(split, 10, 0)  # type: ignore[arg-type]
    ]
    file = tmp_path / "pairs.json"
    file.write_text(json.dumps([*rows, {**rows[0], "rejected": ""}]))
    words = command(
        "reward", tmp_path / "run", "--json", reward__path=f'"{file}"', loop__iterations=1, reward__held_out=0
    )
    assert run_command(words) == 0
    told = capsys.readouterr().err
    assert "21 of 31 rows are left out" in told
    assert "20 that are, or hold, evaluation items" in told
    assert metrics(tmp_path / "run")[1]["reward/comparisons"] == 10


def test_without_anything_to_compare_nothing_is_learnt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(
        "reward", tmp_path / "run", "--json", loop__iterations=1, model__steps=1, sample__prompts=4
    )
    assert run_command(words) == 0
    assert "no two samples of a problem have different scores" in capsys.readouterr().err
    critic = open_model(str(tmp_path / "run")).critic
    assert critic is None or critic.value_head is None


def test_a_game_of_two_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = command("reward", tmp_path / "run", "--json", task="nim", model__steps=1)
    assert run_command(words) == 2
    assert "is a game of two, whose positions are valued by prm or orm" in capsys.readouterr().err
    assert not (tmp_path / "run" / "config.toml").exists()


def test_a_reward_model_judges_for_another_method(reward_run: Path) -> None:
    """It gives the sigmoid of the reward, no verdict on what it cannot read, and says when members differ."""
    from types import SimpleNamespace
    from typing import Any

    from engine.language.method.reward.judge import RewardModel
    from engine.language.method.turn import Library
    from engine.language.record.text_run import newest_critic_folder

    turn: Any = SimpleNamespace(library=Library(), config=SimpleNamespace(guards=GuardConfig()))
    task = load_task(TASK)
    prompts = task.prompts("train", 4, 0)
    pairs = [(prompt, text) for prompt in prompts for text in ("a;b", "cc", "a", "?" * 3)]
    folder = newest_critic_folder(reward_run)
    judge = RewardModel(str(folder))
    scores = judge.scores(turn, pairs)
    critic = load_model(folder)
    read = [(prompt.text, text) for prompt, text in pairs if "?" not in text]
    expected = rewards(critic, [prompt for prompt, _ in read], [text for _, text in read])
    told = [score for score in scores if score is not None]
    assert told == pytest.approx((1 / (1 + torch.from_numpy(-expected).exp())).tolist(), abs=1e-6)
    assert [score is None for score in scores] == [False, False, False, True] * 4
    assert judge.scores(turn, list(reversed(pairs))) == pytest.approx(list(reversed(scores)), abs=1e-6)
    agreed = judge.agrees(turn, pairs, scores)
    assert [each is None for each in agreed] == [score is None for score in scores]
    each = member_rewards(critic, [prompts[0].text], ["cc"])[:, 0] > 0
    assert agreed[1] == (each.all() or not each.any())
    with pytest.raises(UserError, match="has no value head"):
        RewardModel(str(reward_run / "checkpoints" / "000000")).scores(turn, pairs)


def test_a_run_stands_for_its_newest_reward_model(reward_run: Path, tmp_path: Path) -> None:
    """Where a setting names a critic; a run without one is refused."""
    from engine.cli.text import run as text_run
    from engine.language.record.text_run import newest_critic_folder

    assert text_run._critic_of(str(reward_run)) == str(newest_critic_folder(reward_run))
    assert text_run._critic_of(str(tmp_path)) == str(tmp_path)
    plain = tmp_path / "plain"
    assert run_command(command("sft", plain, "--json", task=TASK, loop__iterations=0)) == 0
    with pytest.raises(UserError, match="has no critic that was accepted"):
        text_run._critic_of(str(plain))


def test_a_forecast_counts_the_steps_of_every_member_and_no_samples_with_a_file(
    reward_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps({"prompt": "a1=", "chosen": "a", "rejected": "b"}))
    model = str(reward_run / "checkpoints" / "000000")
    stages = []
    for more in ({"reward__members": 3}, {"reward__path": f'"{file}"'}):
        words = command(
            "reward", tmp_path / "run", "--json", "--dry-run", "--model", model, task=TASK, **more
        )
        assert run_command(words) == 0
        stages.append({row["stage"]: row for row in json.loads(capsys.readouterr().out)["forecast"]})
    assert [stage["learn"]["steps"] for stage in stages] == [2 * 10 * 3, 2 * 10]
    assert stages[0]["generate"]["tokens"] > 0
    assert "generate" not in stages[1] or stages[1]["generate"]["tokens"] == 0


def test_a_critic_values_what_it_can_read_and_no_run_ends_for_the_rest() -> None:
    """One text is over its context, another has a letter that it does not know."""
    from tiny_models import tiny_llama

    from engine.language.measure.evaluation import values_of
    from engine.language.model.scoring import text_values
    from engine.language.round_trip import values_as_read

    critic = tiny_llama(context=16)
    torch.nn.init.normal_(critic.add_value_head().weight, generator=torch.Generator().manual_seed(1))
    texts = ["3", "1" * 40, "3?", "12;", "", "9" * 16]
    found = values_as_read(critic, ["1+2="] * 6, texts)
    assert [value != value for value in found] == [False, True, True, False, False, True]
    expected = text_values(critic, ["1+2="] * 3, ["3", "12;", ""])
    assert found[[0, 3, 4]] == pytest.approx(expected, abs=1e-6)
    told = values_of(critic, [sample(text, 0.0, replace(PROMPT, text="1+2=")) for text in texts])
    assert told.tolist() == [0.0 if value != value else value for value in found.tolist()]


def test_a_run_by_a_judge_is_forecast_and_goes_on_to_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = tmp_path / "judge.py"
    judge.write_text("def longer(prompt, completion):\n    return len(completion) / 40\n")
    sets = {"judge__by": "program", "judge__program": f'"{judge}:longer"', "judge__samples": 1}
    whole, broken = (
        command("reward", tmp_path / name, "--json", task=TASK, measure__samples=0, **{**sets, **more})
        for name, more in (("whole", {}), ("broken", {"loop__iterations": 1}))
    )
    assert run_command(whole) == 0
    assert run_command(broken) == 0
    assert run_command([*broken[:5], "--resume", "--iterations", "2", "--json"]) == 0
    assert metrics(tmp_path / "whole") == metrics(tmp_path / "broken")
    for name in ("model", "value_head"):
        file = Path("checkpoints") / "000002" / f"{name}.safetensors"
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "broken" / file).read_bytes()
    assert "judge" in (tmp_path / "whole" / "report.html").read_text()
    capsys.readouterr()
    tokens = []
    for more in ({}, {"judge__by": "model", "judge__path": f'"{tmp_path}/whole/checkpoints/000000"'}):
        spoken = {**more, "judge__form": "additive"} if more else more
        line = command("reward", tmp_path / "dry", "--json", "--dry-run", task=TASK, **spoken)
        code = run_command(line)
        shown = capsys.readouterr()
        assert code == 0, shown.err
        stages = {row["stage"]: row for row in json.loads(shown.out)["forecast"]}
        tokens.append(stages.get("judge", {"tokens": 0})["tokens"])
    assert tokens[0] == 0 < tokens[1]
