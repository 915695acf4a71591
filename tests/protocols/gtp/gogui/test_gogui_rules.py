"""Any game on GoGui's board, by the commands that GoGui sends alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gogui import Board, answer, play_out
from gtp_client import Client
from gtp_live import Process

from engine.errors import UserError
from engine.game import PythonGame, PythonState
from engine.protocols.gtp.gogui.marks import mark_reader, owner
from engine.protocols.gtp.gogui.points import Points
from engine.registry import load_game

MINE = """
import numpy as np
from engine.game import PythonGame, PythonState

class TakeState(PythonState):  # fifteen matches, each takes one to three, who takes the last wins
    def __init__(self):
        self.left, self.ply = 15, 0
    def player(self):
        return self.ply % 2
    def legal_actions(self):
        return list(range(min(3, self.left)))
    def play(self, action):
        self.left -= action + 1
        self.ply += 1
    def outcome(self):
        return None if self.left else -1.0
    def encode(self):
        planes = np.zeros((1, 1, 15), np.float32)
        planes[0, 0, :self.left] = 1
        return planes

class Take(PythonGame):
    def __init__(self):
        super().__init__(name="take", num_actions=3, planes_shape=(1, 1, 15), max_plies=15)
    def start(self):
        return TakeState()

class SlideState(PythonState):  # pawns step forward or aside, who reaches the last row wins
    def __init__(self):
        self.cells = np.zeros((4, 3), np.int8)
        self.cells[0], self.cells[3] = 2, 1
        self.ply = 0
    def player(self):
        return self.ply % 2
    def moves(self):
        own, step = 1 + self.player(), -1 if self.player() == 0 else 1
        found = []
        for row, column in zip(*np.nonzero(self.cells == own)):
            for aside in (-1, 0, 1):
                to = row + step, column + aside
                is_on = 0 <= to[0] < 4 and 0 <= to[1] < 3
                if is_on and self.cells[to] != own and (aside or not self.cells[to]):
                    found.append((3 * row + column) * 3 + aside + 1)
        return sorted(int(move) for move in found)
    def over(self):
        return bool((self.cells[0] == 1).any() or (self.cells[3] == 2).any())
    def legal_actions(self):
        return [] if self.over() else self.moves()
    def play(self, action):
        cell, aside = divmod(action, 3)
        row, column = divmod(cell, 3)
        step = -1 if self.player() == 0 else 1
        self.cells[row + step, column + aside - 1] = self.cells[row, column]
        self.cells[row, column] = 0
        self.ply += 1
    def outcome(self):
        if self.over():
            return -1.0
        return None if self.moves() else 0.0
    def encode(self):
        own = 1 + self.player()
        return np.stack([self.cells == own, (self.cells > 0) & (self.cells != own)]).astype(np.float32)

class Slide(PythonGame):
    def __init__(self):
        super().__init__(name="slide", num_actions=36, planes_shape=(2, 4, 3), max_plies=40)
    def start(self):
        return SlideState()
"""
"""A game whose moves are no places on its board, and one whose moves have no names."""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "game", ["connect4", "tictactoe", "othello", "gardner", "nim", "go:size=3", "MINE:Take", "MINE:Slide"]
)
def test_a_whole_game_is_played_by_clicks(game: str, mine: Path) -> None:
    game = game.replace("MINE", str(mine))
    for seed in (1, 2):
        client = Client(game, "mcts:5")
        board = play_out(client, seed)
        state = client.session.state
        outcome = state.outcome()
        assert outcome is not None
        winner = state.player() if outcome > 0 else 1 - state.player()
        result = "draw" if outcome == 0 else client.session.colors[winner]
        assert client.ok("gogui-rules_final_result") == result
        assert client.refused("play b A1") == "illegal move"
        clicks = 0
        while client.ask("undo") == "=":
            clicks += 1
        assert clicks >= state.ply()
        assert client.session.state.key() == load_game(game).initial().key()
        assert client.ok("gogui-rules_final_result") == "unknown"
        board.read()


@pytest.mark.parametrize("player", ["connect4:pretrained --sims 8", "mcts:20 --game MINE:Slide"])
def test_a_process_plays_a_whole_game_in_gogui(player: str, mine: Path) -> None:
    with Process(*player.replace("MINE", str(mine)).split()) as program:
        known = set(program.whole("list_commands").removeprefix("= ").split("\n"))
        names = (
            "game_id board board_size legal_moves side_to_move final_result captured_count setup board_gfx"
        )
        assert {f"gogui-rules_{name}" for name in names.split()} <= known
        for line in ("boardsize 7" if "connect4" in player else "boardsize 4", "clear_board"):
            assert program.whole(line) == "="
        board = play_out(program, 3)
        assert answer(program, "gogui-rules_final_result") in ("black", "white", "draw")
        assert "X" in board.points.values()
        program.send("quit")
        assert program.wait() == (0, "")


def test_what_connect_four_looks_like() -> None:
    client = Client("connect4", "random")
    board = Board(client)
    assert board.legal() == ["A1", "B1", "C1", "D1", "E1", "F1", "G1"]
    for point in ("D1", "D2", "E1"):
        board.click(point)
    assert client.ok("gogui-rules_board") == (
        ". . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n"
        ". . . O . . .\n. . . X X . ."
    )
    assert "COLOR #808080 A7 B7 C7 D7 E7 F7 G7" in client.ok("gogui-rules_board_gfx")
    assert board.legal() == ["A1", "B1", "C1", "D3", "E2", "F1", "G1"]
    assert client.refused("play w D1") == "illegal move"
    client.ok("play w 4")  # its own notation goes on
    assert client.ok("gogui-rules_legal_moves").split()[3] == "D4"


def test_two_clicks_are_a_move_of_chess_and_white_begins() -> None:
    client = Client("chess", "mcts:5")
    board = Board(client)
    assert board.to_move() == "white"
    assert client.refused("play b E7") == "illegal move"
    board.click("e2")
    assert board.legal() == ["E3", "E4"]
    assert board.to_move() == "white"
    board.click("E4")
    assert board.to_move() == "black"
    assert (board.points["E4"], board.points["E7"], board.points["E2"]) == ("O", "X", ".")
    first, second = client.ok("genmove b"), client.ok("genmove b")
    assert (board.to_move(), len(client.session.history.steps)) == ("white", 2)
    client.ok("undo")
    assert second in board.legal()
    client.ok("undo")
    assert first in board.legal()


def test_a_person_begins_a_move_and_the_program_ends_it() -> None:
    client = Client("chess", "mcts:30")
    board = Board(client)
    board.click("G1")
    assert client.ok("genmove w") in ("F3", "H3")


def test_promotion_and_castling_are_clicked() -> None:
    client = Client("chess", "random")
    client.ok("gogui-rules_setup 8/P6k/8/8/8/8/8/4K3 w - - 0 1")
    board = Board(client)
    for point in ("A7", "A8"):
        board.click(point)
    assert board.legal() == ["A8", "A7", "A6", "A5"]
    assert "A7 a7a8n" in client.ok("gogui-rules_board_gfx")
    board.click("A7")
    assert board.to_move() == "black"
    client.ok("gogui-rules_setup 8/1k6/8/8/8/8/8/R3K2R w KQ - 0 1")
    board.read()
    for point in ("E1", "G1"):
        board.click(point)
    assert (board.points["F1"], board.points["G1"], board.points["H1"]) == ("O", "O", ".")


def test_what_is_taken_is_counted() -> None:
    client = Client("gardner", "random")
    board = Board(client)
    for point in ("B2", "B3", "A4", "B3"):
        board.click(point)
    assert board.captured == [1, 0]  # a white pawn
    client = Client("go:size=3", "random")
    board = Board(client)
    for color, point in (("b", "A2"), ("w", "A1"), ("b", "B1")):
        client.ok(f"play {color} {point}")
    board.read()
    assert board.captured == [1, 0]
    client = Client("othello", "random")
    board = Board(client)
    board.click(board.legal()[0])
    assert board.captured == [0, 0]  # they change sides


def test_outside_of_gogui_a_game_keeps_its_notation() -> None:
    client = Client("chess", "mcts:5")
    assert client.refused("play w E2") == "illegal move"
    client.ok("play w e2e4")
    assert len(client.ok("genmove b")) in (4, 5)
    client = Client("connect4", "mcts:5")
    client.ok("play b D1")
    assert client.ok("genmove w") in list("1234567")
    client = Client("nim", "random")
    client.ok("play b b3")
    assert client.session.history.steps[-1].text == "b3"


def test_a_game_of_points_is_played_as_without_these_commands() -> None:
    client = Client("go:size=5", "mcts:5")
    board = Board(client)
    client.ok("play w D4")  # nobody has to wait for a turn in Go
    board.read()
    assert board.points["D4"] == "O"
    move = client.ok("genmove w")
    board.read()
    assert move == "pass" or board.points[move] == "O"
    assert client.session.colors[0] == "black"


class Plain(PythonState):
    """Marks that a drawing and the planes may show in other ways."""

    def __init__(self, side: tuple[int, int], drawing: str | None) -> None:
        self.side, self.drawing = side, drawing
        self.cells: list[int] = []

    def player(self) -> int:
        return len(self.cells) % 2

    def legal_actions(self) -> list[int]:
        return [cell for cell in range(self.side[0] * self.side[1]) if cell not in self.cells]

    def play(self, action: int) -> None:
        self.cells.append(action)

    def outcome(self) -> float | None:
        return 0.0 if len(self.cells) == self.side[0] * self.side[1] else None

    def encode(self) -> Any:
        planes = np.zeros((2, *self.side), np.float32)
        for ply, cell in enumerate(self.cells):
            planes[(ply + self.player()) % 2, *divmod(cell, self.side[1])] = 1
        return planes

    def text(self) -> str:
        if self.drawing is None:
            return super().text()
        marks = [[self.drawing[0]] * self.side[1] for _ in range(self.side[0])]
        for ply, cell in enumerate(self.cells):
            marks[cell // self.side[1]][cell % self.side[1]] = self.drawing[1 + ply % 2]
        return "\n".join(" ".join(row) for row in marks) + "\n"


class PlainGame(PythonGame):
    def __init__(
        self, names: list[str] | None, side: tuple[int, int] = (2, 3), drawing: str | None = None
    ) -> None:
        cells = side[0] * side[1]
        super().__init__(
            name="plain", num_actions=cells, planes_shape=(2, *side), max_plies=cells, action_names=names
        )
        self._begin = (side, drawing)

    def start(self) -> Plain:
        return Plain(*self._begin)


@pytest.mark.parametrize("drawing", [None, ".XO", ".xo", "-12", "_BW", "·#@"])
def test_the_planes_say_whose_a_mark_is(drawing: str | None) -> None:
    game = PlainGame(None, drawing=drawing)
    state = game.initial()
    for action in (0, 4, 2):
        state.play(action)
    marks = mark_reader(game, [game.initial(), state])(state)
    assert [[owner(mark) if mark != "." else None for mark in row] for row in marks] == [
        [0, None, 0], [None, 1, None]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "first", "size"),
    [
        (None, "A2", 3),
        (["a1", "b1", "c1", "a2", "b2", "c2"], "A1", 3),  # rows from the top
        (["A2", "B2", "C2", "A1", "B1", "C1"], "A2", 3),
        (["a1", "a2", "a3", "b1", "b2", "b3"], "A1", 3),  # lying on its side
        (["aa", "ab", "ac", "ba", "bb", "bc"], "A2", 3),
        (["a1", "b1", "c1", "a2", "b2", "b2x"], "A2", 3),
    ],
)
def test_names_that_are_points_are_kept(names: list[str] | None, first: str, size: int) -> None:
    game = PlainGame(names)
    points = Points(game)
    paths = points.paths(game.initial())
    assert (paths[0], points.size) == ((first,), size)
    assert len(set(paths.values())) == 6
    for action, path in paths.items():
        state = game.initial()
        state.play(action)
        assert points.marks(state)[path[0]] == "X"


def test_wide_boards_leave_the_letter_i_out() -> None:
    plain = [f"{letter}{row}" for row in (2, 1) for letter in "abcdefghij"]
    points = Points(PlainGame(plain, (2, 10)))
    assert points.paths(PlainGame(plain, (2, 10)).initial())[8] == ("J2",)
    assert Points(PlainGame(None, (2, 10))).point(0, 8) == "J2"


def test_a_board_without_points_says_so() -> None:
    with pytest.raises(UserError, match="game 'plain': its board is 26x2, which has no points"):
        Points(PlainGame(None, (2, 26)))


def test_such_a_game_is_played_and_analyzed_without_points(tmp_path: Path) -> None:
    wide = MINE.replace("planes_shape=(1, 1, 15)", "planes_shape=(1, 1, 26)").replace(
        "(1, 1, 15)", "(1, 1, 26)"
    )
    (tmp_path / "wide.py").write_text(wide, encoding="utf-8")
    client = Client(f"{tmp_path}/wide.py:Take", "mcts:5")
    assert client.refused("gogui-rules_board") == (
        "game 'take': its board is 26x1, which has no points; they are for 25x25 at most"
    )
    assert client.refused("play b A1") == "illegal move"
    assert client.refused("kata-analyze avoid b A1 1") == "avoid: 'A1' is no move"
    client.ok("play b 2")
    assert client.ok("genmove w") in ("0", "1", "2")


def test_a_game_may_say_where_its_moves_lie() -> None:
    class Told(PlainGame):
        def board_marks(self, state: Any) -> list[str]:
            return [".", "X" if state.ply() else ".", "."]

        def move_cells(self, state: Any, action: int) -> list[tuple[int, int]]:
            return [(action // 2, 0)] if action < 5 else []

    game = Told(None)
    points = Points(game)
    assert points.size == 3
    assert points.paths(game.initial()) == {
        0: ("A3", "A3"), 1: ("A3", "A2"), 2: ("A2", "A2"), 3: ("A2", "A1"), 4: ("A1",), 5: ("pass",)
    }  # fmt: skip
    assert points.choices(game.initial()) == {0, 1, 2, 3}
