"""From a player's name to its moves and to what it thinks, the same way for every kind."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from engine._core import Game, State
from engine.errors import UserError
from engine.game.inquiry import truth_sets
from engine.player import Player, find_game, load_player
from engine.registry import load_game

KEYS = ["best", "value", "wdl", "visits", "prior", "pv", "simulations"]
NAMES = ["random", "mcts:40", "solver", "connect4:pretrained"]


@pytest.fixture(scope="module")
def game() -> Game:
    return load_game("connect4")


@pytest.fixture(scope="module")
def late(game: Game) -> list[State]:
    """Positions that are soon over."""
    return [game.parse(position) for position in truth_sets(game)[0].positions[:3]]


@pytest.mark.parametrize("name", NAMES)
def test_every_player_moves_and_says_what_it_thinks(late: list[State], name: str) -> None:
    player: Player = load_player(name, simulations=20)
    assert (player.name, player.game.name) == (name, "connect4")
    assert player.simulations == {"mcts:40": 40, "connect4:pretrained": 20}.get(name, 0)
    before = [state.key() for state in late]
    actions = player.choose(late, [1, 2, 3])
    assert all(action in state.legal_actions() for action, state in zip(actions, late, strict=True))
    for state, answer in zip(late, player.analyze(late), strict=True):
        json.dumps(answer, allow_nan=False)
        moves = [state.action_text(action) for action in state.legal_actions()]
        assert list(answer) == KEYS
        assert list(answer["visits"]) == list(answer["prior"]) == moves
        assert answer["best"] == answer["pv"][0]
        assert answer["best"] in moves
        assert sum(answer["wdl"]) == pytest.approx(1)
        assert sum(answer["prior"].values()) == pytest.approx(1)
        assert answer["simulations"] <= player.simulations
    assert [state.key() for state in late] == before


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_plays_as_its_player_does(game: Game, late: list[State], name: str) -> None:
    player = load_player(name, game, 20, seed=5)
    twin = player.twin(5)
    assert (twin.name, twin.simulations) == (player.name, player.simulations)
    assert twin.choose(late, [7, 8, 9]) == player.choose(late, [7, 8, 9])
    again = player.twin(5)
    assert again.analyze(late) == player.twin(5).analyze(late)


def test_a_search_takes_the_number_it_is_asked_for(game: Game) -> None:
    player = load_player("mcts:40", game)
    first, second = player.analyze([game.initial()]), player.analyze([game.initial()], 90)
    assert [answer["simulations"] for answer in (*first, *second)] == [40, 90]


def test_chance_draws_its_move_anew_from_its_seed(game: Game) -> None:
    player, other = load_player("random", game, seed=1), load_player("random", game, seed=2)
    states = [game.initial()] * 300
    drawn = [answer["best"] for answer in player.analyze(states)]
    assert set(Counter(drawn)) == set("1234567")
    assert drawn == [answer["best"] for answer in load_player("random", game, seed=1).analyze(states)]
    assert drawn != [answer["best"] for answer in other.analyze(states)]
    (answer,) = player.analyze(states[:1])
    assert (answer["value"], answer["wdl"], answer["prior"]["3"]) == (0, [0, 1, 0], pytest.approx(1 / 7))


def test_the_solver_says_the_exact_outcome(game: Game) -> None:
    # . . . . . . .   the first player, to move, fills the first column and wins
    # 1 2 . . . . .
    # 1 2 . . . . .
    # 1 2 . . . . .
    player = load_player("solver", game)
    won, other = player.analyze([game.parse("121212"), game.parse("1212127")])
    assert (won["best"], won["value"], won["wdl"]) == ("1", 1, [1, 0, 0])
    assert won["prior"] == {"1": 1, **dict.fromkeys("234567", 0)}
    assert other["prior"] == {"1": 0.5, "2": 0.5, **dict.fromkeys("34567", 0)}
    assert {player.choose([game.parse("1212127")], [seed])[0] for seed in range(20)} == {0, 1}


def test_players_without_a_checkpoint_play_the_game_that_is_named() -> None:
    go = load_game("go:size=5")
    assert load_player("random", go).game is go
    assert load_player("mcts:7", go).game is go
    assert find_game(["random", "mcts:3"], "go:size=5").name == "go:size=5"
    assert find_game(["random", "connect4:pretrained"], None).name == "connect4"
    with pytest.raises(UserError, match="'connect4:pretrained' plays connect4, --game is go:size=5"):
        find_game(["random", "connect4:pretrained"], "go:size=5")
    with pytest.raises(UserError, match="plays connect4, not go:size=5"):
        load_player("connect4:pretrained", go)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mcts:0", "mcts:SIMS"),
        ("mcts:", "mcts:SIMS"),
        ("mcts:many", "'mcts:many'"),
        ("mcts:99999999999", "10000000"),
        ("uci:nosuch --fast", "there is no program 'nosuch'"),
        ("radnom", "'radnom' does not exist; known: random"),
    ],
)
def test_an_unknown_player_is_refused(game: Game, spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_player(spec, game)


class PerfectSolver:
    """Knows one thing: the third column alone does not lose."""

    def outcomes(self, position: str) -> list[int | None]:
        del position
        return [None, -1, 0, -1, -1, -1, -1]

    scores = outcomes

    def score(self, position: str) -> int:
        return 0


def test_the_solver_plays_a_best_move(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(game), "solver", lambda _: PerfectSolver(), raising=False)
    assert load_player("solver", game).choose([game.initial()], [1]) == [2]


def test_a_game_without_solver_says_so(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(type(game), "solver", raising=False)
    with pytest.raises(UserError, match="has no exact solver"):
        load_player("solver", game)


def test_rollouts_are_of_a_positions_seed_whatever_is_searched_beside_it() -> None:
    game = load_game("connect4")
    player = load_player("mcts:60", game)
    states = [game.parse(text) for text in ("", "4", "44", "45", "2343", "1")]
    seeds = [11, 12, 13, 14, 15, 16]
    chosen = player.choose(states, seeds)
    assert player.choose(states[::-1], seeds[::-1]) == chosen[::-1]
    alone = [player.twin(9).choose([state], [seed])[0] for state, seed in zip(states, seeds, strict=True)]
    assert alone == chosen
    others = [player.choose(states, [seed + 100 * k for seed in seeds]) for k in range(1, 6)]
    assert any(other != chosen for other in others)
