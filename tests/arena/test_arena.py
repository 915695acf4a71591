import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from engine._core import Game, State
from engine.arena.elo import estimate_elo
from engine.arena.event.event import Event
from engine.arena.event.result import GameResult
from engine.arena.event.schedule import Schedule
from engine.arena.event.standing import describe_match
from engine.arena.event.strength import GameTable
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.opening import random_openings, read_openings
from engine.arena.runner import Runner
from engine.arena.sprt import Sprt
from engine.cli.game.event.opening import choose_openings
from engine.errors import UserError
from engine.player import Analysis, Player
from engine.player.plain_player import RandomPlayer
from engine.player.tree_player import mcts_player
from engine.registry import load_game, position_text


@pytest.fixture(scope="module")
def game() -> Game:
    return load_game("connect4")


def event(
    game: Game, players: list[Player], openings: Sequence[State], seed: int = 1, sprt: Sprt | None = None
) -> list[GameResult]:
    schedule = Schedule("round-robin", len(players), len(openings), seed)
    with Runner(game, openings, players, seed, callers=2) as runner:
        return Event(runner, schedule, sprt=sprt).play()


def played(game: Game, first: Player, second: Player, pairs: int = 10, seed: int = 1) -> list[GameResult]:
    return event(game, [first, second], random_openings(game, pairs, 4, seed), seed)


def record(games: Sequence[GameResult]) -> list[tuple[str, tuple[int, ...], float]]:
    return [(one.position, one.actions, one.outcome) for one in games]


def wins_and_losses(games: Sequence[GameResult]) -> tuple[int, int]:
    """Of the first player."""
    points = [one.points(0) for one in games]
    return points.count(1.0), points.count(0.0)


def test_openings_are_distinct_spread_and_running(game: Game) -> None:
    openings = random_openings(game, 200, 4, seed=3)
    assert len({state.canonical()[0] for state in openings}) == 200
    assert all(state.outcome() is None for state in openings)
    plies = [state.ply() for state in openings]
    # One empty board, four first moves up to mirroring, then as many of each length as there are.
    assert [plies.count(ply) for ply in range(2)] == [1, 4]
    assert min(plies.count(ply) for ply in (2, 3, 4)) >= 20
    again = random_openings(game, 200, 4, seed=3)
    assert [position_text(game, state) for state in openings] == [
        position_text(game, state) for state in again
    ]


def test_openings_grow_longer_where_short_ones_run_out(game: Game) -> None:
    openings = random_openings(game, 30, 0, seed=3)
    assert len({state.canonical()[0] for state in openings}) == 30
    assert sorted(state.ply() for state in openings)[:5] == [0, 1, 1, 1, 1]


def test_openings_keep_their_least_length(game: Game) -> None:
    plies = [state.ply() for state in random_openings(game, 30, 9, seed=3, min_plies=8)]
    assert sorted(plies) == [8] * 15 + [9] * 15


def test_opening_files(game: Game, tmp_path: Path) -> None:
    path = tmp_path / "openings.txt"
    path.write_text("# comment\n44\n\n 1234 \n")
    assert [position_text(game, state) for state in read_openings(game, path)] == ["44", "1234"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \t\n"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "iso8859-1"])
def test_opening_files_of_chess(tmp_path: Path, charset: str, end: str) -> None:
    epd = "4k3/8/8/8/8/8/P7/4K3 w - -"
    lines = [
        f'{epd} bm a4; hmvc 7; fmvn 30; id "Müller; # 1 \x85";',
        f"{epd} 8 31",
        f"{epd} 9 32 moves a2a4",
        " # comment",
        f"  {epd} hmvc 20;",
        "e4 e5 Nf3",
        "",
        "moves d2d4",
    ]
    path = tmp_path / "openings.epd"
    path.write_bytes(end.join(lines).encode(charset) + end.encode() + b"\x1a")
    found = [
        state.text().splitlines()[-1].split(maxsplit=1) for state in read_openings(load_game("chess"), path)
    ]
    assert [fields for _, fields in found[:4]] == ["w - - 7 30", "w - - 8 31", "b - - 0 32", "w - - 20 1"]
    assert [placement for placement, _ in found[4:]] == [
        "rnbqkbnr/pppp1ppp/8/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R",
        "rnbqkbnr/pppppppp/8/8/3P4/8/PPP1PPPP/RNBQKBNR",
    ]
    path.write_bytes(end.join([*lines, f"{epd} hmvc x;"]).encode(charset))
    with pytest.raises(UserError, match=r"openings\.epd', line 9: EPD .*: 'hmvc x' is not one number"):
        read_openings(load_game("chess"), path)


def test_warnings_of_recorded_openings_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "book.pgn"
    path.write_text('FEN "4k3/8/8/8/8/8/P7/4K3 w - - 0 1"]\n\n1. e4 *\n\n1. d4 *')
    choose_openings(load_game("chess"), str(path), 2, (0, 4), 1)
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"warning: '{path}', game 1: line 1: 'FEN ")


def test_openings_of_recorded_games(tmp_path: Path) -> None:
    game, path = load_game("chess"), tmp_path / "book.PGN"
    path.write_text(
        '[FEN "4k3/8/8/8/8/8/P7/4K3 w - - 7 30"]\n\n30. a4 (30. a3) *\n\n[Event "x"] 1. e4 {best} e5 1-0\n'
    )
    found = choose_openings(game, str(path), 2, (0, 4), 1)
    assert [position_text(game, state) for state in found] == [
        "4k3/8/8/8/8/8/P7/4K3 w - - 7 30 a2a4",
        "e2e4 e7e5",
    ]
    for text, message in {
        "1. e4 *\n\n1. d4 *\n\n1. e4 *": "book.PGN', game 3: the same position stands in game 1",
        "1. e4 *\n\n1. d4 d5\n2. Ke3 *": "book.PGN', game 2: line 4, ply 3",
        "1. f3 e5 2. g4 Qh4#": "game 1: the game is over",
        '[Variant "Gardner"]\n1. b3 *': "game 1 is one of gardner:draws=fide and not of chess",
        "prose": "book.PGN': no game: line 1: 'prose'",
    }.items():
        path.write_text(text)
        with pytest.raises(UserError, match=re.escape(message)):
            choose_openings(game, str(path), 2, (0, 4), 1)
    path = tmp_path / "book.sgf"
    path.write_text("(;SZ[9]RU[Chinese]KM[7];B[ee];W[cc])")
    (state,) = choose_openings(load_game("go:size=9"), str(path), 1, (0, 4), 1)
    assert state.text().count("X") == state.text().count("O") == 1
    with pytest.raises(UserError, match="game 1 is one of go:"):
        choose_openings(load_game("go:size=5"), str(path), 1, (0, 4), 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"44\n48\n", "line 2: .*'8'"),
        (b"1212121\n", "line 1: the game is over"),
        (b"4\n1\n4\n", "line 3: the same position stands in line 1"),
        (b"# nothing\n", "holds no position"),
        (b"\xff\xfe", "not a text file"),
        ("44\n".encode("utf-16"), "not a text file in UTF-8; save it as one"),
        ("44\n".encode("utf-16-le"), "not a text file"),
        ("44\n".encode("utf-32-be"), "not a text file"),
        (b"44\n\xe9\n", "line 2: .*'é'"),
    ],
)
def test_a_bad_opening_file_is_refused(game: Game, tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "openings.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_openings(game, path)
    with pytest.raises(UserError, match="No such file"):
        read_openings(game, tmp_path / "missing")


def test_an_opening_file_without_end_is_refused(game: Game) -> None:
    with pytest.raises(UserError, match="'/dev/zero' is larger than"):
        read_openings(game, Path("/dev/zero"))


def test_every_opening_is_played_with_both_colours(game: Game) -> None:
    games = played(game, RandomPlayer(game), RandomPlayer(game))
    assert len(games) == 20
    for one, other in zip(games[::2], games[1::2], strict=True):
        assert one.position == other.position
        assert (one.seats, other.seats) == ((0, 1), (1, 0))
    match = describe_match(["one", "other"], (0, 1), games)
    assert match["wins"] + match["draws"] + match["losses"] == 20
    assert sum(match["pentanomial"]) == 10


def test_games_are_legal_to_their_end(game: Game) -> None:
    for one in played(game, RandomPlayer(game), mcts_player(game, 20)):
        state = game.parse(one.position)
        for action in one.actions:
            state.play(action)
        outcome = state.outcome()
        assert outcome is not None
        assert one.outcome == (outcome if state.player() == 0 else -outcome)
        assert one.forfeit is None


def test_a_match_is_the_same_for_the_same_seed(game: Game) -> None:
    first, second, other = (
        played(game, RandomPlayer(game), mcts_player(game, 30), seed=s) for s in (5, 5, 6)
    )
    assert record(first) == record(second)
    assert record(first) != record(other)


def test_search_beats_chance_and_more_search_less(game: Game) -> None:
    weak = played(game, mcts_player(game, 200), RandomPlayer(game), pairs=20)
    assert wins_and_losses(weak)[0] >= 38
    strong = played(game, mcts_player(game, 400), mcts_player(game, 10), pairs=20)
    wins, losses = wins_and_losses(strong)
    assert wins > losses + 20
    mirrored = played(game, mcts_player(game, 10), mcts_player(game, 400), pairs=20)
    wins, losses = wins_and_losses(mirrored)
    assert losses > wins + 20


class LowestPlayer:
    simulations = 0

    def __init__(self, game: Game, name: str = "lowest") -> None:
        self.game = game
        self.name = name

    def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
        assert len(seeds) == len(states)
        return [min(state.legal_actions()) for state in states]

    def analyze(self, states: Sequence[State], simulations: int | None = None) -> list[Analysis]:
        raise AssertionError("the arena asks for moves alone")

    def twin(self, seed: int) -> Self:
        return copy.copy(self)


def test_deterministic_players_play_distinct_games(game: Game) -> None:
    games = played(game, LowestPlayer(game), LowestPlayer(game, "same"), pairs=40)
    match = describe_match(["lowest", "same"], (0, 1), games)
    assert match["distinct_games"] == 40
    assert (match["wins"], match["draws"] % 2) == (match["losses"], 0)
    assert match["pentanomial"] == [0, 0, 40, 0, 0]
    assert estimate_elo(match["pentanomial"]).elo == 0


class FaultyPlayer(LowestPlayer):
    """Fails on positions where the first column is not empty; its name says how."""

    def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
        actions = super().choose(states, seeds)
        for index, state in enumerate(states):
            if 0 in state.position()[1] and self.name == "crash":
                raise RuntimeError("out of ideas")
            if 0 in state.position()[1] and self.name == "illegal":
                actions[index] = 7
        return actions[: 0 if self.name == "mute" else None]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("crash", "RuntimeError: out of ideas"), ("illegal", "illegal action 7"), ("mute", "0 moves for 1 pos")],
)
def test_a_faulty_player_forfeits_its_games_with_the_reason(game: Game, fault: str, reason: str) -> None:
    faulty = FaultyPlayer(game, fault)
    for games, points in (
        (played(game, faulty, RandomPlayer(game)), 0.0),
        (played(game, RandomPlayer(game), faulty), 1.0),
    ):
        forfeits = [one for one in games if one.forfeit is not None]
        assert len(forfeits) >= 15
        assert all(one.forfeit is not None and reason in one.forfeit.reason for one in forfeits)
        assert all(one.points(0) == points for one in forfeits)


def test_a_player_that_fails_on_one_position_loses_only_that_game(game: Game) -> None:
    class Picky(LowestPlayer):
        def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
            if any(state.position()[1] == [3] for state in states):
                raise RuntimeError("not this one")
            return super().choose(states, seeds)

    openings = [game.parse(text) for text in ("4", "5", "6")]
    games = event(game, [Picky(game), RandomPlayer(game)], openings)
    assert [one.position for one in games if one.forfeit] == ["4"]


def test_sprt_stops_early(game: Game) -> None:
    players: list[Player] = [mcts_player(game, 100), RandomPlayer(game)]
    games = event(game, players, random_openings(game, 400, 6, 1), sprt=Sprt(0, 200))
    assert len(games) < 200
    assert len(games) % 2 == 0
    counts = describe_match(["mcts", "random"], (0, 1), games)["pentanomial"]
    assert Sprt(0, 200).state(counts) == "accept elo1"


def test_round_robin_rates_all(game: Game) -> None:
    players: list[Player] = [RandomPlayer(game), mcts_player(game, 20), mcts_player(game, 300)]
    games = event(game, players, random_openings(game, 20, 4, 1))
    assert {one.seats for one in games} == {(a, b) for a in range(3) for b in range(3) if a != b}
    elos = GameTable.of(games, 3).fit().elos
    assert elos[0] < elos[1] < elos[2]
    assert sum(elos) == pytest.approx(0, abs=1e-6)


def test_points_are_those_of_a_player(game: Game) -> None:
    def ended(seats: tuple[int, int], outcome: float) -> ArenaGame:
        return ArenaGame(GameOrder(0, 0, seats), "", game.initial(), outcome=outcome)

    assert ended((3, 5), 1.0).points(3) == ended((5, 3), -1.0).points(3) == 1.0
    assert ended((3, 5), 1.0).points(5) == ended((5, 3), -1.0).points(5) == 0.0
    assert ended((5, 3), 0.0).points(3) == 0.5
