from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import text_runs
from small_text_run import command, metrics
from tiny_models import byte_tokenizer, other_model, tiny_llama
from trained_run import mistake, own

from engine.cli.app import run as run_command
from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.forecast.forecast import Counts, stages
from engine.language.method.constitution.phase import constitution_for, phase_of
from engine.language.method.constitution.preferred import (
    Compared,
    PreferenceTrainer,
    candidates,
    helpful_preferences,
    preference_model,
)
from engine.language.method.constitution.reinforced import Reinforced, Reinforcer
from engine.language.method.registry import build_text_config, load_method
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import save_model
from engine.language.problem.preference_file import Preference
from engine.language.problem.task_registry import load_task
from engine.language.record.text_run import TextRun
from engine.language.task import Prompt, VerifyResult
from games.text.chat import Chat

__all__ = ["own"]

CHAT = "games.text.chat:Chat"
QUICK: dict[str, Any] = {
    "loop__iterations": 3,
    "constitution__preference_steps": 3,
    "constitution__policy_steps": 2,
    "policy__groups": 4,
    "policy__updates": 1,
    "policy__minibatches": 1,
    "model__steps": 3,
    "update__steps": 2,
    "sample__prompts": 10,
    "sample__samples": 2,
    "guards__mode": '"observe"',
}


def words(path: Path, task: str = CHAT, *more: str, **settings: Any) -> list[str]:
    return command("constitutional", path, *more, task=task, shared=QUICK, **settings)


def test_three_phases_are_three_iterations(tmp_path: Path) -> None:
    assert run_command(words(tmp_path / "run")) == 0
    lines = metrics(tmp_path / "run")
    assert [sorted(name for name in line if name.startswith("constitution/broken_")) for line in lines] == [
        [],
        ["constitution/broken_revisions", "constitution/broken_samples"],
        ["constitution/broken_samples"],
        ["constitution/broken_samples"],
    ]
    assert all("constitution/broken" in line for line in lines)
    assert "constitution/agreement" in lines[2]
    assert "policy/reward" in lines[3]
    with TextRun.open(tmp_path / "run") as run:
        run.latest()
        sources = {(each.iteration, each.source, each.result.kind) for each in run.episodes()}
    assert sources == {
        (1, "model", "exact"), (1, "revision", "exact"), (2, "model", "exact"), (3, "model", "learned"),
    }  # fmt: skip


@pytest.mark.parametrize("part", [Compared, PreferenceTrainer, Reinforced, Reinforcer])
def test_a_run_goes_on_between_phases_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: type
) -> None:
    assert run_command(words(tmp_path / "whole")) == 0

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(part, "learn" if hasattr(part, "learn") else "write", interrupted)
        assert run_command(words(tmp_path / "parts")) == 130
    assert run_command(["text", "constitutional", CHAT, "--run", str(tmp_path / "parts"), "--resume"]) == 0
    for name in ("model.safetensors", "value_head.safetensors"):
        whole, parts = (
            (tmp_path / which / "checkpoints" / "000003" / name).read_bytes() for which in ("whole", "parts")
        )
        assert whole == parts
    assert metrics(tmp_path / "whole")[1:] == metrics(tmp_path / "parts")[1:]


def test_countdown_from_nothing_by_rules_alone(tmp_path: Path) -> None:
    assert run_command(words(tmp_path / "run", "countdown")) == 0
    assert "constitution/broken" in metrics(tmp_path / "run")[-1]


def real_model(folder: Path) -> Path:
    """A byte-level GPT-2 with a chat template."""
    tokenizer = byte_tokenizer(["user: assistant: the reply is kind and clear\n"] * 5)
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}<assistant>"
    )
    made = other_model(
        "GPT2LMHeadModel", "GPT2Config", n_positions=512, n_embd=32, n_layer=1, n_head=2,
        vocab_size=len(tokenizer), bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    save_model(LanguageModel(made.network, tokenizer), folder)
    return folder


@pytest.mark.parametrize("chat", [False, True])
def test_a_real_model_is_asked_in_prose(tmp_path: Path, own: Callable[[str], str], chat: bool) -> None:
    task = own("alphabet = ''\nmax_tokens = 40\nend = ' '")
    line = words(
        tmp_path / "run", task, model__path=f'"{real_model(tmp_path / "model")}"',
        model__chat=json.dumps(chat), sample__prompts=4, measure__holdout=3, model__demonstrations=10,
    )  # fmt: skip
    assert run_command(line) == 0
    last = metrics(tmp_path / "run")[-1]
    assert "constitution/broken" not in last, "no rule that a program can check"
    assert "policy/reward" in last


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "give a TOML file"),
        ("", "has no principle"),
        ('[[principle]]\nname = "a"\nrequire = "x"\nforbid = "x"', "contradicts itself"),
        ('[[principle]]\nname = "a"\ncritique = "?"\nrevision = "Schreib es größer."', "cannot read"),
        (
            '[form]\nanswers = ["A", "é"]\n[[principle]]\nname = "a"\ncritique = "calm"\nrevision = "calm"',
            "set its form.answers",
        ),
    ],
)
def test_a_constitution_that_is_none_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, told: str
) -> None:
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_text(content)
    line = words(tmp_path / "run", constitution__path=f'"{path}"')
    assert told in mistake([*line, "--json"], capsys)


def test_a_task_without_a_constitution_needs_a_model_that_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own: Callable[[str], str]
) -> None:
    told = mistake(words(tmp_path / "run", own(""), "--json"), capsys)
    assert "constitution.path" in told
    assert "--model" in told
    config = build_text_config("constitutional", own(""), {"model": {"path": "somewhere"}})
    assert constitution_for(config, load_task(config.task)).name == "prose"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"constitution": {"phases": ["reinforce"]}}, '"reinforce" needs the preference model'),
        ({"constitution": {"phases": ["reinforce", "prefer"]}}, '"reinforce" needs the preference model'),
        ({"constitution": {"phases": []}}, "phases"),
        ({"constitution": {"phases": ["prefer", "prefer"]}}, "twice"),
        ({"constitution": {"phases": ["improve"]}}, "phases"),
        ({"constitution": {"clamp": [0.6, 0.4]}}, "one half"),
        ({"constitution": {"clamp": [0.6, 0.9]}}, "one half"),
        ({"constitution": {"revisions": 0}}, "revisions"),
        ({"sample": {"samples": 1}}, "a preference is between two replies"),
        ({"policy": {"baseline": "group"}}, "policy.baseline"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], told: str) -> None:
    method = load_method("constitutional")
    with pytest.raises(UserError, match=told):
        method.check(build_text_config("constitutional", "countdown", settings))


def test_the_last_phase_goes_on() -> None:
    config = build_text_config("constitutional", "countdown")
    assert [phase_of(config, iteration) for iteration in (1, 2, 3, 4, 9)] == [
        "revise", "prefer", "reinforce", "reinforce", "reinforce",
    ]  # fmt: skip


def test_its_forecast_has_a_row_a_phase() -> None:
    config = build_text_config("constitutional", "countdown", {"loop": {"iterations": 4}})
    rows = {each.name: each for each in stages(config, 10.0, Counts(1000, 100, 10, 100))}
    assert rows["revise"].written == 1000 * 4 * (1 + 2 * 4) * 10
    assert rows["revise"].steps == config.update.steps
    assert rows["prefer"].written == 1000 * 4 * 10
    assert rows["prefer"].steps == 2 * 600
    assert rows["reinforce"].steps == 2 * 200
    assert rows["reinforce"].written == 2 * (200 // 8) * 64 * 4 * 10
    assert "learn" not in rows
    fewer = build_text_config("constitutional", "countdown", {"loop": {"iterations": 1}})
    assert "prefer" not in {each.name for each in stages(fewer, 10.0, Counts(1000, 100, 10, 100))}


TASK = Chat()
ONE, TWO = TASK.prompts("train", 2, 0)


def episode(prompt: Prompt, text: str, *, kept: bool = True, score: float = 1.0) -> Episode:
    return Episode(prompt, text, VerifyResult(score), "model", 1, "", 1, 1.0, -1.0, 3, kept=kept)


def test_replies_are_compared_two_by_two_and_never_with_themselves() -> None:
    replies = [
        *(episode(ONE, text) for text in ("a", "a", "b", "c", "d", "e")),
        episode(TWO, "a"),
        episode(TWO, "f", kept=False),
        episode(TWO, " "),
    ]
    found = [(each.prompt.id, each.first, each.second) for each in candidates(replies)]
    assert found == [(ONE.id, "a", "b"), (ONE.id, "c", "d")]


def test_help_is_what_the_verifier_tells_apart() -> None:
    truth = {"right": 1.0, "wrong": 0.0, "other": 1.0}
    turn: Any = SimpleNamespace(
        seed=1, iteration=2, truth=lambda pairs: [VerifyResult(truth[text]) for _, text in pairs]
    )
    both = [episode(ONE, "right"), episode(ONE, "wrong", score=0.0)]
    (found,) = helpful_preferences(turn, both, 5)
    assert (found.chosen, found.rejected, found.share, found.key) == ("right", "wrong", 1.0, ONE.key)
    alone = [episode(ONE, "right"), episode(TWO, "other")]
    assert helpful_preferences(turn, alone, 5) == [], "what is right here, too, says nothing"
    assert helpful_preferences(turn, both, 0) == []
    truth["other"] = 0.0
    first = helpful_preferences(turn, [*both, episode(TWO, "other")], 1)
    assert [each.rejected for each in first] == ["wrong"], "wrong replies to the problem come first"


@pytest.mark.parametrize(("pattern", "is_told"), [("x+", True), ("[^7]+", False)])
def test_rules_that_no_text_keeps_together_are_told(tmp_path: Path, pattern: str, is_told: bool) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f"[[principle]]\nname = 'one'\npattern = '{pattern}'\n")
    config = build_text_config("constitutional", CHAT, {"constitution": {"path": str(path)}})
    said: list[str] = []
    turn: Any = SimpleNamespace(
        task=TASK, real=TASK.demonstrations(30, 0), reporter=SimpleNamespace(message=said.append)
    )
    assert load_method("constitutional").trainer(config).prepare(turn) == 0
    assert ["keeps every rule" in text and "'one'" in text for text in said] == [True] * is_told


def test_preferences_that_their_model_cannot_read_are_told() -> None:
    config = build_text_config("constitutional", CHAT, {})
    model = tiny_llama(1)
    turn: Any = SimpleNamespace(companions=SimpleNamespace(get=lambda *_: model), iteration=2)
    with pytest.raises(UserError, match="2 of 2 preferences are left out"):
        PreferenceTrainer(config)._fit(turn, [Preference("1+1=", "é", "2"), Preference("ü", "2", "3")])


def test_reinforcement_without_a_preference_model_is_told() -> None:
    turn: Any = SimpleNamespace(companions={})
    with pytest.raises(UserError, match="comes before it"):
        preference_model(turn)


def test_a_task_of_letters_has_a_constitution_of_its_own_by_its_attribute(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[[principle]]\nname = "none"\nforbid = "b"\n')
    config = build_text_config("constitutional", text_runs.TASK)
    task = load_task(config.task)
    type(task).constitution = str(path)
    try:
        assert constitution_for(config, task).broken("", "ab") == ["none"]
        path.write_text('[[principle]]\nname = "other"\nforbid = "c"\n')
        assert constitution_for(config, task).broken("", "ab") == []
    finally:
        del type(task).constitution
