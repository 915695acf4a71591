"""Dialogues of the clients that people use, and what these read in the answers."""

from __future__ import annotations

import json
import re

import pytest
from gtp_live import Live, Process
from gtp_readers import cgos, lizzie, sabaki, sabaki_owners
from scripted_player import ScriptedPlayer


def test_sabaki_analyzes_plays_and_goes_back() -> None:
    client = Live("go:size=9", "mcts:60")
    client.send("name", "version", "protocol_version", "list_commands")  # all at once
    name, version, protocol, commands = (client.answer() for _ in range(4))
    assert (name, version, protocol) == (["= Selfplay"], ["= 1.0"], ["= 2"])
    known = [line.removeprefix("= ") for line in commands]
    analyze = next(each for each in ("analyze", "kata-analyze", "lz-analyze") if each in known)
    genmove = next(each for each in ("genmove_analyze", "kata-genmove_analyze") if each in known)
    for line in ("komi 6.5", "boardsize 7", "clear_board", "time_settings 60 10 5"):
        assert client.ok(line) == ""
    client.send(f"{analyze} B 5")
    assert client.line() == "="
    infos = [client.line() or "" for _ in range(3)]
    for info in infos:
        variations = sabaki(info)
        assert variations
        assert all(0 <= each.winrate <= 100 and each.pv[0] == each.move for each in variations)
        assert all("." in each.values["winrate"] for each in variations)
    assert sum(each.visits for each in sabaki(infos[-1])) > sum(each.visits for each in sabaki(infos[0]))
    client.send("protocol_version")  # what Sabaki aborts with
    client.answer()
    assert client.answer() == ["= 2"]
    client.ok("play B D4")
    told = client.ask(f"{genmove} W 5")
    assert told[0] == "="
    move = told[-1].removeprefix("play ")
    assert sabaki(told[-2])[0].move == move
    assert client.ask(f"play B {move}") == ["? illegal move"]
    client.send("analyze B 5 ownership true")
    assert client.line() == "="
    assert len(sabaki_owners(client.line() or "", 7, 7)) == 7
    client.send("undo")
    client.answer()
    assert client.answer() == ["="]
    client.ok("undo")
    assert client.session.state.ply() == 0
    client.send("quit")
    client.wait()


@pytest.mark.parametrize("kata", [False, True])
def test_lizzie_ponders_and_moves_on(kata: bool) -> None:
    client = Live("go:size=9", "mcts:60")
    for line in ("name", "version", "boardsize 7 7", "komi 7.5", "clear_board", "time_settings 0 2 1"):
        client.ok(line)
    ponder = "kata-analyze 5 ownership true" if kata else "lz-analyze 5"
    for played in ("play B D4", "play W C5", "undo", "play W E3"):
        client.send(ponder)
        assert client.line() == "="
        found = lizzie(client.line() or "", kata)
        assert all(0 <= each.winrate <= 100 for each in found)
        client.send("name")  # what Lizzie ends pondering with
        client.answer()
        assert client.answer() == ["= Selfplay"]
        client.ok(played)
    client.send(ponder)
    assert client.line() == "="
    client.send("")  # an empty line ends it as well
    client.answer()
    told = client.ask(f"{'kata' if kata else 'lz'}-genmove_analyze B 5")
    assert lizzie(told[-2], kata)[0].move == told[-1].removeprefix("play ")
    client.send("quit")
    client.wait()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("avoid b A7,pass 2 avoid w A7,pass 2", "B7"),
        ("allow b C3,E5 1", "E5"),
        ("allow b C3,E5 1 avoid b E5 9", "C3"),
    ],
)
def test_lizzie_leaves_moves_out(words: str, told: str) -> None:
    client = Live("go:size=7", make=ScriptedPlayer)
    client.send(f"lz-analyze 5 {words}")
    assert client.line() == "="
    assert lizzie(client.line() or "", False)[0].move == told
    client.send("name")
    client.answer()
    assert client.answer() == ["= Selfplay"]
    client.close()


def test_a_search_considers_what_lizzie_allows() -> None:
    client = Live("go:size=7", "mcts:100")
    for words, moves in (("allow b C3,E5 1", {"C3", "E5"}), ("allow w C3 1 avoid b A1 9", {"C3"})):
        client.send(f"kata-analyze {words.split()[1]} 5 {words}")
        assert client.line() == "="
        assert {each.move for each in lizzie(client.line() or "", True)} == moves
        client.send("name")
        client.answer()
        assert client.answer() == ["= Selfplay"]
    assert client.ask("kata-genmove_analyze b avoid b A1 1 allow b A1 1") == [
        "? the restrictions leave no legal move; allow one"
    ]
    client.close()


def test_lizzieyzy_asks_for_rules_settings_and_more_of_an_analysis() -> None:
    client = Live("go:size=9", "mcts:60")
    known = [line.removeprefix("= ") for line in client.ask("list_commands")]
    assert {
        "rectangular_boardsize", "place_free_handicap", "time_left", "stop", "stop-ponder", "clear_cache",
        "kata-set-param", "kata-get-param", "kata-set-rules", "kata-get-rules", "lz-setoption",
    } <= set(known)  # fmt: skip
    client.ok("rectangular_boardsize 7 5")
    client.ok("komi 7.5")
    rules = json.loads(client.ok("kata-get-rules")) | {"ko": "SIMPLE", "suicide": False}
    client.ok("kata-set-rules " + json.dumps(rules, separators=(",", ":")))
    client.ok("kata-set-param maxVisits 40")
    client.ok("clear_cache")
    client.send("kata-analyze W 5 ownership true pvVisits true")
    assert client.line() == "="
    found = lizzie(client.line() or "", True)
    assert found[0].values["pvVisits"].split(" ")[0] == str(found[0].visits)
    client.send("stop")
    client.answer()
    assert client.answer() == ["="]
    assert client.ok("stop-ponder") == ""
    assert client.ask("kata-raw-nn 0") == ["? unknown command"]  # this player has no network
    client.ok("play W C3")
    client.ok("play B D3")
    client.close()


@pytest.mark.parametrize("command", ["cgos-genmove_analyze b", "kata-genmove_analyze b ownership true"])
def test_cgos_plays_and_takes_the_analysis_along(command: str) -> None:
    client = Live("go:size=9", "mcts:40")
    for line in ("list_commands", "boardsize 5", "komi 7", "clear_board", "time_settings 300 0 0"):
        client.ok(line)
    client.ok("time_left b 299 0")
    move, analysis = cgos(client.ask(command))
    assert re.fullmatch("[A-E][1-5]|pass", move)
    if command.startswith("cgos"):
        found = json.loads(analysis)
        assert len(found["ownership"]) == 25
        assert found["moves"][0]["move"] == move
        assert {"winrate", "visits", "score"} <= found.keys()
    else:
        assert analysis.startswith("info move ")
        assert len(sabaki_owners(analysis, 5, 5)) == 5
    client.ok("time_left w 300 0")
    reply = "C3" if move != "C3" else "C2"
    client.ok(f"play w {reply}")
    client.ok("cgos-genmove_analyze b")
    client.send("quit")
    client.wait()


def test_ogs_plays_a_handicap_game_in_all_its_times() -> None:
    client = Live("go:size=9", "mcts:40")
    known = client.ok("list_commands").split("\n")
    assert {"kata-time_settings", "kata-list_time_settings", "kgs-time_settings"} <= set(known)
    for line in ("boardsize 9", "clear_board", "komi 0.5", "kata-list_time_settings"):
        client.ok(line)
    client.ok("set_free_handicap G7 C3")
    for times in ("byoyomi 300 30 5", "canadian 300 300 25", "fischer-capped 300 30 300 30"):
        known_time = times.split()[0] in client.ok("kata-list_time_settings").split()
        assert client.ask(f"kata-time_settings {times}")[0].startswith("=" if known_time else "?")
    client.ok("time_left black 300 0")
    client.ok("time_left white 12.5 3")
    assert client.ok("genmove white")
    client.ok("play black E5")
    client.ok("genmove white")
    assert "E" in client.ok("showboard")
    assert re.fullmatch(r"[BW]\+[0-9.]+|0", client.ok("final_score"))
    client.send("quit")
    client.wait()


def test_gogui_interrupts_a_move_and_gets_it() -> None:
    client = Live("go:size=9", "mcts:10000000")
    for line in ("name", "protocol_version", "version", "list_commands", "gogui-analyze_commands"):
        client.ok(line)
    for line in ("boardsize 9", "clear_board", "komi 6.5", "time_settings 600 1 1", "gogui-interrupt"):
        client.ok(line)
    client.ok("gogui-play_sequence b C3 w G7")
    client.send("genmove b")
    client.send("# interrupt")
    assert re.fullmatch("= (?:[A-HJ][1-9]|pass)", client.answer()[0])
    client.ok("undo")
    client.ok("gogui-setup b E5 w E6")
    client.close()


def test_an_analysis_of_a_process_ends_with_its_input() -> None:
    with Process("mcts:50", "--game", "go:size=5") as client:
        client.send("lz-analyze b 2")
        assert client.line() == "="
        assert lizzie(client.line() or "", False)
        client.end_input()
        assert client.wait() == (0, "")
        assert client.answer()[-1:] != ["=2"]


def test_what_a_process_has_been_sent_while_it_analyzes_is_answered_in_order() -> None:
    with Process("mcts:50", "--game", "connect4") as client:
        client.send("1 kata-analyze 2")
        assert client.line() == "=1"
        assert (client.line() or "").startswith("info move ")
        client.send("2 play b 4", "3 kata-analyze b 2", "4 showboard", "5 quit")
        client.answer()
        assert client.answer() == ["=2"]
        assert client.answer()[0].startswith("?3")  # white is to move
        assert client.answer()[0] == "=4"
        assert client.answer() == ["=5"]
        assert client.wait() == (0, "")
