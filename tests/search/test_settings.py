"""Every setting of the search, as its table declares it, is what users set, and changes what is found.

What proposes moves reads some itself: tests/language/search/test_adapter.py walks those.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from proposers import WIDE, GameProposer, Sampler, waves
from pseudo import even_handed

from engine import _core
from engine.config.play import ProposalConfig, ProposedSearchConfig, SearchConfig, SelfplayConfig
from engine.errors import UserError
from engine.language.method.registry import build_text_config
from engine.search import proposed_params, search_params
from games.connect4 import Connect4

ROOT = Path(__file__).resolve().parents[2]
GAME = Connect4()
SETTINGS = {setting.name: setting for setting in _core.search_settings()}
SECTIONS = {"search": SearchConfig, "proposals": ProposalConfig}
NOISE = [name for name, setting in SETTINGS.items() if setting.noiseless is not None]
GAMES_ONLY = [name for name, setting in SETTINGS.items() if setting.games_only]
NUMBERS = [setting for setting in _core.search_settings() if setting.holds]


def found(trees: _core.Trees, evaluate: Callable[[_core.Requests], Any], simulations: int) -> list[str]:
    """All that a search of two moves in a row shows: batches, trees, choices, tokens, memory, counters."""
    shown = []
    for _ in range(2):
        while requests := trees.select(simulations):
            shown.append(f"{requests.counts} {requests.kinds} {requests.trees}")
            trees.backup(requests, evaluate(requests))
        shown += [f"{trees.dump(0)} {trees.root(0)} {trees.stats()} {trees.tokens_left} {trees.tokens_spent}"]
        shown += [f"{trees.best_action(0)} {trees.principal_variation(0)}"]
        trees.advance(0, trees.best_action(0))
    return shown


def game_tree(position: str, simulations: int, **base: Any) -> Callable[..., list[str]]:
    def searched(**fields: Any) -> list[str]:
        trees = _core.Trees(GAME, _core.SearchParams(**{**base, **fields}), seed=7)
        trees.add(GAME.parse(position))
        return found(trees, even_handed, simulations)

    return searched


def proposed_tree(simulations: int, **base: Any) -> Callable[..., list[str]]:
    """Of moves that are written anew each time; after two nothing new is said."""

    def searched(**fields: Any) -> list[str]:
        trees = _core.Trees(None, _core.SearchParams(**{**WIDE, "max_step_tokens": 4, **base, **fields}))
        trees.add_proposed(0, 100)
        return found(trees, Sampler(0.7, depth=3, fresh=2, step_tokens=1), simulations)

    return searched


def proposed_game(**base: Any) -> Callable[..., list[str]]:
    def searched(**fields: Any) -> list[str]:
        roots = [GAME.parse("1123")]
        trees = _core.Trees(None, _core.SearchParams(**{**WIDE, **base, **fields}))
        trees.add_proposed(roots[0].player())
        proposer = GameProposer(roots, waves, exact=True)
        shown = []
        while requests := trees.select(60):
            shown.append(f"{requests.counts}")
            trees.backup(requests, proposer(requests))
        return [*shown, f"{trees.dump(0)} {trees.root(0)} {trees.best_action(0)}"]

    return searched


SCENES = {
    "puct": game_tree("1123", 60),
    "near the end": game_tree("414", 60),
    "growing": game_tree("1123", 60, c_puct_growth=1.5, c_puct_base=10.0),
    "noise": game_tree("1123", 60, noise_fraction=0.25, policy_temperature=0.4),
    "gumbel": game_tree("1123", 60, rule="gumbel", considered_actions=4),
    "gumbel-full": game_tree("1123", 60, rule="gumbel-full", considered_actions=4),
    "long": game_tree("7654", 200),
    "proposed": proposed_tree(30),
    "proposed gumbel": proposed_tree(30, rule="gumbel"),
    "proposed game": proposed_game(),
}
"""Small searches of all kinds: a setting that shows in none of them does nothing, or needs one more."""


def others(setting: _core.Setting) -> Iterator[Any]:
    """Values that differ from where the setting starts, from near to far."""
    if setting.kind == "bool":
        yield not setting.initial
    elif setting.kind == "choice":
        yield from (name for name in setting.choices.split(", ") if name != setting.initial)
    else:
        least, most, _ = setting.allowed or setting.holds or (0, 0, False)
        whole = setting.kind == "int"
        wanted = [2 * setting.initial, setting.initial / 2, least + 0.5, least + 3, least + 0.0001, most]
        for value in wanted:
            value = min(int(value) if whole else value, most)
            if value >= least and value != setting.initial:
                yield value


@pytest.fixture(scope="module")
def unchanged() -> dict[str, list[str]]:
    first = {name: scene() for name, scene in SCENES.items()}
    assert first == {name: scene() for name, scene in SCENES.items()}, "what is shown differs by itself"
    return first


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.in_core])
def test_every_setting_changes_a_search(name: str, unchanged: dict[str, list[str]]) -> None:
    setting = SETTINGS[name]
    scenes = [scene for scene in SCENES if not (setting.games_only and scene.startswith("proposed"))]
    for value in others(setting):
        if any(SCENES[scene](**{name: value}) != unchanged[scene] for scene in scenes):
            return
    pytest.fail(f"{name} changes nothing")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_its_part_of_the_table(section: str) -> None:
    declared = [setting for setting in SETTINGS.values() if setting.section == section]
    fields = SECTIONS[section].model_fields
    assert list(fields) == [setting.name for setting in declared]
    for setting in declared:
        field = fields[setting.name]
        assert (field.default, type(field.default)) == (setting.default, type(setting.default))
        assert field.description == setting.does
    assert {setting.section for setting in SETTINGS.values()} == {"", *SECTIONS}


def test_proposed_trees_have_all_settings_but_those_of_games_and_of_noise() -> None:
    fields = ProposedSearchConfig.model_fields
    assert [*fields] == [name for name in SearchConfig.model_fields if name not in (*GAMES_ONLY, *NOISE)]
    initial = proposed_params(ProposedSearchConfig(), ProposalConfig())
    for name in GAMES_ONLY:
        assert getattr(initial, name) == SETTINGS[name].initial


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_what_a_user_may_set_holds_in_the_core_and_not_much_beyond(setting: _core.Setting) -> None:
    least, most, is_open = setting.holds or (0, 0, False)
    assert not is_open
    assert least <= setting.initial <= most
    if setting.allowed:
        low, high, is_above = setting.allowed
        assert low < high
        assert low <= setting.default <= high
        assert not (is_above and setting.default == low)
        assert most >= high
        assert low >= least or (is_above and low == 0 and 0 < least <= 1e-6)
    step = 1 if setting.kind == "int" else max(abs(least), 1) * 1e-3
    for value in (least - step, most * (1 + 1e-6) + 1):
        if setting.kind == "int" and value > 2**31 - 1:
            continue
        params = _core.SearchParams(**{setting.name: int(value) if setting.kind == "int" else value})
        with pytest.raises(_core.InputError, match=f"^{setting.name} is .*; give "):
            _core.Trees(GAME, params)
    for value in (2 * least if 0 < least < 1 else least, most):
        _core.Trees(GAME, _core.SearchParams(**{setting.name: value}))


def test_choices_of_users_are_some_of_the_cores() -> None:
    for setting in SETTINGS.values():
        assert bool(setting.choices) == (setting.kind == "choice" and setting.section != "")
        for choice in filter(None, setting.choices.split(", ")):
            assert getattr(_core.SearchParams(**{setting.name: choice}), setting.name) == choice
    with pytest.raises(ValueError, match="rule 'ucb' is none of puct, uct, gumbel, gumbel-full"):
        _core.SearchParams(rule="ucb")


def test_a_search_without_noise_has_none() -> None:
    noisy = {name: SETTINGS[name].noiseless for name in NOISE}
    assert {"noise_fraction", "root_temperature", "gumbel_scale", "forced_playouts"} <= noisy.keys()
    unlike = {"noise_fraction": 0.5, "noise_shaped": True}
    config = SearchConfig(**{name: unlike.get(name, 2.0) for name in noisy})
    quiet, loud = search_params(config), search_params(config, noise=True)
    for name, value in noisy.items():
        assert getattr(quiet, name) == value
        assert getattr(loud, name) == getattr(config, name) != value


@pytest.mark.parametrize("name", [*GAMES_ONLY, *NOISE])
def test_what_needs_a_game_or_noise_is_no_setting_of_proposed_trees(name: str) -> None:
    value = next(others(SETTINGS[name]), None)
    value = 0.5 if value in (None, 0) else value
    with pytest.raises(UserError, match=rf"unknown setting 'search\.{name}'"):
        build_text_config("alphazero", "TASK", {"search": {name: value}})
    if name not in GAMES_ONLY:
        return
    with pytest.raises(_core.InputError, match=f"{name} need trees of a game"):
        _core.Trees(None, _core.SearchParams(**{name: value}))


def test_self_play_of_users_and_of_the_core_agree() -> None:
    """A pool starts from the same values, and takes all that a user may set."""
    fields = SelfplayConfig.model_fields
    table = {setting.name: setting for setting in _core.play_settings()}
    assert set(fields) - set(table) == {"games", "resign_false_positives", "resign_window", "cache_mb"}
    for name, setting in table.items():
        field = fields[name]
        assert {"int": int, "float": float}[setting.kind] is field.annotation, name
        if name != "resign_holdout":  # nobody resigns in a pool that was not told to
            assert setting.initial == field.default, name
        least, most, _ = setting.holds or (0, 0, False)
        bounds = {bound: value for each in field.metadata for bound, value in vars_of(each).items()}
        low, high = bounds.get("ge", bounds.get("gt")), bounds["le"]
        assert most >= high, name
        assert low >= least or (bounds.get("gt") == 0 and 0 < least <= 1e-6), name


def vars_of(bound: Any) -> dict[str, float]:
    return {name: getattr(bound, name) for name in ("ge", "gt", "le") if hasattr(bound, name)}


def test_code_reads_settings_that_there_are() -> None:
    """mypy cannot tell: the sections' fields are known once the core is loaded."""
    known = {name: {*dir(model), *model.model_fields} for name, model in SECTIONS.items()}
    read = 0
    for folder in ("engine", "games", "scripts", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)):
                    continue
                section = node.value.attr
                if section in known and "config" in ast.unparse(node.value.value):
                    assert node.attr in known[section], f"{path}:{node.lineno} {ast.unparse(node)}"
                    read += 1
    assert read > 3
