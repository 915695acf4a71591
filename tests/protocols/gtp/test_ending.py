"""The end of a game of Go: dead stones, seki, cleaning up, passes and scores."""

from __future__ import annotations

import pytest
from gtp_client import Client

WALLS = """
7 . . . X O . .
6 . X . X O . O
5 . . . X O . .
4 . O . X O X .
3 . . . X O . .
2 . X . X O . O
1 . . . X O . .
"""
"""B4 and F4 are dead: neither has room for eyes."""

SEKI = """
9 . O . O . O . O .
8 O O O O O O O O O
7 . . . . . . . . .
6 O O O O O O O O O
5 . . . . . . . . .
4 . O . O . O . O .
3 O O O O O O O O O
2 O X X X X X X X O
1 O X . O O O . X O
"""
"""Who plays at C1 or G1 first loses the stones around."""


def put(client: Client, drawing: str, player: str = "b") -> None:
    """Set a drawing up."""
    rows = [line.split()[1:] for line in drawing.strip().splitlines()]
    words = []
    for up, row in enumerate(reversed(rows), 1):
        words += [f"{'b' if c == 'X' else 'w'} {'ABCDEFGHJ'[at]}{up}" for at, c in enumerate(row) if c != "."]
    client.ok(f"boardsize {len(rows)}")
    client.ok("clear_board")
    client.ok(f"set_position {' '.join(words)}")
    client.ok(f"gogui-setup_player {player}")


def listed(client: Client, status: str) -> list[set[str]]:
    return [set(line.split()) for line in client.ok(f"final_status_list {status}").splitlines() if line]


@pytest.mark.parametrize("player", ["random", "mcts:100"])
@pytest.mark.parametrize("rules", ["chinese", "japanese", "tromp-taylor"])
def test_dead_stones_are_found(player: str, rules: str, capfd: pytest.CaptureFixture[str]) -> None:
    client = Client(f"go:size=7,rules={rules},komi=0.5", player)
    put(client, WALLS)
    assert listed(client, "dead") in ([{"B4"}, {"F4"}], [{"F4"}, {"B4"}])
    assert listed(client, "seki") == []
    alive = set().union(*listed(client, "alive"))
    assert {"D1", "D7", "E1", "B2", "G6"} <= alive
    assert not {"B4", "F4"} & alive
    assert capfd.readouterr().err == "gtp: dead stones are judged by playouts\n"


def test_scores_by_area_and_by_territory_before_and_after_two_passes() -> None:
    """Black owns 28 points and White 21, of them 19 and 12 without a stone that stays, and a prisoner each.

    As the board stands neither owns what the other has a stone in.
    """
    client = Client("go:size=7,rules=chinese,komi=0.5", "mcts:100")
    put(client, WALLS)
    assert client.ok("final_score") == "B+6.5"
    client.ok("play b pass")
    client.ok("play w pass")
    assert client.ok("final_score") == "W+0.5"
    japanese = Client("go:size=7,rules=japanese,komi=0.5", "mcts:100")
    put(japanese, WALLS)
    before = japanese.ok("final_score")
    japanese.ok("play b pass")
    japanese.ok("play w pass")
    assert japanese.ok("final_score") == before == "B+6.5"


def test_prisoners_stay_when_a_board_is_set_up_in_the_middle() -> None:
    """A game that goes on after two passes, by territory: the stone taken before still counts."""
    client = Client("go:size=5,rules=japanese,komi=0.5", "random")
    client.ok("gogui-play_sequence b A2 w A1 b B1 w E5 b C3 w pass b pass")
    taken = client.ok("final_score")
    client.ok("play w pass")
    client.ok("play w pass")
    assert client.ok("final_score") == taken


def test_groups_in_seki_are_neither_alive_nor_dead() -> None:
    client = Client("go:size=9,rules=chinese", "random")
    put(client, SEKI)
    assert listed(client, "dead") == []
    seki = set().union(*listed(client, "seki"))
    assert {"B1", "B2", "H1", "D1", "E1", "F1"} <= seki
    alive = set().union(*listed(client, "alive"))
    assert {"A8", "A3", "A6"} <= alive
    assert not seki & alive


@pytest.mark.parametrize("player", ["random", "mcts:100"])
def test_cleaning_up_takes_all_dead_stones_then_passes(player: str) -> None:
    client = Client("go:size=7,rules=chinese,komi=0.5", player)
    put(client, WALLS)
    client.ok("play b pass")
    client.ok("play w pass")
    moves = []
    for _ in range(40):
        moves.append(client.ok(f"kgs-genmove_cleanup {'bw'[len(moves) % 2]}"))
        if moves[-2:] == ["pass", "pass"]:
            break
    assert moves[-2:] == ["pass", "pass"]
    drawn = client.ok("showboard")
    assert "4 . . . X O . ." in drawn.replace("X X", "X .") or listed(client, "dead") == []
    assert listed(client, "dead") == []
    assert client.ok("final_score").startswith("B+")


def test_a_pass_after_a_pass_where_the_board_is_won_as_it_stands() -> None:
    client = Client("go:size=7,rules=tromp-taylor,komi=0.5", "mcts:100")
    put(client, WALLS, "w")
    client.ok("gogui-setup empty F4 empty B4")
    client.ok("play w pass")
    assert client.ok("genmove b") == "pass"


def test_no_pass_after_a_pass_where_the_board_is_lost_as_it_stands() -> None:
    """Black would lose by White's dead stones on the board; it has to take them."""
    client = Client("go:size=5,rules=tromp-taylor,komi=0.5", "mcts:800")
    put(
        client,
        """
5 O . X O .
4 . X X O O
3 O X O . O
2 X X O O O
1 . X O . O
""",
        "w",
    )
    client.ok("play w pass")
    assert client.ok("genmove b") != "pass"


def test_two_moves_of_one_color_are_no_two_passes() -> None:
    client = Client("go:size=5", "mcts:30")
    client.ok("play b C3")
    assert client.ok("genmove b") != "pass", "white's turn that was left out is no pass to answer"
    client.ok("play b pass")
    client.ok("play b pass")
    assert client.ok("final_score")
    assert client.ok("genmove w")


DEAD_INSIDE = """
7 . . X O . . .
6 X . X O . . O
5 . . X O . . .
4 . . X O . X .
3 . . X O . . .
2 X . X O . . O
1 . . X O . . .
"""
"""As the board stands Black has 22 points and White 9; without F4 it is 21 and 28."""


@pytest.mark.parametrize("command", ["genmove b", "kata-genmove_analyze b"])
@pytest.mark.parametrize("is_on_server", [True, False])
def test_no_pass_that_wins_by_dead_stones_of_its_own_where_those_are_taken_off(
    is_on_server: bool, command: str
) -> None:
    client = Client("go:size=7,rules=chinese,komi=0.5", "mcts:200")
    if is_on_server:
        client.ok("kgs-rules chinese")
    put(client, DEAD_INSIDE, "w")
    client.ok("play w pass")
    assert client.ok(command).endswith("pass") != is_on_server


def test_a_pass_where_dead_stones_of_its_own_do_not_matter() -> None:
    client = Client("go:size=7,rules=chinese,komi=0.5", "mcts:200")
    client.ok("kgs-time_settings none")
    put(client, WALLS, "w")
    client.ok("gogui-setup empty B4")
    client.ok("play w pass")
    assert client.ok("genmove b") == "pass"
