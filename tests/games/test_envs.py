"""Games as Gymnasium and PettingZoo environments, judged by those packages' own checkers."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from custom_connect4 import PythonConnect4
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import api_test, seed_test

from engine.errors import UserError
from engine.game.drawing import read_drawing
from engine.registry import GROUP, load_game
from games.envs.gymnasium import GameEnv
from games.envs.pettingzoo import TwoPlayerEnv
from games.envs.pettingzoo import env as two_player_env
from games.envs.picture import BOARD, CELL, DARK, STONES, draw_board

ENTRIES = {entry.name: entry.attr for entry in entry_points(group=GROUP)}


@pytest.mark.parametrize("name", sorted(ENTRIES))
@pytest.mark.parametrize("opponent", [None, "random"])
def test_every_game_passes_the_checker_of_gymnasium(name: str, opponent: str | None) -> None:
    env = gymnasium.make(f"selfplay/{ENTRIES[name]}-v0", opponent=opponent)
    check_env(env.unwrapped, skip_render_check=False)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_every_game_passes_the_tests_of_pettingzoo(name: str) -> None:
    with warnings.catch_warnings():
        # It names what it likes: an observation that is not a dictionary of images, and planes below 0.
        warnings.simplefilter("ignore", UserWarning)
        api_test(two_player_env(name), num_cycles=200)
        seed_test(lambda: two_player_env(name), num_cycles=100)


def play(env: Any, seed: int, random: np.random.Generator) -> tuple[float, int]:
    """(sum of rewards, the agent's moves) of a random game."""
    _, info = env.reset(seed=seed)
    total, moves, over = 0.0, 0, False
    while not over:
        action = random.choice(np.flatnonzero(info["action_mask"]))
        _, reward, terminated, truncated, info = env.step(action)
        total, moves, over = total + reward, moves + 1, terminated or truncated
    return total, moves


def test_rewards_are_the_agents_whatever_its_colour() -> None:
    def win_at_once(state: Any) -> int:
        winning = state.winning_action()
        return winning if winning >= 0 else state.legal_actions()[0]

    for player in (0, 1):
        env = GameEnv("connect4", opponent=win_at_once, agent_player=player)
        random = np.random.default_rng(1)
        results = [play(env, seed, random)[0] for seed in range(30)]
        assert set(results) <= {-1.0, 0.0, 1.0}
        assert sum(results) < -15


def test_an_agent_that_plays_itself_is_rewarded_for_the_last_move() -> None:
    env = GameEnv("connect4", opponent=None)
    env.reset(options={"position": "112233"})
    _, reward, terminated, _, _ = env.step(np.int64(3))
    assert (reward, terminated) == (1.0, True)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.int64(0))


def test_an_illegal_action_loses() -> None:
    env = GameEnv("connect4", opponent=None)
    env.reset(options={"position": "444444"})
    _, reward, terminated, _, info = env.step(np.int64(3))
    assert (reward, terminated, info["illegal"]) == (-1.0, True, True)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.int64(0))
    env.reset()
    env.step(np.int64(0))


def test_the_same_seed_plays_the_same_game() -> None:
    env = GameEnv("othello")
    games = [[play(env, 5, np.random.default_rng(3)) for _ in range(2)] for _ in range(2)]
    assert games[0] == games[1]


def test_a_game_of_ones_own_is_an_environment() -> None:
    check_env(GameEnv(PythonConnect4()), skip_render_check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"opponent": "strong"}, "'strong' is neither"),
        ({"agent_player": 2}, "agent_player 2"),
        ({"render_mode": "3d"}, "render_mode '3d'"),
        ({"size": 3}, "no option 'size'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, UserError), match=message):
        GameEnv("connect4", **arguments)


def test_pictures_show_stones_where_they_stand() -> None:
    picture = draw_board(load_game("connect4").parse("4435").text(), 7)
    middle = CELL // 2
    assert picture.shape == (7 * CELL, 7 * CELL, 3)
    assert tuple(picture[5 * CELL + middle, 3 * CELL + middle]) == STONES["X"]
    assert tuple(picture[4 * CELL + middle, 3 * CELL + middle]) == STONES["O"]
    assert tuple(picture[0 + middle, middle]) not in STONES.values()


@pytest.mark.parametrize("make", [GameEnv, two_player_env])
def test_render_modes(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for mode in ("ansi", "rgb_array", "human"):
        env = make("othello", render_mode=mode)
        env.reset(seed=1)
        shown = env.render()
        if mode == "ansi":
            assert "O" in shown
        elif mode == "rgb_array":
            assert shown.dtype == np.uint8
        else:
            assert shown is None
            assert "O" in capsys.readouterr().out


def test_pictures_of_chess_have_pieces_on_squares_and_names_beside_them() -> None:
    picture = draw_board(load_game("chess").initial().text(), 8)
    assert picture.shape == (9 * CELL, 9 * CELL, 3)  # the FEN below the board is not drawn
    corner = CELL // 12

    def square(column: int, row: int) -> tuple[int, ...]:
        return tuple(picture[CELL * row + corner, CELL * (column + 1) + corner])

    assert square(0, 7) == DARK
    assert square(1, 7) == BOARD
    assert square(0, 0) == BOARD
    rooks = [picture[CELL * row + CELL // 2, CELL + CELL // 2] for row in (0, 7)]
    assert rooks[0].max() < 60
    assert rooks[1].min() > 230


def test_a_drawing_that_is_no_board_is_written_as_it_is() -> None:
    drawing = read_drawing("to move: X\na b\n", 3)
    assert drawing.marks == [["to", "move:", "X"]]
    assert read_drawing("1 2\n", 3).marks == [["1", "2"]]
    assert draw_board("", 3).shape == (CELL, CELL, 3)


NO_WHOLE_NUMBERS = [
    0.5, 3.0, "3", None, True, np.True_, np.array(True), np.float32(3), np.array(3.0), np.array([3]),
    np.array([], np.int64), [3], np.array("3"), 3j,
]  # fmt: skip


@pytest.mark.parametrize("action", NO_WHOLE_NUMBERS, ids=repr)
def test_an_action_is_a_whole_number(action: Any) -> None:
    env = gymnasium.make("selfplay/Connect4-v0", disable_env_checker=True)
    env.reset()
    with pytest.raises(gymnasium.error.InvalidAction, match="not a whole number"):
        env.step(action)
    both = TwoPlayerEnv("connect4")
    both.reset()
    with pytest.raises(gymnasium.error.InvalidAction, match="not a whole number"):
        both.step(action)
    assert both.state_.ply() == 0


@pytest.mark.parametrize(
    "action",
    [3, np.array(3), *(kind(3) for kind in (np.int8, np.uint8, np.int16, np.uint32, np.int64, np.intp))],
)
def test_every_kind_of_whole_number_is_an_action(action: Any) -> None:
    alone, both, guarded = (
        GameEnv("connect4", opponent=None),
        TwoPlayerEnv("connect4"),
        two_player_env("connect4"),
    )
    assert alone.action_space.contains(action)
    for env in (alone, both, guarded):
        env.reset()
        env.step(action)
    for state in (alone.state, both.state_, guarded.unwrapped.state_):
        assert state.position() == ("", [3])


@pytest.mark.parametrize("action", [-1, 7, 10**6, 2**63, -(2**70), np.uint64(2**64 - 1), np.array(-1)])
def test_a_whole_number_that_is_no_action_loses(action: Any) -> None:
    env = GameEnv("connect4", opponent=None)
    env.reset()
    _, reward, terminated, _, info = env.step(action)
    assert (reward, terminated, info["illegal"]) == (-1.0, True, True)


def test_an_opponent_may_answer_with_any_whole_number() -> None:
    env = GameEnv("connect4", opponent=lambda state: np.array(state.legal_actions()[-1]), agent_player=0)
    env.reset()
    env.step(np.array(0))
    assert env.state.position() == ("", [0, 6])


def pickled(env: Any) -> Any:
    return pickle.loads(pickle.dumps(env))  # noqa: S301


COPIES = [copy.deepcopy, pickled]


@pytest.mark.parametrize("name", sorted(ENTRIES))
@pytest.mark.parametrize("copied", COPIES)
def test_a_copied_environment_goes_on_alone_as_the_other_would(name: str, copied: Any) -> None:
    env = GameEnv(name)
    env.reset(seed=5)
    random = np.random.default_rng(0)
    for _ in range(2):
        env.step(random.choice(env.state.legal_actions()))
    before = env.state.key()
    twin, third = copied(env), copied(env)
    assert (twin.game.name, twin.state.key()) == (env.game.name, before)

    def rest(env: GameEnv) -> tuple[list[int], float]:
        random, over, total = np.random.default_rng(1), False, 0.0
        while not over and env.state.legal_actions():
            _, reward, terminated, truncated, _ = env.step(random.choice(env.state.legal_actions()))
            total, over = total + reward, terminated or truncated
        return env.state.position()[1], total

    ended = rest(twin)
    assert env.state.key() == before
    assert rest(env) == ended == rest(third)  # the opponent draws as np_random goes on


@pytest.mark.parametrize("copied", COPIES)
def test_a_copied_environment_of_two_agents_goes_on_alone(copied: Any) -> None:
    env = two_player_env("tictactoe", render_mode="ansi")
    env.reset(seed=1)
    env.step(4)
    twin = copied(env)
    twin.step(0)
    assert (env.unwrapped.state_.ply(), twin.unwrapped.state_.ply()) == (1, 2)
    assert (env.agent_selection, twin.agent_selection) == ("player_1", "player_0")
    assert twin.render() != env.render()


ELSEWHERE = """
import pickle, sys
import numpy as np

env = pickle.load(open(sys.argv[1], "rb"))
random, over, rewards = np.random.default_rng(1), False, []
while not over:
    legal = np.flatnonzero(env.unwrapped._info()["action_mask"])
    _, reward, terminated, truncated, _ = env.step(random.choice(legal))
    rewards.append(reward)
    over = terminated or truncated
print(env.unwrapped.state.position()[1], rewards, env.action_space.sample())
"""

FILED = """
from games.tictactoe import TicTacToe

class Filed(TicTacToe):
    pass
"""


@pytest.mark.parametrize("kind", ["registered", "wrapped", "file"])
def test_an_environment_goes_on_in_another_process(kind: str, tmp_path: Path) -> None:
    """With its opponent's lots, its spaces' lots and a game of whoever wrote it."""
    (tmp_path / "filed.py").write_text(FILED)
    made: Any = {
        "registered": lambda: GameEnv("connect4"),
        "wrapped": lambda: gymnasium.make("selfplay/Othello-v0"),
        "file": lambda: GameEnv(f"{tmp_path / 'filed.py'}:Filed"),
    }[kind]()
    made.reset(seed=7)
    made.action_space.seed(3)
    made.step(int(np.flatnonzero(made.unwrapped._info()["action_mask"])[0]))
    (tmp_path / "env").write_bytes(pickle.dumps(made))
    (tmp_path / "run.py").write_text(ELSEWHERE)
    done = [
        subprocess.run(
            [sys.executable, str(tmp_path / "run.py"), str(tmp_path / "env")],
            capture_output=True, text=True, timeout=300, check=False,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert done[0].returncode == 0, done[0].stderr
    assert done[0].stdout == done[1].stdout
    twin = pickled(made)
    random, over = np.random.default_rng(1), False
    while not over:
        legal = np.flatnonzero(twin.unwrapped._info()["action_mask"])
        _, _, terminated, truncated, _ = twin.step(random.choice(legal))
        over = terminated or truncated
    assert done[0].stdout.startswith(str(twin.unwrapped.state.position()[1]))
    assert done[0].stdout.split()[-1] == str(made.action_space.sample())


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_spaces_of_a_copy_draw_on_as_those_of_the_other(name: str) -> None:
    env = GameEnv(name)
    env.action_space.seed(9)
    env.action_space.sample()
    twins = [copied(env) for copied in COPIES]
    drawn = [int(env.action_space.sample()) for _ in range(5)]
    assert all([int(twin.action_space.sample()) for _ in range(5)] == drawn for twin in twins)
    assert all(twin.observation_space == env.observation_space for twin in twins)


def test_vectors_of_environments_run_in_processes_of_their_own() -> None:
    def make() -> GameEnv:
        return GameEnv("connect4")

    envs = gymnasium.vector.AsyncVectorEnv([make, make], context="forkserver")
    try:
        observation, _ = envs.reset(seed=3)
        assert observation.shape == (2, *load_game("connect4").planes_shape)
        observation, *_ = envs.step(np.array([3, 3]))
        assert (observation != 0).any()
    finally:
        envs.close()
