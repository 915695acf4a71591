"""What engines of UCI are told and how their answers are read; what is refused."""

from pathlib import Path

import pytest
from engine_games import fake

from engine.arena.client.engine import Answer, read_move
from engine.arena.client.error import EngineError
from engine.arena.client.uci import MOVE, UciOption, read_answer, read_info
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.runner import Runner
from engine.errors import UserError
from engine.player import load_player
from engine.registry import load_game


def told(tmp_path: Path, game_name: str, position: str = "", more: str = "; nodes=7") -> list[str]:
    """What an engine is told in a game of a few plies against chance."""
    game = load_game(game_name)
    log = tmp_path / "log"
    players = [load_player(fake("uci", "log", str(log), limit=more), game), load_player("random", game)]
    games: list[ArenaGame] = []
    with Runner(game, [game.parse(position)], players, callers=1, conduct=Conduct()) as runner:
        runner.play([GameOrder(0, 0, (0, 1))], games.append)
    assert [one.forfeit for one in games] == [None]
    assert games[0].nodes == [7 * sum(ply % 2 == 0 for ply in range(len(games[0].actions))), 0]
    return log.read_text().splitlines()


def test_a_game_from_the_start(tmp_path: Path) -> None:
    lines = told(
        tmp_path, "chess:max_plies=3", "", "; Hash=8; Skill Level=-5; Clear Hash; Book File=a b; nodes=7"
    )
    assert lines[:9] == [
        "uci",
        "setoption name UCI_Chess960 value false",
        "setoption name Hash value 8",
        "setoption name Skill Level value -5",
        "setoption name Clear Hash",
        "setoption name Book File value a b",
        "isready",
        "ucinewgame",
        "isready",
    ]
    assert lines[9:11] == ["position startpos", "go nodes 7"]
    assert lines[11].startswith("position startpos moves a2a3 ")
    assert lines[-1] == "quit"


def test_a_position_and_its_moves(tmp_path: Path) -> None:
    fen = "4k3/8/8/8/8/8/P6P/4K2R w K - 7 30"
    lines = told(tmp_path, "chess:max_plies=4", f"{fen} a2a4 e8d8")
    assert f"position fen {fen} moves a2a4 e8d8" in lines


def test_chess960_is_told_with_its_start(tmp_path: Path) -> None:
    lines = told(tmp_path, "chess960:start=0,max_plies=2")
    assert lines[1] == "setoption name UCI_Chess960 value true"
    assert "position fen bbqnnrkr/pppppppp/8/8/8/8/PPPPPPPP/BBQNNRKR w KQkq - 0 1" in lines


@pytest.mark.parametrize(
    ("limit", "go"),
    [
        ("; depth=3", "go depth 3"),
        ("; nodes=9; depth=3", "go nodes 9 depth 3"),
        ("; time=1/move", "go movetime 980"),
        ("; time=60+1", "go wtime 60000 winc 1000 btime 60000"),
        ("; time=40/60", "go wtime 60000 btime 60000 movestogo 40"),
        ("; time=60; nodes=7", "go nodes 7 wtime 60000 btime 60000"),
    ],
)
def test_limits(tmp_path: Path, limit: str, go: str) -> None:
    assert go in told(tmp_path, "chess:max_plies=1", "", limit)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", ["no limit", "time=1+0.01"]),
        ("; nodes=1; Hsh=3", ["no option 'Hsh'", "did you mean 'Hash'"]),
        ("; nodes=1; Hash=0", ["Hash '0'", "from 1 to 1024"]),
        ("; nodes=1; Hash=x", ["Hash 'x'"]),
        ("; nodes=1; Style=Loud", ["Style 'Loud'", "Solid, Normal, Very Risky"]),
        ("; nodes=1; Use Book=maybe", ["true or false"]),
        ("; nodes=1; Clear Hash=1", ["is a button"]),
    ],
)
def test_options_are_checked_against_what_the_engine_has(tmp_path: Path, more: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        told(tmp_path, "chess", "", f"{more} ")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("game", "words"),
    [("gardner", ["no option 'UCI_Variant'"]), ("connect4", ["not played in UCI", "gtp: or json:"])],
)
def test_a_game_that_it_does_not_play_is_refused(tmp_path: Path, game: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        told(tmp_path, game)
    for word in words:
        assert word in str(caught.value)


def test_options_as_engines_declare_them() -> None:
    def parsed(line: str) -> UciOption:
        option = UciOption.parse(line)
        assert option is not None
        return option

    spin = parsed("option name Skill Level type spin default 20 min -5 max 20")
    assert (spin.name, spin.kind, spin.least, spin.most) == ("Skill Level", "spin", -5, 20)
    combo = parsed("option name Style type combo default Very Risky var Solid var Very Risky")
    assert combo.choices == ("Solid", "Very Risky")
    assert parsed("option name Book type string default ").kind == "string"
    assert parsed("option  name  x min 3  type  check").name == "x min 3"
    for line in ("option name", "id name x", "option type spin", ""):
        assert UciOption.parse(line) is None


def test_what_an_engine_says_of_its_search() -> None:
    def read(*lines: str) -> tuple[int, str]:
        found = (0, "")
        for line in lines:
            found = read_info(line.split(), *found)
        return found

    assert read("info depth 3 score cp 35 nodes 90 pv e2e4 score cp 9") == (90, "cp 35")
    assert read("info nodes 7 score mate -3", "info string nodes 99 score cp 1") == (7, "mate -3")
    assert read("info score cp 3", "info multipv 2 score cp 900", "info score cp 8 lowerbound") == (0, "cp 3")
    assert read("info nodes x score cp y", "info score", "info") == (0, "")


def test_moves_as_engines_write_them() -> None:
    def read(game_name: str, position: str, text: str) -> str:
        state = load_game(game_name).parse(position)
        return state.action_text(read_move(state, text, MOVE))

    open_line = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"
    for text in ("e1g1", "e1h1"):
        assert read("chess", open_line, text) == "e1g1"
        assert read("chess960", open_line, text) == "e1h1"
    assert read("chess", "8/P3k3/8/8/8/8/8/4K3 w - - 0 1", "a7a8n") == "a7a8n"
    for text in ("Nf3", "O-O", "e2-e4", "e2e4 e7e5", "", "0-1", "e\u0662e4"):
        with pytest.raises(EngineError, match="is no move"):
            read("chess", "", text)
    for text in ("e2e5", "a7a8q", "e7e5", "e1g1", "z9z9"):
        with pytest.raises(EngineError, match="illegal"):
            read("chess", "", text)


def test_a_best_move_with_its_score() -> None:
    state = load_game("chess").initial()
    action = state.parse_action("e2e4")
    assert read_answer(state, ["bestmove", "e2e4", "ponder", "e7e5"], 5, "") == Answer(action, 5)
    even = read_answer(state, ["bestmove", "e2e4"], 0, "cp 0")
    ahead = read_answer(state, ["bestmove", "e2e4"], 0, "cp 400")
    assert (even.value, ahead.value) == (0.0, pytest.approx(9 / 11))
    assert read_answer(state, ["bestmove", "e2e4"], 0, "mate 3").result == 1
    assert read_answer(state, ["bestmove", "e2e4"], 0, "mate -3").result == -1
    for text in ("(none)", "0000"):
        with pytest.raises(EngineError, match=r"no move .*score cp 0.* not over") as caught:
            read_answer(state, ["bestmove", text], 0, "cp 0")
        assert caught.value.kind == "illegal"
    with pytest.raises(EngineError, match="protocol: '' is no move"):
        read_answer(state, ["bestmove"], 0, "")
