"""KataGo's and Leela Zero's commands about rules, settings and the network."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
from gtp_client import Client
from random_network import network_of
from scripted_player import ScriptedPlayer

from engine._core import Game
from engine.config import Config
from engine.player import Player
from engine.player.tree_player import network_player
from engine.protocols.gtp.kata.network import predict_turned
from engine.registry import load_game


def scripted(game: str = "go:size=5") -> tuple[Client, list[ScriptedPlayer]]:
    players: list[ScriptedPlayer] = []

    def make(asked: Any) -> ScriptedPlayer:
        players.append(ScriptedPlayer(asked))
        return players[-1]

    return Client(game, open_player=make), players


def with_network(game: str) -> Client:
    def make(asked: Game) -> Player:
        return network_player("net", asked, Config(), network_of(asked, 3), 4)

    return Client(game, open_player=make)


def test_rules_are_told_set_and_kept_over_moves() -> None:
    client, players = scripted()
    assert json.loads(client.ok("kata-get-rules")) == {
        "ko": "POSITIONAL", "scoring": "AREA", "suicide": True, "tax": "NONE", "whiteHandicapBonus": "0",
        "hasButton": False, "friendlyPassOk": False,
    }  # fmt: skip
    client.ok("komi 6.5")
    client.ok("play b C3")
    client.ok("kata-set-rules japanese")
    assert json.loads(client.ok("kata-get-rules"))["scoring"] == "TERRITORY"
    assert (client.ok("get_komi"), client.session.game.name) == ("6.5", "go:size=5,rules=japanese")
    assert client.session.state.position()[1] == [12]
    client.ok("kata-set-rule scoring AREA")
    client.ok('kata-set-rules {"ko": "SITUATIONAL", "suicide": false, "whiteHandicapBonus": "N-1"}')
    assert "rules=aga" in client.session.game.name
    assert players[-1].game.name == client.session.game.name


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("kata-set-rules", "give rules"),
        ("kata-set-rules gomoku", "unknown rules 'gomoku'"),
        ("kata-set-rules stone-scoring", "a group tax"),
        ("kata-set-rules {", "no JSON object"),
        ("kata-set-rule ko", "give a part"),
        ("kata-set-rule ko SPIGHT", "none of SIMPLE"),
        ("kata-set-rule cake 3", "unknown part 'cake'"),
    ],
)
def test_rules_that_are_not_played_are_refused_and_nothing_changes(line: str, words: str) -> None:
    client, players = scripted()
    assert words in client.refused(line)
    assert len(players) == 1


def test_rules_that_forbid_what_was_played_are_refused() -> None:
    client, _ = scripted("go:size=3")
    for color, point in zip("bwbwbwb", ["A1", "A2", "B1", "B2", "pass", "C2", "C1"], strict=True):
        client.ok(f"play {color} {point}")  # Black fills the own last liberty
    before = client.ok("showboard")
    assert "chinese does not allow the moves so far" in client.refused("kata-set-rules chinese")
    assert client.ok("showboard") == before
    client.ok("kata-set-rules new-zealand")


def test_a_game_of_one_rule_set_has_none_of_these() -> None:
    client, _ = scripted("connect4")
    assert "kata-get-rules" not in client.ok("list_commands").split("\n")
    assert client.refused("kata-get-rules") == "unknown command"


def test_every_setting_does_something() -> None:
    client, players = scripted()
    client.ok("kata-set-param maxVisits 3")
    client.ok("kata-search b")
    assert players[0].queries[-1].simulations == 3
    client.ok("kata-set-param maxTime 0.05")
    client.ok("kata-set-param maxVisits 100000000")
    client.ok("kata-search b")  # ends
    query = players[0].queries[-1]
    assert query.deadline is not None
    assert query.simulations == 100_000_000
    client.ok("kata-set-param lagBuffer 0.25")
    assert client.session.settings.lag_s == 0.25
    client.ok("kata-set-param ponderingEnabled true")
    assert client.session.settings.ponders is True
    client.ok("kata-set-param analysisPVLen 2")
    names = client.ok("kata-list-params").split(" ")
    values = json.loads(client.ok("kata-get-params"))
    assert values == {
        "maxVisits": 100_000_000, "maxTime": 0.05, "lagBuffer": 0.25, "ponderingEnabled": True,
        "analysisPVLen": 2,
    }  # fmt: skip
    assert [*values] == names
    for name, value in values.items():
        assert json.loads(client.ok(f"kata-get-param {name}")) == value
    client.ok('kata-set-params {"maxVisits": 7, "ponderingEnabled": false}')
    assert client.ok("kata-get-param maxVisits") == "7"
    assert client.ok("kata-get-param ponderingEnabled") == "false"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("kata-set-param maxVisits 0", "maxVisits '0': give a whole number from 1"),
        ("kata-set-param maxVisits 1.5", "give a whole number"),
        ("kata-set-param maxVisits nan", "give a whole number"),
        ("kata-set-param maxTime inf", "give a number from 0.001"),
        ("kata-set-param maxTime x", "maxTime 'x'"),
        ("kata-set-param ponderingEnabled maybe", "neither true nor false"),
        (
            "kata-set-param analysisWideRootNoise 0.04",
            "there is no setting 'analysisWideRootNoise'; there are",
        ),
        ("kata-set-param numSearchThreads 4", "there is no setting 'numSearchThreads'"),
        ("kata-get-param playoutDoublingAdvantage", "there is no setting"),
        ("kata-set-param maxVisits", "give the name"),
        ("kata-get-param", "give the name"),
        ("kata-set-params 3", "a JSON object"),
        ("kata-set-params {", "a JSON object"),
        ('kata-set-params {"maxVisits": 5, "maxTime": -1}', "maxTime '-1'"),
        ("lz-setoption name Use_Symmetries value true", "there is no setting 'use_symmetries'"),
        ("lz-setoption visits 3", "give name NAME value VALUE"),
        ("lz-setoption name visits", "give name NAME value VALUE"),
    ],
)
def test_settings_that_are_wrong_are_refused_and_nothing_changes(line: str, words: str) -> None:
    client, _ = scripted()
    before = client.ok("kata-get-params")
    assert words in client.refused(line)
    assert client.ok("kata-get-params") == before


def test_settings_by_leela_zeros_names() -> None:
    client, _ = scripted()
    client.ok("lz-setoption name Visits value 12")
    client.ok("lz-setoption name lagbuffer value 50")
    client.ok("lz-setoption name pondering value true")
    assert json.loads(client.ok("kata-get-params")) == {
        "maxVisits": 12, "maxTime": 1e9, "lagBuffer": 0.5, "ponderingEnabled": True, "analysisPVLen": 1000
    }  # fmt: skip
    lines = client.ok("lz-setoption").strip().split("\n")
    assert lines[0] == "option name visits type spin default 12 min 1 max 1000000000"
    assert lines[-1] == "option name pondering type check default true"


def test_trees_are_forgotten_on_demand() -> None:
    client, players = scripted()
    client.ok("clear_cache")
    assert players[0].forgotten == 1


def test_how_fast_the_search_is() -> None:
    client, _ = scripted()
    found = re.fullmatch(r"visits (\d+) seconds \d+\.\d+ visits/s \d+\.\d", client.ok("kata-benchmark 9"))
    assert found is not None
    assert found[1] == "9"
    assert "give 1 to" in client.refused("kata-benchmark 0")


def read_raw(text: str, cells: int) -> list[dict[str, list[float]]]:
    """As clients do: keys and the numbers behind each, whatever the white space is."""
    found: list[dict[str, list[float]]] = []
    key = ""
    for word in text.split():
        if re.fullmatch(r"-?[0-9.]+|NAN", word):
            found[-1][key].append(float(word))
        else:
            key = word
            if key == "symmetry":
                found.append({})
            found[-1][key] = []
    for each in found:
        assert len(each["policy"]) == cells
        assert len(each.get("whiteOwnership", [0.0] * cells)) == cells
    return found


def test_the_bare_network_of_go() -> None:
    client = with_network("go:size=3x2")
    client.ok("play b A1")
    text = client.ok("kata-raw-nn all")
    every = read_raw(text, 6)
    assert [each["symmetry"] for each in every] == [[0.0], [1.0], [2.0], [3.0]]
    for each in every:
        assert each["whiteWin"][0] + each["whiteLoss"][0] + each["draw"][0] == pytest.approx(1, abs=1e-5)
        assert math.isnan(each["policy"][3])  # A1 is taken
        total = np.nansum(each["policy"]) + each["policyPass"][0]
        assert total == pytest.approx(1, abs=1e-5)
        assert max(map(abs, each["whiteOwnership"])) <= 1
        assert len(each["whiteLead"]) == 1
    assert client.ok("kata-raw-nn 2") in text
    assert client.refused("kata-raw-nn 4").startswith("symmetry '4': this game has 0 to 3")
    model = json.loads(client.ok("kata-get-models"))[0]
    assert (model["name"], model["hasOwnership"]) == ("net", True)


@pytest.mark.parametrize("spec", ["go:size=4", "connect4", "othello"])
def test_a_turned_position_is_seen_as_that_position(spec: str) -> None:
    game = load_game(spec)
    network = network_of(game, 5)
    first = game.initial().legal_actions()[0]
    for symmetry in range(len(game.cell_symmetries)):
        turn = game.action_symmetries[symmetry]
        state, image = game.initial(), game.initial()
        state.play(first)
        if int(turn[first]) not in image.legal_actions():
            continue  # Othello's start is turned into another
        image.play(int(turn[first]))
        policy, wdl, owners, lead = predict_turned(game, state, network, symmetry)
        expected = predict_turned(game, image, network, 0)
        assert policy == pytest.approx(expected[0][turn], abs=1e-5)
        assert wdl == pytest.approx(expected[1], abs=1e-5)
        if owners is not None:
            assert expected[2] is not None
            cells = game.cell_symmetries[symmetry]
            assert owners.ravel()[cells] == pytest.approx(expected[2].ravel(), abs=1e-5)
            assert lead == pytest.approx(expected[3], abs=1e-4)


def test_the_bare_network_of_a_game_whose_moves_are_no_points() -> None:
    client = with_network("gardner")
    text = client.ok("kata-raw-nn 0")
    moves = text.split("policy\n")[1].split(" ")
    state = client.session.state
    assert moves[::2] == [state.action_text(action) for action in state.legal_actions()]
    assert sum(map(float, moves[1::2])) == pytest.approx(1, abs=1e-5)
    # White is to move: White's share is the mover's
    win = float(re.search(r"whiteWin (\S+)", text)[1])  # type: ignore[index]
    _, wdl, _, _ = predict_turned(client.session.game, state, client.session.player.network, 0)  # type: ignore[attr-defined]
    assert win == pytest.approx(wdl[0], abs=1e-6)


def test_players_without_a_network_have_no_such_command() -> None:
    client = Client("go:size=5", "mcts:5")
    assert client.refused("kata-raw-nn 0") == "unknown command"
    assert client.ok("kata-get-models") == "[]"
