"""What engines of GTP are told: boards, stones, rules, time; and what is refused."""

import sys
from pathlib import Path

import pytest
from engine_games import FAKE

from engine.arena.client.gtp_time import settings_line, time_left_line
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.runner import Runner
from engine.errors import UserError
from engine.player import load_player
from engine.player.clock import Clock, TimeControl
from engine.registry import load_game

BASIC = ("boardsize", "clear_board", "komi", "play", "genmove", "quit")


def told(
    tmp_path: Path, game_name: str, position: str = "", known: tuple[str, ...] = BASIC, more: str = ""
) -> list[str]:
    """What an engine with these commands is told in a game in which it and another one pass."""
    game = load_game(game_name)
    players = []
    for name in ("one", "two"):
        (tmp_path / name).write_text("\n".join(known))
        spec = f"gtp:{sys.executable} {FAKE} gtp go {tmp_path / name}; name={name}{more}"
        players.append(load_player(spec, game))
    games: list[ArenaGame] = []
    with Runner(game, [game.parse(position)], players, callers=1, conduct=Conduct()) as runner:
        runner.play([GameOrder(0, 0, (0, 1))], games.append)
    assert [one.forfeit for one in games] == [None]
    lines = (tmp_path / "one.log").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("list_commands", "quit")
    return lines[1:-1]


def test_a_board_and_the_moves_so_far(tmp_path: Path) -> None:
    assert told(tmp_path, "go:size=9,komi=6.5", "D4 pass E5 F6") == [
        "boardsize 9", "clear_board", "komi 6.5", "play B D4", "play W pass", "play B E5", "play W F6",
        "genmove B",
    ]  # fmt: skip


def test_handicap_and_stones_that_are_set_up(tmp_path: Path) -> None:
    handicap = "set_free_handicap C7 G7 C3"
    lines = told(tmp_path, "go:size=9,komi=0.5,handicap=3", known=(*BASIC, "set_free_handicap"))
    assert lines[2:] == ["komi 0.5", handicap, "play W pass", "genmove B"]


def test_stones_are_played_where_there_is_no_other_way(tmp_path: Path) -> None:
    lines = told(tmp_path, "go:size=9,komi=0.5,handicap=2")
    assert lines[2:-2] == ["komi 0.5", "play B G7", "play B C3"]


def test_a_position_that_is_set_up(tmp_path: Path) -> None:
    lines = told(tmp_path, "go:size=9", "B:C3,D4 W:E5 turn:W; F6")
    assert [line for line in lines if line.startswith("play")] == [
        "play B D4", "play B C3", "play W E5", "play W F6",
    ]  # fmt: skip
    assert lines[-1] == "genmove B"


def test_rules_simulations_and_own_commands(tmp_path: Path) -> None:
    known = (*BASIC, "rectangular_boardsize", "kata-set-rules", "kata-set-param", "final_score")
    more = "; simulations=30; command=kata-set-param x 1"
    lines = told(tmp_path, "go:size=7x5,komi=-1,rules=chinese", "", known, more)
    assert lines[:5] == [
        "kata-set-param x 1", "kata-set-param maxVisits 30", "rectangular_boardsize 7 5", "clear_board",
        "komi -1",
    ]  # fmt: skip
    assert lines[5].startswith('kata-set-rules {"')
    assert lines[6:] == ["genmove B", "play W pass", "final_score"]


def test_a_score_that_the_referee_does_not_count_is_told(tmp_path: Path) -> None:
    game = load_game("go:size=9,komi=-3")
    path = tmp_path / "one"
    path.write_text("\n".join((*BASIC, "final_score")))
    spec = f"gtp:{sys.executable} {FAKE} gtp go {path}; name=one"
    games: list[ArenaGame] = []
    with Runner(game, [game.parse("pass")], [load_player(spec, game)] * 2, callers=1) as runner:
        runner.play([GameOrder(0, 0, (0, 1))], games.append)
    assert games[0].outcome == 1.0
    assert games[0].claims == ["one: final_score is W+0.5; the referee counts B+3"]


@pytest.mark.parametrize(
    ("text", "known", "line"),
    [
        ("60", "", "time_settings 60 0 0"),
        ("60+2", "", "time_settings 60 0 0"),
        ("60+0.5", "kata-time_settings", "kata-time_settings fischer 60 0.5"),
        ("40/60", "", "time_settings 0 60 40"),
        ("300+25/600", "", "time_settings 300 600 25"),
        ("10+5x30", "", "time_settings 10 30 1"),
        ("5x30", "", "time_settings 0 30 1"),
        ("10+5x30", "kgs-time_settings", "kgs-time_settings byoyomi 10 30 5"),
        ("10.5+5x30", "kata-time_settings", "kata-time_settings byoyomi 10.5 30 5"),
        ("2.5/move", "", "time_settings 0 2 1"),
        ("0.5/move", "kata-time_settings", "time_settings 0 0.5 1"),
    ],
)
def test_time_is_told_in_the_commands_that_there_are(text: str, known: str, line: str) -> None:
    assert settings_line(TimeControl.parse(text), {known}, "x") == line


def test_less_than_a_second_is_refused() -> None:
    for text in ("0.5/move", "0.9+5x1", "1+5x0.5"):
        with pytest.raises(UserError, match="whole seconds"):
            settings_line(TimeControl.parse(text), set(), "x")


def test_the_time_left_is_told() -> None:
    def left(text: str, used_s: list[float], known: set[str]) -> str:
        clock = Clock(TimeControl.parse(text))
        for seconds in used_s:
            clock.charge(seconds)
        return time_left_line("B", clock, known)

    kgs, kata = {"kgs-time_settings"}, {"kata-time_settings"}
    assert left("60", [2.5], set()) == "time_left B 57 0"
    assert left("60", [2.5], kata) == "time_left B 57.5 0"
    assert left("10+5x30", [11.0, 70.0], kgs) == "time_left B 30 3"
    assert left("10+5x30", [11.0, 70.0], set()) == "time_left B 30 1"
    assert left("10+3/30", [12.0], set()) == "time_left B 28 2"
    assert left("40/60", [5.0], set()) == "time_left B 55 39"
    assert left("5/move", [4.0], set()) == "time_left B 5 1"


@pytest.mark.parametrize(
    ("game", "position", "more", "words"),
    [
        ("go:size=7x5", "", "", ["squares alone"]),
        ("go:size=9", "", "; simulations=5", ["no number of simulations"]),
        ("go:size=9", "", "; depth=5", ["depth cannot be said"]),
        ("go:size=9", "", "; time=1+1", ["no time_settings"]),
        ("chess", "4k3/8/8/8/8/8/P7/4K3 w - - 0 1", "", ["cannot be set up in GTP"]),
    ],
)
def test_what_cannot_work_is_refused_before_a_game(
    tmp_path: Path, game: str, position: str, more: str, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        told(tmp_path, game, position, BASIC, more)
    for word in words:
        assert word in str(caught.value)
