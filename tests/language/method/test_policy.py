"""Policy gradients in the loop: rounds, resuming, real models, games of two, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import letters
import numpy as np
import pytest
from small_text_run import command, metrics
from tiny_models import byte_tokenizer, other_model, save_plain, tiny_llama
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.language.episode import Episode
from engine.language.method.policy.advantage import by_token
from engine.language.method.policy.config import PolicySettings
from engine.language.method.policy.group_sampler import GroupSampler
from engine.language.method.policy.group_trainer import GroupTrainer
from engine.language.method.registry import build_text_config
from engine.language.method.turn import Turn
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score_tokens
from engine.language.parts import turnable
from engine.language.record.text_run import TextRun
from engine.language.rollout import Draw, Policy, sample
from engine.language.task import Demonstration, Prompt, Task, VerifyResult
from engine.run.layout import checkpoint_folder
from games.text.textgame import TextGame

__all__ = ["own"]

LETTERS = f"{letters.__file__}:Letters"


def words(method: str, task: str, run: Path, *more: str, **settings: Any) -> list[str]:
    return trained(task, run, *more, method=method, **settings)


def episodes_of(run: Path) -> list[Episode]:
    with TextRun.open(run) as opened:
        opened.latest()
        return opened.episodes()


EVERYTHING = {
    "sample__samples": 4,
    "policy__groups": 4,
    "policy__updates": 2,
    "policy__minibatches": 2,
    "policy__refills": 2,
    "policy__beta": 0.05,
    "policy__reference": '"accepted"',
    "policy__learning_rate": 0.01,
    "update__steps": 8,
    "sample__band": "[0.01,0.99]",
}


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("grpo", EVERYTHING),
        ("rloo", {"policy__beta": 0.05, "policy__groups": 4, "update__steps": 2}),
        (
            "grpo",
            {
                "policy__baseline": '"role"',
                "policy__scale": '"none"',
                "policy__groups": 4,
                "update__steps": 2,
            },
        ),
    ],
    ids=["everything", "rloo", "role"],
)
def test_a_run_is_forecast_and_goes_on_to_the_same_bytes(
    method: str, settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run_command(words(method, LETTERS, whole, "--dry-run", **settings)) == 0
    assert "learn" in capsys.readouterr().out
    assert run_command(words(method, LETTERS, whole, **(settings | {"loop__iterations": 2}))) == 0
    assert run_command(words(method, LETTERS, broken, **settings)) == 0
    assert run_command(["text", method, LETTERS, "--run", str(broken), "--resume", "--iterations", "2"]) == 0
    assert metrics(whole) == metrics(broken)
    weights = [checkpoint_folder(run, 2) / "model.safetensors" for run in (whole, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert weights[0].read_bytes() != (checkpoint_folder(whole, 1) / "model.safetensors").read_bytes()
    page = (whole / "report.html").read_text()
    assert "zero spread" in page
    assert "Policy" in page


def test_what_is_rewarded_is_written_more_often(tmp_path: Path) -> None:
    line = words(
        "grpo", LETTERS, tmp_path / "run", policy__learning_rate=0.003, policy__groups=12, update__steps=12,
        sample__samples=8, loop__iterations=3, sample__demonstrated=False, guards__mode='"observe"',
    )  # fmt: skip
    assert run_command(line) == 0
    rewards = [each["policy/reward"] for each in metrics(tmp_path / "run")[1:]]
    assert rewards[-1] > rewards[0] + 0.2
    episodes = episodes_of(tmp_path / "run")
    assert len({each.model for each in episodes}) > 2 * 12, "a round is written by what has become"
    assert len({each.seed for each in episodes}) == len(episodes)


def test_what_was_told_while_writing_is_what_reading_says() -> None:
    """So that ratios begin at 1: on the own decoder and on a cache of transformers, at the same weights."""
    task = letters.Letters()
    for model in (
        tiny_llama(),
        other_model("GPT2LMHeadModel", "GPT2Config", n_embd=32, n_layer=2, n_head=4, resid_pdrop=0.5),
    ):
        prompts = [Prompt("a", "a12=", "a"), Prompt("b", "b3=", "b")]
        verify = lambda pairs: [task.verify(*pair) for pair in pairs]  # noqa: E731
        written = sample(task, [Policy(model, "")], prompts, 8, Draw(), verify, seed=1, iteration=1)
        heads = model.codec.encode_prompts([each.prompt.text for each in written])
        tails = [cast("Any", each.ids).tolist() for each in written]
        for row, each in zip(score_tokens(model, heads, tails), written, strict=True):
            np.testing.assert_allclose(row, each.logprobs, atol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "llama-chat"])
@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_local_models_with_tokenizers_of_their_own(
    method: str, kind: str, own: Callable[[str], str], tmp_path: Path
) -> None:
    """Byte-level tokens, dropout, a chat template: the drawn tokens are learnt, and ratios start at 1."""
    tokenizer = byte_tokenizer([f"{a}+{b}={a + b}" for a in range(20) for b in range(20)])
    if kind == "gpt2":
        made = other_model(
            "GPT2LMHeadModel", "GPT2Config", n_embd=32, n_layer=2, n_head=4, vocab_size=len(tokenizer),
            eos_token_id=0, bos_token_id=0, pad_token_id=0, resid_pdrop=0.5, embd_pdrop=0.5,
        )  # fmt: skip
    else:
        tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
        made = other_model(
            "LlamaForCausalLM", "LlamaConfig", vocab_size=len(tokenizer), eos_token_id=0, bos_token_id=0,
            pad_token_id=0,
        )  # fmt: skip
    folder = save_plain(LanguageModel(made.network, tokenizer), tmp_path / "model")
    line = words(
        method, own("def right(self, prompt): return prompt.id[0]"), tmp_path / "run", policy__groups=6,
        sample__samples=8, update__steps=6, policy__updates=3, policy__learning_rate=1e-4,
        model__path=f'"{folder}"', model__chat=str(kind == "llama-chat").lower(), policy__overlong=2,
    )  # fmt: skip
    assert run_command(line) == 0
    last = metrics(tmp_path / "run")[-1]
    assert last["policy/ratio"] == pytest.approx(1, abs=0.2)
    assert "policy/entropy" in last


# Games of two


def game_episode(completion: str) -> tuple[TextGame, Episode]:
    task = TextGame("tictactoe", opening_plies=0)
    prompt = task.start()
    return task, Episode(
        prompt, completion, task.verify(prompt, completion), "model", 1, "", 0, 1.0, 0.0, len(completion)
    )


def moves_of(task: TextGame, count: int, choose: int = 0) -> str:
    """The first legal move each time."""
    text = ""
    for _ in range(count):
        text += task.legal_steps(task.start(), text)[choose]
    return text


def test_each_player_is_credited_for_own_moves() -> None:
    task = TextGame("tictactoe", opening_plies=0)
    text = ""
    while not task.is_complete(task.start(), text):
        text += task.legal_steps(task.start(), text)[0]
    task, episode = game_episode(text)
    assert not episode.result.is_forfeit
    model = other_model("LlamaForCausalLM", "LlamaConfig", alphabet=task.alphabet)
    ids = model.codec.encode_completions([episode.prompt.text], [text])[0] + [model.codec.end]
    found = by_token(model.codec, task, episode, ids, np.array([1.0, -1.0]))
    place = 0
    for number, step in enumerate(task.steps(text)):
        assert set(found[place : place + len(step)]) == {1.0 if number % 2 == 0 else -1.0}
        place += len(step)
    assert found[place:].tolist() == [0.0]


@pytest.mark.parametrize(("tail", "blamed"), [("zz ", 3), ("", 1)], ids=["illegal", "none"])
def test_of_a_forfeit_only_what_broke_the_rules_is_blamed(tail: str, blamed: int) -> None:
    """A move that is none, with the end behind it; or the end where a move was due."""
    task = TextGame("tictactoe", opening_plies=0)
    start = moves_of(task, 2)
    task, episode = game_episode(start + tail)
    assert episode.result.is_forfeit
    model = other_model("LlamaForCausalLM", "LlamaConfig", alphabet=task.alphabet + "z")
    ids = model.codec.encode_completions([episode.prompt.text], [start + tail])[0] + [model.codec.end]
    found = by_token(model.codec, task, episode, ids, np.array([-1.0, 1.0]))
    assert found[: len(start)].tolist() == [0.0] * len(start)
    assert found[len(start) :].tolist() == [-1.0] * (len(tail) + 1)
    assert len(tail) + 1 >= blamed


@pytest.mark.parametrize("baseline", ["role", "group", "others"])
def test_a_game_of_two_is_played_and_learnt(baseline: str, tmp_path: Path) -> None:
    line = command(
        "grpo", tmp_path / "run", task="textgame:game=tictactoe,opening_plies=2", policy__groups=6,
        policy__baseline=f'"{baseline}"', policy__scale='"none"', update__steps=4, sample__samples=4,
        loop__iterations=2, policy__learning_rate=0.001, model__steps=60,
    )  # fmt: skip
    assert run_command(line) == 0
    last = metrics(tmp_path / "run")[-1]
    assert 0 <= last["policy/reward"] <= 1
    assert last["loss/gradient_norm"] > 0
    with TextRun.open(tmp_path / "run") as opened:
        opened.latest()
        memory = opened.progress(2)["memory"]
    assert (len(memory["roles"]) == 2) == (baseline == "role") if memory else baseline != "role"


def test_real_data_of_a_game_is_learnt_from_whom_it_shows() -> None:
    """Demonstrations whose winner moves second: the other side's moves are no lesson."""
    task = TextGame("tictactoe", opening_plies=0)
    start = task.start()
    text = moves_of(task, 4)
    model = other_model("LlamaForCausalLM", "LlamaConfig", alphabet=task.alphabet)

    class Fake:
        def __init__(self) -> None:
            self.task, self.student, self.seed, self.iteration = task, model, 1, 1
            self.real = [Demonstration(start, text, players=(1,))]

    config = build_text_config("grpo", "textgame:game=tictactoe", {"mix": {"real_fraction": 0.5}})
    assert isinstance(config, PolicySettings)
    (found,) = GroupTrainer(config).real(cast("Turn", Fake()), 1)
    assert found.learnt is not None
    steps = task.steps(text)
    own = [number % 2 == 1 for number, step in enumerate(steps) for _ in step]
    assert list(found.learnt) == [*own, True]


# What is learnt


def test_what_was_barred_since_is_not_learnt() -> None:
    """An evaluation item in a completion above the mean takes `kept` away."""
    config = build_text_config("grpo", "countdown")
    assert isinstance(config, PolicySettings)
    trainer, task = GroupTrainer(config), cast("Task", letters.Letters())
    rows = [
        Episode(
            Prompt("a", "a1=", "a"), text, VerifyResult(score), "model", 1, "", 0, 1.0, 0.0, 2,
            ids=np.array([3, 4]), logprobs=np.array([-1.0, -1.0], np.float32),
        )
        for text, score in (("x", 1.0), ("y", 1.0), ("z", 0.0))
    ]  # fmt: skip
    marked = trainer.marked(task, rows, 1.0)
    assert [each.kept for each in marked] == [True, True, False]
    barred = [replace(marked[0], kept=False), *marked[1:]]

    class Fake:
        def __init__(self) -> None:
            self.task, self.student, self.memory = task, tiny_llama(), dict[str, Any]()
            self.first, self.config, self.iteration = self.student, config, 1
            self.held: list[float] = []

        def hold(self, nats: float) -> None:
            self.held.append(nats)

    turn = Fake()
    learnt = trainer._rows(cast("Turn", turn), barred)
    assert len(learnt) == 2
    assert len(turn.held) == 1, "how far it has gone from the first model"
    assert float(cast("float", learnt[0].advantage)) > 0 > float(cast("float", learnt[1].advantage))


class Asked:
    """A turn of a sampler that writes nothing."""

    def __init__(self, count: int) -> None:
        self.prompts = [Prompt(str(number), f"{number}", str(number)) for number in range(count)]
        self.seed, self.iteration = 1, 1


def drawn(sampler: GroupSampler, turn: Asked, counts: Sequence[int]) -> list[list[str]]:
    return [[each.id for each in sampler._next(cast("Turn", turn), count)] for count in counts]


def test_all_problems_come_before_one_comes_again() -> None:
    config = build_text_config("grpo", "countdown", {"policy": {"groups": 4}})
    assert isinstance(config, PolicySettings)
    turn = Asked(10)
    rounds = drawn(GroupSampler(config), turn, [4, 4, 2, 4, 20])
    assert sorted(name for each in rounds[:3] for name in each) == sorted(each.id for each in turn.prompts)
    assert all(len(set(each)) == len(each) for each in rounds)
    assert len(rounds[-1]) == 10, "there are no more"
    assert rounds == drawn(GroupSampler(config), turn, [4, 4, 2, 4, 20])


def test_a_band_leaves_out_what_was_all_right_or_all_wrong_in_the_iteration() -> None:
    changes = {"policy": {"groups": 2}, "sample": {"band": [0.1, 0.9]}}
    config = build_text_config("grpo", "countdown", changes)
    assert isinstance(config, PolicySettings)
    sampler, turn = GroupSampler(config), Asked(4)
    drawn(sampler, turn, [2, 2])

    def written(name: str, score: float) -> Episode:
        prompt = Prompt(name, name, name)
        return Episode(prompt, "", VerifyResult(score), "model", 1, "", 0, 1.0, 0.0, 1)

    sampler._written = [written("0", 1.0), written("1", 0.0), written("2", 1.0), written("2", 0.0)]
    assert sorted(drawn(sampler, turn, [2])[0]) == ["2", "3"]


def test_alarms_turn_what_has_an_effect() -> None:
    config = build_text_config("grpo", "countdown")
    assert isinstance(config, PolicySettings)
    found = turnable(config, GroupTrainer(config), 0.0)
    assert found == {
        "update.steps": 100,
        "policy.beta": 0.0,
        "sample.band": (0.0, 1.0),
        "sample.temperature": 1.0,
    }


# What is refused


def test_a_judge_that_can_be_fooled_needs_real_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words("grpo", f"{LETTERS}:verdict=learned", tmp_path / "run")
    alone = ["--set", "mix.real=false", "--set", "mix.real_fraction=0"]
    assert "learned verifier with no real data" in mistake([*line, *alone], capsys)
    assert "give both mix.real" in mistake([*line, "--set", "mix.real=false"], capsys)
    joined = ["--set", "mix.real_fraction=0.3"]
    assert run_command([*line, *joined]) == 0
    last = metrics(tmp_path / "run")[-1]
    assert last["loss/nll"] > 0
    assert last["data/real_fraction"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("method", "settings", "told"),
    [
        ("grpo", {"policy__decay": 0.5}, "policy.decay = 0.5 has no effect"),
        ("ppo", {"policy__decay": 0.5}, "policy.decay = 0.5 has no effect"),
        ("ppo", {"ppo__kl_gain": 0.5}, "ppo.kl_gain = 0.5 has no effect"),
        ("ppo", {"ppo__kl_step": 1, "policy__updates": 1}, "ppo.kl_step = 1 has no effect"),
        ("ppo", {"ppo__value_weight": 1, "ppo__critic": '"model"'}, "ppo.value_weight = 1 has no effect"),
        ("rloo", {"update__steps": 3, "policy__minibatches": 4}, "update.steps = 3: a round alone takes 4"),
    ],
)
def test_what_would_have_no_effect_is_refused(
    method: str, settings: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in mistake(words(method, f"{LETTERS}", tmp_path / "run", **settings), capsys)


def test_a_policy_that_goes_too_far_is_stopped_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words(
        "grpo", LETTERS, tmp_path / "run", policy__learning_rate=0.05, update__steps=8, policy__groups=8,
        monitor__thresholds__kl_explosion=0.05, guards__force="false",
    )  # fmt: skip
    assert run_command(line) == 0
    said = capsys.readouterr().err
    assert "drift/kl_token" in said
    assert metrics(tmp_path / "run")[-1]["accepted"] == 0


def test_groups_without_variance_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "same.py").write_text(
        "from letters import Letters\nfrom engine.language.task import VerifyResult\n\n"
        "class Same(Letters):\n    def verify(self, prompt, completion):\n        return VerifyResult(0.5)\n"
    )
    run = tmp_path / "run"
    assert run_command(words("grpo", f"{tmp_path}/same.py:Same", run, guards__mode='"observe"')) == 0
    assert "all completions of each problem score alike" in capsys.readouterr().err
    weights = [checkpoint_folder(run, number) / "model.safetensors" for number in (0, 1)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert metrics(run)[-1]["policy/zero_spread"] == 1
