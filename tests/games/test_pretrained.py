"""A network that comes with a game has a name, wherever a player is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.errors import UserError
from engine.player.name import load_player, pretrained_path, read_checkpoint
from engine.registry import game_names, load_game


def test_connect4_brings_a_network_that_every_place_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no path of the checkout is needed
    assert (pretrained_path("connect4:pretrained") / "model.safetensors").is_file()
    config, _ = read_checkpoint("connect4:pretrained")
    assert config.game == "connect4"
    player = load_player("connect4:pretrained", simulations=8)
    assert player.name == "connect4:pretrained"
    position = player.game.parse("121212")
    assert player.analyze([position], 16)[0]["best"] == "1"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("chess:pretrained", "game 'chess' brings no network; there is connect4:pretrained"),
        ("go:size=9:pretrained", "game 'go:size=9' brings no network"),
        ("conect4:pretrained", "did you mean 'connect4'"),
    ],
)
def test_a_game_without_one_says_which_has(spec: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_checkpoint(spec)


def test_it_plays_its_own_game_alone() -> None:
    with pytest.raises(UserError, match="plays connect4, not tictactoe"):
        load_player("connect4:pretrained", load_game("tictactoe"), 8)


def test_games_lists_networks_and_options() -> None:
    result = CliRunner().invoke(app, ["games", "--json"], catch_exceptions=False)
    rows = {row["name"]: row for row in json.loads(result.output)["games"]}
    assert set(rows) == set(game_names())
    assert rows["connect4"]["pretrained"] == "connect4:pretrained"
    assert rows["chess"]["pretrained"] is None
    assert rows["go"]["options"]["size"] == 19
    assert rows["chess"]["options"]["draws"] == "threefold"
    text = CliRunner().invoke(app, ["games"], catch_exceptions=False).output
    assert "network: connect4:pretrained" in text
    assert "options: size=19, rules=tromp-taylor, ko, suicide" in text
