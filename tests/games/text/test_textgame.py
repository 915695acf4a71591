"""Games as text against the board they are played on."""

from __future__ import annotations

import random

import pytest

from engine.errors import UserError
from engine.language.problem.task_laws import check_task
from engine.language.problem.task_registry import load_task
from engine.language.task import Prompt, split_of
from engine.registry import load_game
from games.text.textgame import NimText, TextGame, TicTacToeText

TTT = TicTacToeText()
NIM = NimText()


@pytest.mark.parametrize(
    ("completion", "score", "reason", "flags"),
    [
        ("1 4 2 5 3 ", 1, "", ()),
        ("1 4 2 5 9 6 ", 0, "", ()),
        ("1 2 3 5 4 6 8 7 9 ", 0.5, "", ()),
        ("1 4 2 5 3 6 ", 1, "text after the end", ("overlong",)),
        ("1 4 2 5 ", 0, "no move", ("forfeit", "empty")),
        ("1 4 2 ", 1, "no move", ("forfeit", "empty")),
        ("", 0, "no move", ("forfeit", "empty")),
        ("1 1 ", 1, "player 2 forfeits: '1' is no legal move", ("forfeit",)),
        ("10 ", 0, "player 1 forfeits: '10' is no legal move", ("forfeit",)),
        ("1 4 2 5 3", 0, "player 1 forfeits: '3' is no legal move", ("forfeit",)),
        (" 1 ", 0, "no move", ("forfeit",)),
        ("1\n4 ", 0, "player 1 forfeits: '1\\n4' is no legal move", ("forfeit",)),
    ],
)
def test_verdicts_are_the_first_players(
    completion: str, score: float, reason: str, flags: tuple[str, ...]
) -> None:
    result = TTT.verify(TTT.start(), completion)
    assert (result.score, result.reason, result.flags) == (score, reason, flags)


def test_play_by_hand() -> None:
    prompt = Prompt("", ">5 1 ", "")
    assert TTT.legal_steps(prompt, "") == ["2 ", "3 ", "4 ", "6 ", "7 ", "8 ", "9 "]
    assert [TTT.player(prompt, text) for text in ("", "2 ", "2 8 ", "2 2 ")] == [0, 1, 0, 1]
    assert TTT.legal_steps(prompt, "2 2 ") == []
    assert TTT.is_complete(prompt, "2 2 ")
    assert not TTT.is_complete(prompt, "2 2")
    assert not TTT.is_complete(prompt, "2 8 ")
    assert TTT.is_complete(prompt, "3 7 4 6 8 2 9 ")
    assert TTT.verify(prompt, "3 7 4 6 8 2 9 ").parsed == "5 1 3 7 4 6 8 2 9"
    assert NIM.legal_steps(NIM.start(), "c5 b3 ") == ["a1 ", "a2 ", "a3 ", "b1 "]


@pytest.mark.parametrize("spec", ["nim", "tictactoe", "connect4", "go:size=5", "gardner"])
def test_random_games_agree_with_the_board(spec: str) -> None:
    task = TextGame(spec)
    game = load_game(spec)
    source = random.Random(1)
    for prompt in task.prompts("train", 3, 1) + task.prompts("test", 3, 1):
        state = game.initial()
        for move in prompt.text.removeprefix(">").split():
            state.play(state.parse_action(move))
        text = ""
        while True:
            assert task.player(prompt, text) == state.player()
            steps = task.legal_steps(prompt, text)
            assert steps == [state.action_text(action) + " " for action in state.legal_actions()]
            assert task.is_complete(prompt, text) == (not steps)
            assert set(text) <= set(task.alphabet)
            if not steps:
                break
            text += source.choice(steps)
            state.play(state.parse_action(text.split()[-1]))
        outcome = state.outcome()
        assert outcome is not None
        first = outcome if state.player() == 0 else -outcome
        assert task.verify(prompt, text).score == (first + 1) / 2
        assert task.steps(text) == [move + " " for move in text.split()]


@pytest.mark.parametrize("game", ["connect4", "go:size=5", "nim:heaps=2-2"])
def test_any_game_keeps_the_laws(game: str) -> None:
    assert check_task(load_task(f"textgame:game={game}"), count=6) > 40


def test_positions_reached_in_two_ways_are_one_problem() -> None:
    short = TicTacToeText(opening_plies=2)
    prompts = [
        prompt for split in ("train", "validation", "test") for prompt in short.prompts(split, 10**4, 0)
    ]
    keys = [prompt.key for prompt in prompts]
    assert len(set(keys)) == len(keys)
    states = [
        load_game("tictactoe").parse(prompt.text.removeprefix(">").replace(" ", ""))
        for prompt in prompts[:50]
    ]
    assert [f"tictactoe {state.key():016x}" for state in states] == keys[:50]
    assert len(keys) == 1 + 9 + 72


def test_the_start_can_be_had_whatever_its_split() -> None:
    assert TTT.start().text == ">"
    few = TicTacToeText(opening_plies=1)
    assert few.start() in few.prompts(split_of(few.start().key), 10**4, 0)


def test_demonstrations_outlast_the_openings() -> None:
    few = NimText(heaps="2-2", opening_plies=2)
    assert len(few.prompts("train", 10**4, 0)) < 12
    assert len(few.demonstrations(100, 0)) == 100
    assert NimText(heaps=1).demonstrations(5, 0) == []


def test_a_game_that_is_none_is_named() -> None:
    with pytest.raises(UserError, match="unknown game 'chss'; did you mean 'chess'"):
        load_task("textgame:game=chss")
    with pytest.raises(UserError, match="heaps are '0'"):
        load_task("nim:heaps=0")
