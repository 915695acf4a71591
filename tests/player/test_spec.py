from pathlib import Path

import pytest

from engine import _core
from engine.errors import UserError
from engine.player import Player, load_player
from engine.player.clock import TimeControl
from engine.player.limit import Limit
from engine.player.limited_player import LimitedPlayer
from engine.player.spec import parse_spec
from engine.player.tree_player import TreePlayer, uct_params
from engine.registry import load_game


def test_a_plain_name_is_itself() -> None:
    for text in ("random", "mcts:100", "runs/quick start", "connect4:pretrained"):
        spec = parse_spec(text)
        assert (spec.name, spec.who, spec.limit, spec.protocol) == (text, text, Limit(), "")


def test_what_may_follow_a_player() -> None:
    spec = parse_spec(
        """uci:stockfish --quiet 'a;b'; Hash=16;Skill Level = 3 ; time=1+0.01; Clear Hash; "Book"="x;y" ;"""
    )
    assert spec.who == "uci:stockfish --quiet 'a;b'"
    assert spec.protocol == "uci"
    assert spec.options == (("Hash", "16"), ("Skill Level", "3"), ("Clear Hash", ""), ("Book", "x;y"))
    assert spec.limit == Limit(time=TimeControl(1.0, 0.01))
    assert parse_spec("mcts:5; name=Five").name == "Five"
    assert parse_spec("gtp:x; command=kata-set-param maxVisits 5; command=komi 7").commands == (
        "kata-set-param maxVisits 5",
        "komi 7",
    )
    # An option of an engine that is named as a limit is.
    assert parse_spec("uci:x; option.nodes=5; nodes=6").options == (("nodes", "5"),)
    assert parse_spec("uci:x; option.nodes=5; nodes=6").limit == Limit(simulations=6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mcts:5; tme=1", ["'tme'", "did you mean 'time'"]),
        ("mcts:5; time", ["'time'", "NAME=VALUE"]),
        ("mcts:5; time=1s", ["time control '1s'", "1+0.01"]),
        ("mcts:5; simulations=0", ["simulations '0'", "1 to"]),
        ("mcts:5; nodes=1; simulations=2", ["given twice"]),
        ("uci:x; Hash=1; hash=2", ["option 'hash' is given twice"]),
        ("gtp:x; Hash=1", ["unknown 'Hash'"]),
        ("uci:x 'open; Hash=1", ["quotation mark"]),
        ("mcts:5\n", ["line end"]),
    ],
)
def test_a_bad_spec_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_spec(text)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("uci:nosuch --fast", ["no program 'nosuch'", "PATH"]),
        ("uci:", ["give a command", "uci:PROGRAM"]),
        ("gtp: 'open", ["quotation"]),
        ("mcts:5; depth=3", ["depth", "simulations or time"]),
        ("mcts:5; simulations=3", ["mcts:SIMS"]),
        ("random; nodes=3", ["takes no simulations"]),
        (" ;", ["is empty"]),
        ("mcts:5; " + "x" * 5000, ["is not of the form"]),
    ],
)
def test_a_player_that_cannot_be_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load_player(text, load_game("connect4"))
    for word in words:
        assert word in str(caught.value)


def test_a_program_is_found_as_a_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "engine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("./engine", "~/engine", str(program)):
        (found, word) = parse_spec(f"json:{text} 'a b'").words
        assert Path(found).resolve() == program
        assert word == "a b"
    with pytest.raises(UserError, match="no program 'engine'"):
        parse_spec("json:engine").words  # noqa: B018


def limit_of(player: Player) -> Limit:
    assert isinstance(player, LimitedPlayer)
    return player.limit


def test_a_limit_for_all_is_for_those_without_one() -> None:
    game, control = load_game("connect4"), TimeControl(2.0)
    common = Limit.parse("time=2")
    assert common == Limit(time=control)
    limited = load_player("mcts:5", game, limit=common)
    assert (limited.name, limit_of(limited)) == ("mcts:5", Limit(5, time=control))
    own = load_player("mcts:5; time=7", game, limit=common)
    assert limit_of(own) == Limit(5, time=TimeControl(7.0))
    trained = load_player("connect4:pretrained", game, 30, limit=common)
    assert limit_of(trained) == Limit(time=control)
    assert trained.simulations == 30
    fewer = load_player("connect4:pretrained; simulations=7", game, 30)
    assert (fewer.name, fewer.simulations) == ("connect4:pretrained; simulations=7", 7)
    assert str(Limit.parse("nodes=100 time=40/60+0.5")) == "simulations=100 time=40/60+0.5"
    with pytest.raises(UserError, match="empty"):
        Limit.parse(" ")


class CountingEvaluator:
    """Uniform answers, counted by tree."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        self.asked += [int(tree) for tree in requests.trees]
        return _core.uniform(requests)


def test_evaluations_are_counted_by_position() -> None:
    game = load_game("connect4")
    evaluator = CountingEvaluator()
    player = TreePlayer("counted", game, uct_params(), lambda _: evaluator, 10**6)
    player.evaluations = 50
    states = [game.initial(), game.parse("44"), game.parse("1212")]
    player.choose(states, [1, 2, 3])
    assert [evaluator.asked.count(tree) for tree in range(3)] == [50] * 3
    del evaluator.asked[:]
    player.twin(5).choose([game.initial()], [1])
    assert len(evaluator.asked) == 50


def test_players_are_limited_by_evaluations() -> None:
    game = load_game("connect4")
    player = load_player("connect4:pretrained; evaluations=20", game)
    assert player.name == "connect4:pretrained; evaluations=20"
    assert 0 <= player.twin(1).choose([game.initial()], [1])[0] < 7
    assert load_player("random", game, limit=Limit(evaluations=5)).name == "random"
    common = load_player("mcts:7", game, limit=Limit(evaluations=5))
    assert isinstance(common, TreePlayer)
    assert common.evaluations == 5
    for text, word in {
        "connect4:pretrained; evaluations=20; time=1": "evaluations go with no other limit",
        "uci:true; evaluations=5": "does not count evaluations",
        "mcts:5; evaluations=0": "evaluations '0'",
    }.items():
        with pytest.raises(UserError, match=word):
            load_player(text, game)
