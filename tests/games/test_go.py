"""Go from Python: options, scores, superko and the rules service."""

from __future__ import annotations

from typing import Any

import pytest

from engine._core import GoState
from engine.errors import InputError, UserError
from engine.registry import load_game


def state_of(spec: str, position: str = "") -> GoState:
    state = load_game(spec).parse(position)
    assert isinstance(state, GoState)
    return state


@pytest.mark.parametrize(
    "spec",
    [
        "go:size=9",
        "go:size=7x5,rules=aga",
        "go:size=19,rules=chinese,komi=0.5",
        "go:size=5,ko=situational,suicide=false,komi=-3",
        "go:size=9,rules=japanese,handicap=4",
        "go:size=13,handicap=C3+D4+E5",
        "go:size=2,max_plies=8",
        "go:size=9,resumptions=2,handicap=2",
    ],
)
def test_a_games_name_gives_the_game(spec: str) -> None:
    game = load_game(spec)
    again = load_game(game.name)
    assert again.name == game.name
    assert again.initial().key() == game.initial().key()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("go:size=1", "2 to 25"),
        ("go:size=26", "2 to 25"),
        ("go:size=9x", "size '9x'"),
        ("go:size=abc", "size 'abc'"),
        ("go:rules=mine", "'mine'"),
        ("go:komi=6.25", "multiple of"),
        ("go:ko=super", "'super'"),
        ("go:size=9,handicap=99", "99|handicap"),
        ("go:resumptions=-1", "resumptions -1"),
        ("go:size=9,handicap=C3+pass", "handicap 'C3.pass' is neither a number of stones nor points such as"),
        ("go:size=9,handicap=-2", "handicap '-2' is neither a number of stones nor points such as"),
        ("go:size=9,handicap=C3", "handicap of 1 stones: give two or more"),
        ("go:size=9,handicap=true", "handicap 'True' is neither"),
        ("go:colour=blue", "no option 'colour'"),
    ],
)
def test_wrong_options_are_named(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_game(spec)


def test_area_and_owners() -> None:
    # A wall of Black on the second column, one of White on the third.
    state = state_of("go:size=4,komi=0.5", "B:B1,B2,B3,B4 W:C1,C2,C3,C4;")
    assert state.area_score() == 8 - 8 - 0.5
    assert state.area_owners() == [1, 1, -1, -1] * 4
    # Dead, the four white stones leave twelve points of territory and are four prisoners.
    assert state.territory_score(["C1"]) == 12 + 4 - 0.5
    assert state.territory_owners(["C1"]) == [1, 0, 1, 1] * 4


def test_kinds_of_ko_differ_on_the_smallest_board() -> None:
    paths = {ko: state_of(f"go:size=2,ko={ko}").perft(7) for ko in ("simple", "situational", "positional")}
    assert paths["positional"] < paths["situational"] < paths["simple"]


def test_the_rules_service_answers_for_go(ask: Any) -> None:
    answers = ask(
        "rules", "go",
        requests=[
            {"id": 1, "size": 5, "komi": 0.5, "position": "", "moves": ["C3", "pass", "pass"]},
            {"id": 2, "size": 3, "rules": {"ko": "simple", "suicide": False}, "moves": ["B2"], "perft": 1},
            {"id": 3, "size": 5, "position": "C3 C3"},
            {"id": 4, "size": 5, "rules": {"kou": "simple"}, "position": ""},
            *({"id": 5, "size": 5, name: True} for name in ("komi", "resumptions", "max_plies", "handicap")),
        ],
    )  # fmt: skip
    assert (answers[0]["terminal"], answers[0]["outcome"], answers[0]["score"]) == (True, 1, 24.5)
    assert answers[1]["nodes"] == len(answers[1]["legal"])
    assert "C3" in answers[2]["error"]
    assert "kou" in answers[3]["error"]
    for name, refused in zip(("komi", "resumptions", "max_plies", "handicap"), answers[4:], strict=True):
        assert name in refused["error"]
        assert "True" in refused["error"]


@pytest.mark.parametrize("rules", ["tromp-taylor", "chinese", "aga", "new-zealand", "japanese"])
@pytest.mark.parametrize("size", [2, 5, 19])
def test_a_stone_after_two_passes_resumes_the_game_and_a_pass_does_not(rules: str, size: int) -> None:
    spec = f"go:size={size},rules={rules},resumptions="
    assert state_of(spec + "0", "A1 pass pass").outcome() is not None
    assert state_of(spec + "1", "A1 pass pass").outcome() is None
    assert state_of(spec + "1", "A1 pass pass pass").outcome() is not None
    assert state_of(spec + "2", "A1 pass pass pass").outcome() is None
    assert state_of(spec + "2", "A1 pass pass pass pass").outcome() is not None
    assert state_of(spec + "1", "A1 pass pass B2 pass").outcome() is None
    assert state_of(spec + "1", "A1 pass pass B2 pass pass").outcome() is not None
    with pytest.raises(InputError, match="after the end"):
        state_of(spec + "1", "A1 pass pass pass pass")


def test_rules_that_need_an_agreement_are_not_for_self_play(refused: Any, tmp_path: Any) -> None:
    error = refused("train", "go:size=5,rules=japanese", "--run", str(tmp_path / "run"), "--iterations", "1")
    assert "japanese" in error


def test_nonsense_is_refused() -> None:
    game = load_game("go:size=9")
    for text in ("Z9", "I5", "A0", "A10", "resign", "B:A1", "handicap:1;", "\x00", "A1 " * 2000):
        with pytest.raises(InputError):
            game.parse(text)
