"""Sample games of a run, as text and in the format of the game."""

from engine._core import Connect4
from engine.registry import load_game
from engine.train.sample_game import record_text, sample_game


def test_sample_game_draws_the_end() -> None:
    text = sample_game(Connect4(), "12", [0, 1, 0, 1, 0], title="game 7")
    assert text == (
        "game 7 — first player won, 7 plies\n"
        "\n"
        "from 12: 1 2 1 2 1\n"
        "\n"
        "    . . . . . . .\n"
        "    . . . . . . .\n"
        "    X . . . . . .\n"
        "    X O . . . . .\n"
        "    X O . . . . .\n"
        "    X O . . . . .\n"
        "    1 2 3 4 5 6 7\n"
    )
    assert "second player won" in sample_game(Connect4(), "", [6, 0, 0, 1, 1, 2, 2, 3])
    assert "not finished" in sample_game(Connect4(), "", [3])


def test_record_text_is_in_the_format_of_the_game() -> None:
    chess = load_game("chess")
    start = "8/8/8/8/8/k7/7r/K7 b - - 0 50"
    mate = [chess.parse(start).parse_action("Rh1#")]
    suffix, text = record_text(chess, start, mate, {"event": "iteration 3", "round": "7"}) or ("", "")
    assert suffix == "pgn"
    assert text.startswith('[Event "iteration 3"]\n')
    assert '[Round "7"]' in text
    assert text.endswith("\n\n50... Rh1# 0-1\n")
    assert record_text(Connect4(), "", [3], {}) is None
