"""The analysis commands: arguments in every order, exact lines, and when they end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from gtp_client import Client
from scripted_player import ScriptedPlayer

from engine.player.thinking import Restriction

TWO = "A5 B5"
"""The two best moves of the scripted player on an empty board."""


def client(game: str = "go:size=5", simulations: int = 8) -> tuple[Client, ScriptedPlayer]:
    players: list[ScriptedPlayer] = []

    def make(asked: Any) -> ScriptedPlayer:
        players.append(ScriptedPlayer(asked, simulations))
        return players[-1]

    return Client(game, open_player=make), players[0]


def analyzed(line: str, game: str = "go:size=5") -> list[str]:
    """The lines of an analysis that the next line ends; the first is the equals sign."""
    asked, _ = client(game)
    asked.send("\n")
    return asked.ok(line).split("\n")


LEELA = "info move A5 visits 4 winrate 7500 prior 5000 lcb 6250 order 0 pv A5 B5"
KATA = (
    "info move A5 visits 4 utility 0.500000 winrate 0.750000 prior 0.500000 lcb 0.625000 "
    "utilityLcb 0.250000 order 0 pv A5 B5"
)


def chosen(line: str, game: str = "go:size=5") -> list[str]:
    asked, _ = client(game)
    return asked.ok(line).split("\n")


def test_the_lines_of_leela_zero_are_whole_numbers() -> None:
    first, info, play = chosen("lz-genmove_analyze b 100000 maxmoves 2")
    assert (first, play) == ("", "play A5")
    second = "info move B5 visits 2 winrate 6250 prior 2500 lcb 5000 order 1 pv B5 A5"
    assert info == f"{LEELA} {second}"


@pytest.mark.parametrize("command", ["genmove_analyze", "kata-genmove_analyze"])
def test_the_lines_of_katago_have_a_decimal_point(command: str) -> None:
    _, info, play = chosen(f"{command} b 100000 maxmoves 1")
    assert (info, play) == (KATA, "play A5")
    numbers = re.findall(r"(?:winrate|prior|lcb|utility|utilityLcb) (\S+)", info)
    assert len(numbers) == 5
    assert all(re.fullmatch(r"-?[0-9]+\.[0-9]+", number) for number in numbers)


def test_a_root_and_owners_follow_from_the_top_left() -> None:
    _, info, _ = chosen("kata-genmove_analyze b maxmoves 1 rootInfo true ownership true", "go:size=3x2")
    moves, root, owners = re.fullmatch(r"(.*) (rootInfo .*) (ownership .*)", info).groups()  # type: ignore[union-attr]
    assert moves.startswith("info move A2")
    assert root == (
        "rootInfo visits 8 utility 0.250000 winrate 0.625000 scoreLead 3.500000 rawWinrate 1.000000"
    )
    assert [float(owner) for owner in owners.split(" ")[1:]] == pytest.approx([-1, -0.6, -0.2, 0.2, 0.6, 1])


def test_owners_and_lead_after_each_move_are_told_where_asked_for() -> None:
    _, info, _ = chosen("kata-genmove_analyze b maxmoves 2 movesOwnership true", "go:size=3x2")
    first, second = info.removeprefix("info ").split(" info ")
    assert " scoreMean 3.500000 scoreLead 3.500000 prior " in first
    assert " scoreLead 2.500000 " in second
    for block in (first, second):
        pv, cells = block.split(" movesOwnership ")
        assert re.search(r" pv (?:\S+ ?)+$", pv)
        assert len(cells.split(" ")) == 6
    _, plain, _ = chosen("kata-genmove_analyze b maxmoves 2", "go:size=3x2")
    assert "score" not in plain


def test_cgos_gets_one_object_and_the_move() -> None:
    first, info, play = chosen("cgos-genmove_analyze b", "go:size=3x2")
    assert (first, play) == ("", "play A2")
    assert " " not in re.sub(r'"pv":"[^"]*"', "", info)
    found = json.loads(info)
    best = {"move": "A2", "visits": 4, "winrate": 0.75, "prior": 0.5, "pv": "B2"}
    assert found["moves"][0] == best
    assert (found["winrate"], found["visits"], found["score"]) == (0.625, 8, 3.5)
    assert found["ownership"] == "AMZly+"


def test_moves_without_visits_are_told_when_as_many_are_wished() -> None:
    def moves(words: str) -> int:
        return chosen(f"kata-genmove_analyze b {words}")[1].count("info move")

    assert [moves(words) for words in ("", "minmoves 6", "maxmoves 1", "minmoves 6 maxmoves 2")] == [
        3,
        6,
        1,
        2,
    ]


@pytest.mark.parametrize("command", ["analyze", "kata-analyze", "lz-analyze"])
@pytest.mark.parametrize(
    "words",
    ["", "b 5", "5", "5 b", "interval 5", "b interval 5", "black interval 5 minmoves 3", "w 5 maxmoves 1"],
)
def test_an_analysis_ends_with_the_next_line_and_changes_nothing(command: str, words: str) -> None:
    asked, player = client()
    before = asked.ok("showboard")
    asked.send("name\n")
    first, *infos = asked.ok(f"{command} {words}").split("\n")
    assert first == ""
    assert infos
    assert all(info.startswith("info move ") for info in infos)
    assert asked.session.inbox.take() == "name"
    assert asked.ok("showboard") == before
    assert player.queries[-1].simulations is None
    assert player.queries[-1].state.player() == (1 if words.startswith("w") else 0)


@pytest.mark.parametrize(
    ("words", "restrictions"),
    [
        ("avoid b A5 1", [(0, {"A5"}, 1, False)]),
        ("avoid b A5,pass 3 avoid w c3 2", [(0, {"A5", "pass"}, 3, False), (1, {"C3"}, 2, False)]),
        ("allow b A5,B5 1", [(0, {"A5", "B5"}, 1, True)]),
        ("allow B A5 4 allow b B5 4 avoid w D4 1", [(1, {"D4"}, 1, False), (0, {"A5", "B5"}, 4, True)]),
        ("5 allow w D4 9", [(1, {"D4"}, 9, True)]),
    ],
)
def test_moves_to_avoid_and_to_allow(words: str, restrictions: list[tuple[Any, ...]]) -> None:
    asked, player = client()
    asked.send("\n")
    asked.ok(f"kata-analyze {words}")
    state = asked.session.state
    expected = [
        Restriction(side, frozenset(state.parse_action(name) for name in names), plies, allowed)
        for side, names, plies, allowed in restrictions
    ]
    assert list(player.queries[-1].restrictions) == expected


def test_moves_are_allowed_when_the_other_is_to_move() -> None:
    asked, player = client()
    asked.ok("play b C3")
    asked.send("\n")
    info = asked.ok("kata-analyze b 5 allow b D4 1 avoid w A5 2")
    assert info.split("\n")[1].startswith("info move D4 ")
    assert player.queries[-1].state.player() == 0


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("green 5", "'green' is none of interval, minmoves"),
        ("interval x", "interval 'x' is no number of centiseconds"),
        ("interval -5", "interval '-5'"),
        ("interval", "'interval' has no value"),
        ("minmoves -1", "minmoves '-1' is no number from 0"),
        ("maxmoves x", "maxmoves 'x'"),
        ("avoid b", "'avoid' has no value"),
        ("avoid b A5", "'avoid' has no value"),
        ("avoid b A5 0", "avoid: plies '0' is no number from 1"),
        ("avoid q A5 1", "invalid color or coordinate"),
        ("avoid b Z9 1", "avoid: 'Z9' is no move"),
        ("allow b A5 1 allow b B5 2", "the same number of plies"),
        ("allow b pass,, 1 avoid b pass 1", "no legal move"),
        ("ownership maybe", "neither true nor false"),
        ("ownershipStdev true", "ownershipStdev is not known here"),
        ("movesOwnershipStdev true", "movesOwnershipStdev is not known here"),
        ("rootInfo", "'rootInfo' has no value"),
        ("no\x01such thing", "is none of"),
    ],
)
def test_a_wrong_word_is_named_and_nothing_begins(words: str, answer: str) -> None:
    asked, player = client()
    for command in ("kata-analyze", "lz-genmove_analyze", "kata-search"):
        assert answer in asked.refused(f"{command} {words}")
    assert player.queries == []
    assert asked.session.history.steps == []


def test_what_is_false_is_accepted() -> None:
    assert analyzed("kata-analyze 5 ownershipStdev false movesOwnership false ownership 0 rootInfo 1")


def test_owners_are_refused_where_there_are_none() -> None:
    asked, _ = client("connect4")
    assert "points do not decide this game" in asked.refused("kata-analyze 5 ownership true")
    plain = Client("go:size=5", "random")
    assert "does not search" in plain.refused("kata-analyze 5 ownership true")


@pytest.mark.parametrize("game", ["connect4", "chess", "tictactoe", "othello", "nim"])
def test_every_game_is_analyzed_in_its_own_notation(game: str) -> None:
    asked, _ = client(game)
    color = asked.session.colors[0][0]
    asked.send("\n")
    state = asked.session.state
    infos = asked.ok(f"lz-analyze {color} 1").split("\n")[1:]
    found = re.fullmatch(r"info move (\S+) visits .* pv (\S+) (\S+)", infos[-1].split(" info ")[0])
    assert found is not None
    best = state.action_text(state.legal_actions()[0])
    assert found.groups()[:2] == (best, best)
    assert asked.ok(f"kata-genmove_analyze {color}").split("\n")[-1] == f"play {best}"
    assert asked.session.history.steps[-1].text == best


def test_a_search_leaves_the_board_alone() -> None:
    asked, _ = client()
    assert asked.ok("kata-search b") == "A5"
    assert asked.ok("kata-search_cancellable b") == "A5"
    assert asked.ok("kata-search_analyze b maxmoves 1").split("\n") == ["", KATA, "play A5"]
    assert asked.ok("kata-search_analyze_cancellable").split("\n")[-1] == "play A5"
    assert asked.session.history.steps == []


def test_a_search_is_cancelled_by_a_line() -> None:
    asked, _ = client(simulations=1_000_000)
    asked.send("\n")
    assert asked.ok("kata-search_cancellable b") == "cancelled"
    assert asked.ok("kata-search_analyze_cancellable b 1").split("\n")[-1] == "play cancelled"
    assert asked.session.inbox.take() == ""


def test_moves_chosen_with_an_analysis_are_not_ended_by_a_line() -> None:
    asked, player = client(simulations=50)
    asked.send("name\n\n# nothing\n")
    infos = asked.ok("kata-genmove_analyze b 1 maxmoves 1").split("\n")
    assert infos[-1] == "play A5"
    assert len(infos) > 3
    assert "visits 25 " in infos[-2]
    assert player.queries[-1].simulations == 50


def test_the_equals_sign_is_printed_at_once() -> None:
    asked, player = client(simulations=20)
    written: list[tuple[str, int]] = []
    from engine.protocols.gtp.dialogue import answer
    from engine.protocols.line_reader import Line

    answer(
        asked.session,
        Line("12 genmove_analyze b 1"),
        lambda text: written.append((text, len(player.queries))),
    )
    assert written[0] == ("=12\n", 0)


def test_a_finished_game_is_refused() -> None:
    asked, _ = client("connect4")
    for move in "1212121":
        asked.ok(f"play {asked.session.colors[asked.session.state.player()]} {move}")
    for command in ("kata-analyze", "lz-genmove_analyze b", "kata-search"):
        assert "the game is over" in asked.refused(command)


def test_long_variations_are_cut_as_it_was_set() -> None:
    asked, _ = client()
    asked.ok("kata-set-param analysisPVLen 1")
    assert asked.ok("kata-search_analyze b maxmoves 1").split("\n")[1].endswith(" pv A5")
