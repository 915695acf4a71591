"""Every setting says what it does and what it may be; a wrong key is told where its like lives."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.config import Config, build_config
from engine.config.layer import parse_assignments
from engine.errors import UserError
from engine.language.method.registry import METHODS, build_text_config
from engine.language.settings import TextConfig
from engine.setting import section_docs, settings_of
from games.text.addition import Addition

TEXT = TextConfig(task="countdown", method="rft")


@pytest.mark.parametrize("values", [Config(), TEXT], ids=["games", "text"])
def test_every_setting_and_section_says_what_it_does(values: Config | TextConfig) -> None:
    rows = settings_of(values)
    assert len({row.key for row in rows}) == len(rows) > 70
    assert [row.key for row in rows if not row.does or not row.allowed] == []
    assert [name for name, text in section_docs(type(values)).items() if not text] == []


@pytest.mark.parametrize(
    ("key", "default", "allowed"),
    [
        ("search.rule", "puct", "puct, gumbel, gumbel-full"),
        ("search.noise_fraction", 0.25, "number from 0 to 1"),
        ("search.policy_temperature", 1.5, "number above 0 to 100"),
        ("learner.ema_decay", 0.998, "number from 0 below 1"),
        ("replay.window_max", 5_000_000, "whole number from 1"),
        ("search.proofs", True, "true, false"),
        ("truth.simulations", (0, 16), "list of whole numbers"),
        ("seed", 1, "whole number from 0 below 2^63"),
    ],
)
def test_a_range_in_words(key: str, default: object, allowed: str) -> None:
    row = next(row for row in settings_of(Config()) if row.key == key)
    assert (row.default, row.allowed) == (default, allowed)


def test_lists_of_bounded_numbers() -> None:
    rows = {row.key: row.allowed for row in settings_of(TEXT)}
    assert rows["sample.band"] == "list of 2 numbers from 0 to 1"
    assert rows["filter.thresholds"] == "list of numbers from 0 to 1"
    assert rows["model.lora.rank"] == "whole number from 0 to 1,024"


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("lr=1", ["unknown setting 'lr'", "'learner.learning_rate'"]),
        ("learner.lr=1", ["'learner.learning_rate'"]),
        ("learning_rate=1", ["did you mean 'learner.learning_rate'"]),
        ("search.simulations=3", ["'selfplay.simulations'"]),
        ("search.temperature=1", ["did you mean 'selfplay.temperature'?"]),
        ("selfplay.c_puct=3", ["did you mean 'search.c_puct'?"]),
        ("search.c_pcut=1", ["did you mean 'search.c_puct'?"]),
        ("train.batch_size=3", ["unknown setting 'train.batch_size'", "'learner.batch_size'"]),
        ("learner.BATCH_SIZE=3", ["did you mean 'learner.batch_size'?"]),
        ("network.num_res_blocks=3", ["did you mean 'network.blocks'?"]),
        ("iterations=3", ["unknown setting 'iterations'; sections: search"]),
        ("network.filters=3", ["known in network: channels, blocks"]),
        ("train.epochs=3", ["sections: search, selfplay", "lists all"]),
        ("loop=3", ["'loop' = 3", "section", "loop.NAME: positions, callers"]),
        ("search.c_puct.x=3", ["setting 'search.c_puct' = {'x': 3}: input should be a valid number"]),
    ],
)
def test_a_wrong_key_is_told_where_its_like_lives(assignment: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        build_config(parse_assignments([assignment]))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_value_in_the_place_of_a_section_is_not_lost() -> None:
    for layers in (parse_assignments(["search=1", "search.c_puct=2"]), {"search": None}):
        with pytest.raises(UserError, match=r"'search' = (1|None): it is a section"):
            build_config(layers, {"search": {"c_puct": 2}})


def test_a_wrong_key_of_the_loop_on_text_too() -> None:
    with pytest.raises(UserError, match=r"unknown setting 'learner.rank'; did you mean 'model.lora.rank'"):
        build_text_config("rft", "countdown", {"learner": {"rank": 4}})


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["settings", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_shows_a_games_values_and_marks_what_its_preset_changes() -> None:
    document = json.loads(invoke("connect4", "--json"))
    rows = {row["key"]: row for row in document["settings"]}
    assert rows["network.blocks"]["default"] == 3
    assert rows["network.blocks"]["is_changed"]
    assert not rows["network.channels"]["is_changed"]
    assert rows["network.blocks"]["section"] == "network"
    text = invoke("connect4")
    assert "* blocks = 3" in text
    assert "  channels = 64" in text
    assert "[search]" in text


def test_the_command_without_a_game_shows_the_defaults() -> None:
    rows = {row["key"]: row["default"] for row in json.loads(invoke("--json"))["settings"]}
    assert rows == {row.key: list(row.default) if isinstance(row.default, tuple) else row.default
                    for row in settings_of(Config())}  # fmt: skip


def test_the_command_takes_a_task_without_a_method() -> None:
    rows = {row["key"]: row for row in json.loads(invoke("countdown", "--json"))["settings"]}
    assert rows["task"]["default"] == "countdown"
    assert "sample.temperature" in rows


@pytest.mark.parametrize("method", METHODS)
def test_the_command_shows_what_a_method_sets(method: str) -> None:
    rows = json.loads(invoke("text", "--method", method, "--json"))["settings"]
    changed = {row["key"] for row in rows if row["is_changed"]}
    assert changed
    assert changed <= {row.key for row in settings_of(build_text_config(method, "TASK"))}


def test_the_command_shows_what_a_tasks_preset_sets() -> None:
    document = json.loads(invoke("addition", "--method", "rest-em", "--preset", "demo", "--json"))
    rows = {row["key"]: row for row in document["settings"]}
    for key, value in {**Addition.presets["demo"]["sample"]}.items():
        assert rows[f"sample.{key}"]["default"] == value
    assert (rows["task"]["default"], rows["preset"]["default"]) == ("addition", "demo")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "large"], "settings GAME --preset large"),
        (["--method", "rft"], "settings text --method rft"),
        (["connect4", "--preset", "huge"], "no preset 'huge'"),
        (["connect4", "--method", "rft"], "unknown task 'connect4'"),
        (["text", "--method", "rtf"], "did you mean 'rft'"),
        (["text", "--preset", "x"], "settings TASK --method M --preset x"),
        (["text", "--method", "rft", "--preset", "demo"], "settings TASK --method rft --preset demo"),
        (["countdown", "--method", "rest-em", "--preset", "huge"], "no preset 'huge'"),
        (["conect4"], "did you mean 'connect4'"),
        (["adition"], "unknown game or task 'adition'; did you mean 'addition'"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        CliRunner().invoke(app, ["settings", *arguments], catch_exceptions=False)
