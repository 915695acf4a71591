"""What the settings of self-play do to the games that a caller plays."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
from played import GAME, QUICK, caller, per_game, played
from pseudo import pseudo
from shown import GAMES, shows

from engine.config import build_config
from engine.selfplay.caller import Caller
from engine.selfplay.resignation import NEVER, Resignation
from engine.train import batch
from engine.train.defaults import resolved

shows = partial(shows, of=GAMES)


@shows("selfplay.games")
def test_as_many_games_are_played_side_by_side() -> None:
    for games in (3, 7):
        one = caller(games=games)
        one.play(50, threading.Event())
        assert len(one.pool.snapshot()["start"]) == games
        assert one.stats()["batch_room"] == games * one.stats()["batches"]


@shows("selfplay.games")
def test_no_number_of_games_is_one_that_a_measurement_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "batch_rates", lambda _: {8: 10.0, 16: 99.0, 32: 100.0})
    layers = {"network": {"channels": 4, "blocks": 0}, "loop": {"callers": 1, "positions": 4096}}
    for given, found in ((0, 16), (5, 5)):
        config = build_config(layers, {"selfplay": {"games": given}, "evaluator": {"backend": "torch"}})
        assert resolved(GAME, config).selfplay.games == found


@shows("selfplay.simulations", "selfplay.fast_simulations", "selfplay.full_search_fraction")
def test_a_full_search_and_a_fast_one_make_their_visits() -> None:
    search = {"reuse": False, "proofs": False}
    for full, fast, share in ((9, 4, 0.5), (12, 2, 0.5), (9, 4, 0.1)):
        games = played(
            600, search=search, simulations=full, fast_simulations=fast, full_search_fraction=share
        )
        searched = games["visits"] > 0
        is_full = games["full_search"][searched]
        assert set(games["budget"][searched][is_full]) == {full}
        assert set(games["budget"][searched][~is_full]) == {fast}
        assert abs(is_full.mean() - share) < 0.1
        assert (games["weight"] > 0).sum() == is_full.sum()


@shows("selfplay.max_opening_plies")
def test_games_begin_with_random_moves() -> None:
    for most in (0, 3):
        plies = played(1000, max_opening_plies=most)["opening_plies"]
        assert sorted(set(plies.tolist())) == list(range(most + 1))


@shows("selfplay.wide_opening_fraction", "selfplay.wide_opening_plies")
def test_some_games_begin_with_many_random_moves() -> None:
    def longest(fraction: float, plies: int) -> int:
        games = played(800, wide_opening_fraction=fraction, wide_opening_plies=plies)
        return int(games["opening_plies"].max())

    assert longest(0.0, 12) == 2
    assert 2 < longest(0.5, 6) <= 6 < longest(0.5, 12) <= 12


def _ranks(**play: float) -> list[np.ndarray]:
    """Of each move of each game, the share of the visits that the one played had of those that most had."""
    games = played(600, max_opening_plies=0, search={"noise_fraction": 0.0}, simulations=16, **play)
    shares = []
    for ply, move in enumerate(games["moves"].tolist()):
        part = slice(games["policy_offsets"][ply], games["policy_offsets"][ply + 1])
        probs = dict(zip(games["policy_actions"][part].tolist(), games["policy_probs"][part], strict=True))
        shares.append(probs[move] / max(probs.values()))
    return np.split(np.array(shares), games["move_offsets"][1:-1])


@shows("selfplay.temperature", "selfplay.final_temperature")
def test_moves_are_drawn_by_temperature_at_first_and_at_last() -> None:
    def mean(begin: int, end: int, **play: float) -> float:
        return float(np.concatenate([game[begin:end] for game in _ranks(**play)]).mean())

    early, late = (0, 2), (24, 42)
    cold_first = {"temperature": 0.0, "final_temperature": 5.0, "temperature_half_life": 3.0}
    cold_last = {"temperature": 5.0, "final_temperature": 0.0, "temperature_half_life": 3.0}
    assert mean(*early, **cold_first) > mean(*early, **cold_last) + 0.1
    assert mean(*late, **cold_last) > mean(*late, **cold_first) + 0.1


@shows("selfplay.temperature_half_life")
def test_temperature_falls_within_its_half_life() -> None:
    def first_cold(half_life: float) -> float:
        ranks = _ranks(temperature=5.0, final_temperature=0.0, temperature_half_life=half_life)
        return float(np.concatenate([game[4:12] for game in ranks]).mean())

    assert first_cold(0.5) > first_cold(1000.0) + 0.1


@shows("selfplay.asymmetric_fraction", "selfplay.asymmetric_ratio")
def test_in_some_games_one_player_searches_more() -> None:
    def lopsided(fraction: float, ratio: float) -> list[float]:
        games = played(800, simulations=16, asymmetric_fraction=fraction, asymmetric_ratio=ratio)
        budgets, players = per_game(games, "budget"), per_game(games, "player")
        found = []
        for budget, player in zip(budgets, players, strict=True):
            ours, theirs = (set(budget[(player == side) & (budget > 0)].tolist()) for side in (0, 1))
            found += [max(max(ours) / max(theirs), max(theirs) / max(ours))] if ours and theirs else []
        return found

    assert set(lopsided(0.0, 8.0)) == {1.0}
    some, all_of_them = lopsided(0.5, 8.0), lopsided(1.0, 8.0)
    assert min(some) == 1.0
    assert np.mean(np.array(some) > 1) < np.mean(np.array(all_of_them) > 1)
    assert max(lopsided(1.0, 1.5)) < 2 < max(all_of_them)


@shows("selfplay.resign_holdout", "selfplay.resign_false_positives")
def test_some_games_are_played_to_the_end_where_players_resign() -> None:
    def held(share: float, target: float) -> tuple[float, bool]:
        games = played(
            800, resign_below=-0.1, resign_holdout=share, resign_false_positives=target, resign_plies=1
        )
        assert not (games["holdout"] & games["resigned"]).any()
        return games["holdout"].mean(), games["resigned"].any()

    assert held(0.2, 0.0)[0] == 0, "without a rate of false positives nobody needs them"
    few, many = held(0.2, 0.05), held(0.8, 0.05)
    assert 0 < few[0] < many[0] < 1
    assert few[1]


@shows("selfplay.resign_plies")
def test_a_player_resigns_after_so_many_bad_values() -> None:
    def length(plies: int) -> float:
        games = played(
            800, resign_below=0.0, resign_plies=plies, resign_holdout=0.01, resign_false_positives=0.1
        )
        assert games["resigned"].any()
        return float(np.mean([len(moves) for moves in per_game(games, "moves")]))

    assert length(1) < length(4)


@shows("selfplay.resign_false_positives", "selfplay.resign_window")
def test_the_threshold_is_set_from_the_newest_games_to_a_rate_of_false_positives() -> None:
    lost_late = [[-0.9, -0.8 if number % 10 == 0 else 0.5, NEVER] for number in range(200)]

    def threshold(rows: list[list[float]], **play: float) -> float:
        watched = Resignation(build_config({"selfplay": play}).selfplay, list(rows))
        watched.observe({"holdout": np.zeros(0, bool)})
        return watched.threshold

    assert threshold(lost_late, resign_false_positives=0.0) == NEVER
    careful, rash = (threshold(lost_late, resign_false_positives=share) for share in (0.05, 0.3))
    assert NEVER < careful < rash
    sure_of_late = [[-0.9, -0.95, NEVER]] * 100 + [[-0.9, 0.5, NEVER]] * 100
    short, long = (
        threshold(sure_of_late, resign_false_positives=0.1, resign_window=window) for window in (100, 200)
    )
    assert long < short


@shows("selfplay.cache_mb")
def test_the_cache_answers_again() -> None:
    def hits(megabytes: float) -> float:
        one = caller(cache_mb=megabytes, max_opening_plies=0, games=16)
        one.play(400, threading.Event())
        return one.stats()["cache_hits"]

    assert hits(0) == 0 < hits(1)
    assert hits(0.001) < hits(1), "a small one forgets"


@shows("seed")
def test_another_seed_plays_other_games() -> None:
    def moves(seed: int) -> list[list[int]]:
        config = build_config(QUICK, {"seed": seed})
        games = Caller(GAME, config, pseudo, 0, 1).play(300, threading.Event())
        return [game.tolist() for game in per_game(games, "moves")]

    assert moves(1) == moves(1) != moves(2)


@pytest.mark.parametrize("key", ["selfplay.games", "selfplay.cache_mb"])
def test_what_only_a_machine_needs_changes_no_game(key: str) -> None:
    name = key.partition(".")[2]
    few, many = (played(600, **{name: value}) for value in (4, 8))
    moves = [
        dict(zip(each["game_id"].tolist(), per_game(each, "moves"), strict=True)) for each in (few, many)
    ]
    shared = moves[0].keys() & moves[1].keys()
    assert len(shared) > 3
    assert all(np.array_equal(moves[0][game], moves[1][game]) for game in shared)
