import sys
from pathlib import Path

import pytest

from engine._core import Game
from engine.errors import UserError
from engine.registry import game_names, load_game, position_text, preset
from games.connect4 import Connect4


def test_registered_games_are_listed_and_load() -> None:
    assert "connect4" in game_names()
    game = load_game("connect4")
    assert isinstance(game, Connect4)
    assert game.name == "connect4"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("conect4", ["'conect4'", "did you mean 'connect4'"]),
        ("", ["unknown game ''", "connect4"]),
        ("backgammon", ["'backgammon'", "known: ", "connect4"]),
        ("connect4:size=9", ["no option 'size'"]),
        ("connect4:size", ["'size'", "name=value"]),
        ("connect4:=9", ["'=9'", "name=value"]),
        ("go:size=9,size=5", ["'size' is given twice"]),
        ("go:komi=abc", ["wrong type", 'komi="abc"']),
        ("go:size=\u0669", ["neither a number nor"]),
        ("no.such.module:Name", ["no.such.module", "cannot import"]),
        ("games.connect4:Conect4", ["did you mean 'Connect4'"]),
        ("games.connect4:Connect4:rows=3", ["no option 'rows'"]),
        ("pathlib:Path", ["gives a P", "subclass of engine._core.Game"]),
        ("os; rm:Name", ["package.module:Name"]),
    ],
)
def test_a_bad_name_is_one_line_with_the_value_and_the_remedy(spec: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load_game(spec)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


STRANGER = """
from engine import _core

class Sized(_core.Connect4):
    presets = {"default": {"seed": 3}, "big": {"seed": 4}}

    def __init__(self, size: int = 7, komi: float = 0.5, suicide: bool = False, rules: str = "area") -> None:
        super().__init__()
        if size > 19:
            raise ValueError(f"size {size} is above 19")
        self.options = (size, komi, suicide, rules)
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "stranger_game.py").write_text(STRANGER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "stranger_game", raising=False)
    return "stranger_game:Sized"


def options(game: Game) -> tuple[object, ...]:
    return game.options  # type: ignore[attr-defined, no-any-return]


def test_a_stranger_s_game_in_the_current_directory_loads_with_options(stranger: str) -> None:
    assert options(load_game(stranger)) == (7, 0.5, False, "area")
    game = load_game(stranger + ":size=9,komi=7.5,suicide=true,rules=NaN")
    assert options(game) == (9, 7.5, True, "NaN")
    game = load_game(stranger + ":size=+9,komi=.5,suicide=False,rules=1e400")
    assert options(game) == (9, 0.5, False, "1e400")
    assert options(load_game(stranger + ":komi=-1e+1,suicide=True"))[1:3] == (-10.0, True)
    assert options(load_game(stranger + ":size=9", size=13)) == (13, 0.5, False, "area")


def test_a_value_the_game_refuses_is_named(stranger: str) -> None:
    with pytest.raises(UserError, match="size 99 is above 19"):
        load_game(stranger + ":size=99")
    with pytest.raises(UserError, match="no option 'siez'; did you mean 'size'"):
        load_game(stranger + ":siez=9")


def test_presets_are_named_by_the_game(stranger: str) -> None:
    game = load_game(stranger)
    assert preset(game, "big") == {"seed": 4}
    with pytest.raises(UserError, match="no preset 'bgi'; did you mean 'big'"):
        preset(game, "bgi")


def test_position_text_is_what_parse_reads() -> None:
    game = load_game("connect4")
    for text in ("", "4", "44556", "1212121"):
        assert position_text(game, game.parse(text)) == text
