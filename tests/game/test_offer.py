"""What a game may bring: declared once, asked for in one way, refused by name in a wrong form."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine._core import Game, State
from engine.cli.game.rules import RulesService
from engine.errors import UserError
from engine.game import inquiry, offer
from engine.game.offer import OFFERS
from engine.game.survey import doubts, survey
from engine.registry import game_names, load_game, position_text, preset
from engine.truth import ILLEGAL, TruthSet
from games.tictactoe import TicTacToe

ROOT = Path(__file__).resolve().parents[2]

ASK: dict[str, Callable[[Game], object]] = {
    "presets": inquiry.presets,
    "start_is_symmetric": inquiry.start_is_symmetric,
    "source": inquiry.source,
    "position_text": lambda game: position_text(game, game.initial()),
    "describe": lambda game: inquiry.describe(game, game.initial()),
    "record_suffix": lambda game: inquiry.record_text(game, game.initial(), {}),
    "record_text": lambda game: inquiry.record_text(game, game.initial(), {}),
    "openings": inquiry.openings,
    "truth_sets": inquiry.truth_sets,
    "solver": inquiry.solver,
    "pretrained_checkpoint": inquiry.pretrained_checkpoint,
    "bench_checkpoint": inquiry.bench_checkpoint,
    "reference_run": inquiry.reference_run,
    "goban": inquiry.goban,
    "untrainable": inquiry.untrainable,
    "board_marks": lambda game: inquiry.board_marks(game, game.initial()),
    "move_cells": lambda game: inquiry.move_cells(game, game.initial(), 0),
    "first_color": inquiry.first_color,
    "uci_variant": inquiry.uci_variant,
    "uci_games": inquiry.uci_games,
    "without_claims": inquiry.without_claims,
    "rule_set": inquiry.rule_set,
    "with_rule_set": inquiry.rule_set,
}
"""How the engine asks for each."""


def with_offers(**offers: Any) -> Game:
    """Tic-tac-toe that brings these, methods without `self`."""
    members = {
        name: staticmethod(value) if inspect.isfunction(value) else value for name, value in offers.items()
    }
    return type("Mine", (TicTacToe,), members)()  # type: ignore[no-any-return]


def truth(outcomes: Any, scores: Any = None, positions: tuple[Any, ...] = ("",)) -> Callable[[], Any]:
    return lambda: [TruthSet("mine", list(positions), outcomes, scores)]


EVEN = np.zeros((1, 9), np.int8)
NO_SOLVER = type("S", (), {"score": len})


def test_every_offer_is_declared_asked_for_and_written_down() -> None:
    declared = {
        name: protocol
        for protocol in vars(offer).values()
        if inspect.isclass(protocol) and protocol.__name__.startswith("Has")
        for name in vars(protocol)
        if not name.startswith("_")
    }
    assert declared == {name: one.protocol for name, one in OFFERS.items()}
    assert ASK.keys() == OFFERS.keys()
    for name, one in OFFERS.items():
        member = vars(one.protocol)[name]
        assert one.what, name
        assert inspect.getdoc(member), name
        assert one.form.partition("(")[0] == name
        arguments = [*inspect.signature(member).parameters] if one.is_method else []
        assert one.form == (f"{name}({', '.join(arguments[1:])})" if one.is_method else name)


def test_the_guide_lists_what_is_declared() -> None:
    guide = (ROOT / "games/README.md").read_text(encoding="utf-8")
    part = re.search(r"^## What else a game may bring$(.*?)^## ", guide, re.M | re.S)
    assert part is not None
    heads = [line for line in part[1].splitlines() if line.startswith("- `")]
    listed = [form for line in heads for form in re.findall(r"`([^`]+)`", line.partition(": ")[0])]
    assert listed == [one.form for one in OFFERS.values()]


def test_nothing_else_in_the_engine_looks_for_what_a_game_has() -> None:
    found = []
    for path in sorted((ROOT / "engine").rglob("*.py")):
        if path.parent.name == "game" and path.stem in ("inquiry", "survey"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
                asked = ast.unparse(node.args[0])
                if re.search(r"\b_?(game|rules)\b|load_game", asked):
                    found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


@pytest.mark.parametrize("name", game_names())
def test_our_games_bring_what_is_declared(name: str) -> None:
    found = survey(load_game(name))
    assert "presets" in found.offered
    assert [*found.offered, *found.lacking].sort() == [*OFFERS].sort()
    assert found.doubts == []


def test_what_is_not_brought_has_its_usual_answer() -> None:
    bare = with_offers(presets=None, source=None, position_text=None, openings=None)
    expected: dict[str, object] = {
        "presets": {}, "start_is_symmetric": True, "position_text": "", "describe": {}, "openings": [],
        "truth_sets": [], "first_color": "black", "uci_games": {},
    }  # fmt: skip
    for name, ask in ASK.items():
        assert not inquiry.is_offered(bare, name)
        if name == "without_claims":
            assert ask(bare) is bare
        elif name != "solver":
            assert ask(bare) == expected.get(name), name
    with pytest.raises(UserError, match="game 'tictactoe' has no exact solver"):
        inquiry.solver(bare)
    assert preset(bare, "default") == {}


@pytest.mark.parametrize(
    ("offers", "name", "words"),
    [
        ({"presets": [1]}, "presets", ["presets is [1]", "it must be settings by section"]),
        ({"presets": {"default": 3}}, "presets", ["presets is {'default': 3}"]),
        ({"presets": dict}, "presets", ["presets is a method"]),
        ({"start_is_symmetric": "no"}, "start_is_symmetric", ["is 'no'", "True or False"]),
        ({"start_is_symmetric": lambda: False}, "start_is_symmetric", ["is a method"]),
        ({"source": "here.py"}, "source", ["source is 'here.py'", "a method source()"]),
        ({"source": lambda: None}, "source", ["source() gives None"]),
        ({"position_text": lambda: ""}, "position_text", ["cannot be called as position_text(state)"]),
        ({"position_text": lambda _: 3}, "position_text", ["position_text(state) gives 3", "text"]),
        ({"position_text": lambda _: "a\nb"}, "position_text", ["gives 'a\\nb'", "one line"]),
        ({"describe": {"a": 1}}, "describe", ["describe is {'a': 1}", "a method describe(state)"]),
        ({"describe": lambda _: ["a"]}, "describe", ["describe(state) gives ['a']", "fields by name"]),
        ({"describe": lambda _: None}, "describe", ["describe(state) gives None"]),
        ({"record_suffix": "txt"}, "record_suffix", ["has record_suffix and no record_text"]),
        ({"record_text": lambda *_: ""}, "record_text", ["has record_text and no record_suffix"]),
        ({"record_suffix": ".x", "record_text": lambda *_: ""}, "record_suffix", ["is '.x'"]),
        ({"record_suffix": "x", "record_text": lambda _: ""}, "record_text", ["(state, tags)"]),
        ({"record_suffix": "x", "record_text": lambda *_: b""}, "record_text", ["gives b''"]),
        ({"openings": ["5"]}, "openings", ["openings is ['5']", "a method openings()"]),
        ({"openings": lambda: None}, "openings", ["openings() gives None", "texts of positions"]),
        ({"openings": lambda: "519"}, "openings", ["openings() gives '519'"]),
        ({"openings": lambda: [5]}, "openings", ["openings() gives 5"]),
        ({"openings": lambda: ["55"]}, "openings", ["gives '55', which parse() refuses", "ply 2"]),
        ({"openings": lambda: ["14253"]}, "openings", ["gives '14253'", "the game is over"]),
        ({"openings": lambda: ["5", "1", "9"]}, "openings", ["gives '9'", "'1' once more"]),
        ({"truth_sets": [1]}, "truth_sets", ["truth_sets is [1]", "a method truth_sets()"]),
        ({"truth_sets": lambda: None}, "truth_sets", ["gives None", "engine.truth.TruthSet"]),
        ({"truth_sets": lambda: {"a": 1}}, "truth_sets", ["gives 'a'", "engine.truth.TruthSet"]),
        ({"truth_sets": truth(EVEN[:, :7])}, "truth_sets", ["outcomes are (1, 7)", "must be (1, 9)"]),
        ({"truth_sets": truth(EVEN, EVEN[:, :3])}, "truth_sets", ["scores are (1, 3)", "must be (1, 9)"]),
        ({"truth_sets": truth(EVEN + 5)}, "truth_sets", ["not all 1, 0, -1 or ILLEGAL"]),
        ({"truth_sets": truth([[0] * 9])}, "truth_sets", ["outcomes are [[0", "must be an array of numbers"]),
        ({"truth_sets": truth(None)}, "truth_sets", ["outcomes are None", "must be an array of numbers"]),
        ({"truth_sets": truth(EVEN.astype(str))}, "truth_sets", ["must be an array of numbers"]),
        ({"truth_sets": truth(EVEN, EVEN + np.nan)}, "truth_sets", ["scores are not all finite"]),
        ({"truth_sets": truth(EVEN, [[0] * 9])}, "truth_sets", ["scores are [[0", "must be an array"]),
        ({"truth_sets": truth(EVEN, positions=(3,))}, "truth_sets", ["positions are [3]", "list of texts"]),
        ({"truth_sets": truth(EVEN[:0], positions=())}, "truth_sets", ["which has no position"]),
        ({"truth_sets": lambda: [TruthSet("a", None, EVEN)]}, "truth_sets", ["positions are None"]),  # type: ignore[arg-type]
        ({"truth_sets": lambda: [TruthSet(3, [""], EVEN)]}, "truth_sets", ["gives 3 for a set's name"]),  # type: ignore[arg-type]
        ({"truth_sets": lambda: 2 * truth(EVEN)()}, "truth_sets", ["two sets 'mine'", "its own name"]),
        ({"solver": lambda: None}, "solver", ["solver() gives None", "score, scores and outcomes"]),
        ({"solver": NO_SOLVER}, "solver", ["solver() gives", "score, scores and outcomes"]),
        ({"pretrained_checkpoint": "net"}, "pretrained_checkpoint", ["is 'net'", "must be a method"]),
        ({"bench_checkpoint": lambda: 1}, "bench_checkpoint", ["bench_checkpoint() gives 1", "a path"]),
        ({"reference_run": dict}, "reference_run", ["gives {}", "machine (a text), minutes"]),
        ({"goban": lambda: 9}, "goban", ["goban() gives 9", "the methods of engine.game.offer.Goban"]),
        ({"untrainable": lambda: True}, "untrainable", ["gives True", "or None"]),
        ({"untrainable": "no"}, "untrainable", ["untrainable is 'no'", "a method untrainable()"]),
        ({"board_marks": lambda _: ["...", "....", "..."]}, "board_marks", ["gives ['...', '....'", "rows"]),
        ({"board_marks": lambda _: []}, "board_marks", ["gives []"]),
        ({"move_cells": lambda *_: [1]}, "move_cells", ["move_cells(state, action) gives [1]", "pairs"]),
        ({"move_cells": lambda *_: [(0, -1)]}, "move_cells", ["gives [(0, -1)]"]),
        ({"first_color": "red"}, "first_color", ["first_color is 'red'", "'black' or 'white'"]),
        ({"uci_variant": "My Chess"}, "uci_variant", ["is 'My Chess'", "small letters"]),
        ({"uci_games": dict}, "uci_games", ["uci_games() gives {}", "pairs of a game"]),
        ({"uci_games": lambda: {"a": 3}}, "uci_games", ["gives {'a': 3}"]),
        ({"without_claims": lambda: 3}, "without_claims", ["gives 3", "a game"]),
        ({"rule_set": dict}, "rule_set", ["has rule_set and no with_rule_set"]),
        ({"with_rule_set": lambda _: None}, "with_rule_set", ["has with_rule_set and no rule_set"]),
        ({"rule_set": list, "with_rule_set": lambda _: None}, "rule_set", ["rule_set() gives []"]),
    ],
)
def test_a_wrong_form_is_refused_by_name(offers: dict[str, Any], name: str, words: list[str]) -> None:
    game = with_offers(**offers)
    with pytest.raises(UserError) as caught:
        ASK[name](game)
    with pytest.raises(UserError):
        survey(game)
    assert "game 'tictactoe'" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("offers", "words"),
    [
        ({"presets": {"big": {"network": {"chanels": 3}}}}, ["preset 'big'", "chanels"]),
        ({"position_text": lambda _: "1"}, ["another position's text, '1'"]),
        ({"position_text": lambda _: "here"}, ["what parse() refuses"]),
        ({"truth_sets": truth(EVEN, positions=("77",))}, ["truth set 'mine'", "ply 2", "move '7'"]),
        (
            {"truth_sets": truth(EVEN, positions=("5",))},
            ["'5' has the legal actions [0, 1, 2, 3, 5, 6, 7, 8]"],
        ),
        ({"bench_checkpoint": lambda: "no/where"}, ["bench_checkpoint() names 'no/where'", "no folder"]),
    ],
)
def test_a_survey_tries_what_is_brought(offers: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        survey(with_offers(**offers))
    for word in words:
        assert word in str(caught.value)


def test_a_right_truth_set_is_taken() -> None:
    outcomes = EVEN.copy()
    outcomes[0, 4] = ILLEGAL
    (found,) = inquiry.truth_sets(with_offers(truth_sets=truth(outcomes, positions=("5",))))
    assert found.positions == ["5"]
    assert "truth_sets" in survey(with_offers(truth_sets=truth(outcomes, positions=("5",)))).offered


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("truth_set", "truth_sets"),
        ("truthsets", "truth_sets"),
        ("Truth_Sets", "truth_sets"),
        ("solve", "solver"),
        ("start_symmetric", "start_is_symmetric"),
        ("record_sufix", "record_suffix"),
        ("bench_checkpoints", "bench_checkpoint"),
        ("pretrained_checkpoints", "pretrained_checkpoint"),
        ("describes", "describe"),
        ("gobans", "goban"),
        ("trainable", "untrainable"),
        ("reference_runs", "reference_run"),
    ],
)
def test_a_slip_in_a_name_is_told(name: str, meant: str) -> None:
    (line,) = doubts(with_offers(**{name: list}))
    assert line == f"'{name}' is nothing that the engine asks for; did you mean {meant}?"


@pytest.mark.parametrize("name", ["komi", "heaps", "board", "score", "size", "_truth_set", "text", "moves"])
def test_a_name_of_the_game_s_own_is_no_slip(name: str) -> None:
    assert doubts(with_offers(**{name: list})) == []


def test_check_tells_what_a_game_offers_and_what_looks_like_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from games.tictactoe import TicTacToe\n\n\nclass Mine(TicTacToe):\n    def truth_set(self):\n"
        "        return []\n\n\nclass Wrong(TicTacToe):\n    def truth_sets(self):\n        return 3\n"
    )
    done = check(f"{path}:Mine")
    assert done.returncode == 0
    assert "offers: presets, source, position_text, openings\n" in done.stdout
    assert "lacks: start_is_symmetric, describe, " in done.stdout
    assert "did you mean truth_sets?" in done.stderr
    document = json.loads(check(f"{path}:Mine", "--json").stdout)
    assert document["offers"] == ["presets", "source", "position_text", "openings"]
    assert "truth_sets" in document["lacks"]
    assert len(document["doubts"]) == 1
    done = check(f"{path}:Wrong")
    assert done.returncode == 1
    assert "truth_sets() gives 3; it must give engine.truth.TruthSet objects" in done.stderr


def check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine.cli", "check", "--walks", "2", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_a_state_goes_to_who_describes_it() -> None:
    seen: list[State] = []

    def describe(state: State) -> dict[str, int]:
        seen.append(state)
        return {"ply": state.ply()}

    game = with_offers(describe=describe)
    assert inquiry.describe(game, game.parse("51")) == {"ply": 2}
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["legal", "position", "id", "nodes", "error"])
def test_a_description_takes_no_field_of_the_rules(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = with_offers(describe=lambda _: {name: 3})
    service = RulesService("tictactoe")
    monkeypatch.setattr(service, "_game", lambda _: game)
    with pytest.raises(UserError, match=rf"describe\(state\) gives '{name}', which the answer has already"):
        service.answer({"perft": 1})
