"""What the settings of the window, of truth and of the loop on games do; `--set` reaches every part."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from game_runs import GameRun, train
from played import GAME, played
from shown import GAMES, shows

from engine.config import Config, build_config
from engine.config.learning import ReplayConfig
from engine.errors import UserError
from engine.evaluator.network import PolicyValueNetwork
from engine.registry import load_game
from engine.replay import Replay, Shard
from engine.run.storage import Digest
from engine.selfplay.actors import process
from engine.selfplay.actors.process import ProcessActors
from engine.selfplay.game_table import num_games, num_positions, write_games
from engine.train import defaults, loop
from engine.train.defaults import resolved
from engine.truth.probe import TruthProbe

shows = partial(shows, of=GAMES)

RULES = "connect4"


def window(**replay: Any) -> list[int]:
    """Positions in the window after each of some commits."""
    kept = Replay(GAME, ReplayConfig.model_validate(replay), RULES)
    games, sizes = played(120), []
    for _ in range(12):
        kept.add(games)
        sizes.append(kept.window.positions)
    return sizes


@shows("replay.window_start", "replay.window_exponent", "replay.window_scale", "replay.window_max")
def test_the_window_grows_by_its_law() -> None:
    one = num_positions(played(120))
    start = {"window_start": one}
    assert window(window_start=100 * one)[-1] == 12 * one
    flat, slow, fast, steep = (
        window(**start, window_scale=scale, window_exponent=exponent)[-1]
        for scale, exponent in ((0.0, 1.0), (0.3, 1.0), (0.8, 1.0), (0.8, 0.2))
    )
    assert one == flat < slow < fast
    assert steep < fast
    assert window(**start, window_scale=0.8, window_max=2 * one)[-1] == 2 * one


@shows("replay.max_bad_fraction")
def test_a_run_with_too_many_damaged_shards_stops(tmp_path: Path) -> None:
    games, shards = played(120), []
    for number in range(6):
        digest = write_games(tmp_path / f"{number}.parquet", games, RULES)
        shards.append(Shard(f"{number}.parquet", digest, num_games(games), num_positions(games)))
    lost = [Shard(f"lost{n}.parquet", Digest(0, "0" * 64), 1, 1) for n in range(3)]

    def load(share: float) -> int:
        kept = Replay(GAME, ReplayConfig(max_bad_fraction=share), RULES)
        kept.load(tmp_path, [*shards, *lost], lambda _: None)
        return kept.bad_shards

    assert load(0.5) == 3
    with pytest.raises(UserError, match=r"3 of 9 .* replay\.max_bad_fraction = 0\.2"):
        load(0.2)


NIM = load_game("nim")


def probe(**truth: Any) -> tuple[TruthProbe, PolicyValueNetwork]:
    config = build_config({"truth": truth, "network": {"channels": 2, "blocks": 0}, "loop": {"callers": 1}})
    network = PolicyValueNetwork(NIM.planes_shape, NIM.num_actions, config.network).eval()
    return TruthProbe(NIM, config), network


@shows("truth.positions")
def test_truth_is_measured_on_so_many_positions() -> None:
    for count in (0, 1, 7):
        measuring, network = probe(positions=count, simulations=[0])
        values, _ = measuring.measure(network, 1e6, 0.0)
        assert bool(values) == (count > 0)
        mistakes = values.get("truth/all/mistakes_0", 0.0)
        assert mistakes * count == pytest.approx(round(mistakes * count))
    one, seven = (
        probe(positions=count, simulations=[0])[0].measure(network, 1e6, 0.0)[0] for count in (1, 7)
    )
    assert one["truth/all/value_error"] != seven["truth/all/value_error"]


@shows("truth.simulations")
def test_truth_is_measured_by_so_many_simulations() -> None:
    for counts in ([3], [0, 8]):
        measuring, network = probe(positions=5, simulations=counts)
        values, _ = measuring.measure(network, 1e6, 0.0)
        assert {name for name in values if "mistakes" in name} == {f"truth/all/mistakes_{n}" for n in counts}


@shows("truth.max_share")
def test_truth_takes_no_more_than_its_share() -> None:
    for share, is_measured in ((0.0, False), (0.5, True)):
        measuring, network = probe(positions=1, simulations=[0], max_share=share)
        assert bool(measuring.measure(network, 1e6, 10.0)[0]) == is_measured
        assert not measuring.measure(network, 1e6, 0.6e6)[0]


@shows("truth.final_simulations")
def test_the_final_table_has_a_row_for_each_number_of_simulations(tmp_path: Path) -> None:
    for counts in ([], [0], [2, 5]):
        run = train(tmp_path, truth__final_simulations=counts)
        assert [row["simulations"] for row in run.result] == [n or "network alone" for n in counts]


@shows("loop.positions")
def test_an_iteration_has_so_many_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for positions in (20, 50):
        run = train(tmp_path, loop__positions=positions)
        assert run.metrics[-1]["selfplay/positions"] == positions
    config = build_config({"loop": {"callers": 1}, "selfplay": {"games": 8}})
    for rate, found in ((10.0, 256), (1e6, 8192)):
        monkeypatch.setattr(defaults, "play_rate", lambda *_, rate=rate: rate)
        assert resolved(NIM, config).loop.positions == found


@shows("loop.callers")
def test_so_many_callers_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    for callers, found in ((1, 1), (2, 2), (0, 3)):
        run = train(tmp_path, loop__callers=callers)
        assert len(list((run.path / "checkpoints").glob("*/inflight.parquet"))) == 1
        assert run.config.loop.callers == found
        checkpoint = latest(run)
        assert [len(games["start"]) for games in checkpoint.games] == [4] * found


def latest(run: GameRun) -> Any:
    from engine.game_run import Run

    with Run.open(run.path, print) as opened:
        return opened.latest()


@shows("loop.max_weight_lag")
def test_with_a_lag_the_learner_waits_for_the_games_of_an_iteration_before(tmp_path: Path) -> None:
    for lag, steps in ((0, [True, True]), (1, [False, True])):
        run = train(tmp_path, loop__max_weight_lag=lag, iterations=2)
        assert ["loss/steps" in line for line in run.metrics] == steps


@shows("loop.checkpoints")
def test_so_many_checkpoints_are_kept(tmp_path: Path) -> None:
    for kept, names in ((1, {"000004", "000005"}), (4, {"000002", "000003", "000004", "000005"})):
        run = train(tmp_path, loop__checkpoints=kept, iterations=5)
        assert {path.name for path in (run.path / "checkpoints").iterdir()} == names


@shows("game", "preset")
def test_a_run_is_of_its_game_and_preset(tmp_path: Path) -> None:
    runs = {game: train(tmp_path, game=game) for game in ("nim", "tictactoe")}
    for game, run in runs.items():
        assert run.config.game == game
        assert set(pq.read_table(run.path / "replay" / "000001.parquet")["rules"].to_pylist()) == {game}
    file = tmp_path / "game.py"
    file.write_text(
        "from games.nim import Nim\n\nclass Mine(Nim):\n"
        "    presets = {'deep': {'search': {'c_puct': 9.0}}, 'default': {'search': {'c_puct': 2.0}}}\n"
    )
    for words, c_puct in ((["--preset", "deep"], 9.0), (["--set", "preset=deep"], 9.0), ([], 2.0)):
        assert train(tmp_path, *words, game=f"{file}:Mine").config.search.c_puct == c_puct


SETS: dict[str, Any] = {
    "seed": 7,
    "search__c_puct": 3.5,
    "search__noise_fraction": 0.9,
    "selfplay__simulations": 5,
    "selfplay__max_opening_plies": 1,
    "network__channels": 6,
    "evaluator__precision": "f32",
    "evaluator__backend": "openvino",
    "replay__window_start": 33,
    "replay__value_mix": 0.25,
    "learner__batch_size": 10,
    "truth__positions": 3,
    "truth__simulations": [2],
    "truth__max_share": 1.0,
    "truth__final_simulations": [3],
    "loop__positions": 60,
    "loop__callers": 2,
}
"""A value for each section that is none of its defaults."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[GameRun, loop.Parts]:
    """A run with SETS, and the parts that it was made of."""
    pytest.importorskip("openvino", reason="games that do not depend on the batch need the extra cpu")
    seen, plain = [], loop.loop

    def watch(parts: loop.Parts, limit: Any) -> None:
        seen.append(parts)
        plain(parts, limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "loop", watch)
        run = train(tmp_path_factory.mktemp("watched"), **SETS)
    return run, seen[0]


def test_every_section_is_set() -> None:
    given = {key.partition("__")[0] for key in SETS}
    assert given == set(Config.model_fields) - {"game", "preset", "init"}  # see test_init.py


def test_what_is_set_is_written_down(watched: tuple[GameRun, loop.Parts]) -> None:
    content = watched[0].config.model_dump(mode="json")
    for key, value in SETS.items():
        section, _, name = key.partition("__")
        assert (content[section][name] if name else content[section]) == value


def test_what_is_set_reaches_every_part(watched: tuple[GameRun, loop.Parts]) -> None:
    run, parts = watched
    table = pq.read_table(run.path / "replay" / "000001.parquet")
    budgets = {each for game in table["budget"].to_pylist() for each in game}
    assert max(budgets) == 5
    assert set(table["opening_plies"].to_pylist()) <= {0, 1}
    assert len(parts.actors.snapshot().games) == 2
    assert {str(each.choice) for each in parts.actors.evaluators} == {"openvino f32 on cpu"}  # type: ignore[attr-defined]
    assert parts.learner.playing_network().state_dict()["stem.conv.weight"].shape[0] == 6
    assert parts.learner.seed == 7
    assert parts.learner.value_mix == 0.25
    line = run.metrics[-1]
    assert line["selfplay/positions"] == 60
    assert line["replay/samples_per_position"] * line["replay/positions"] == 10 * line["loss/steps"]
    assert parts.replay.size < parts.replay.played, "the window has begun to grow slower than what is played"
    assert "truth/all/mistakes_2" in line
    assert [row["simulations"] for row in run.result] == [3]


def test_search_and_seed_reach_the_games(watched: tuple[GameRun, loop.Parts], tmp_path: Path) -> None:
    moves = pq.read_table(watched[0].path / "replay" / "000001.parquet")["moves"].to_pylist()
    for change in ({"search__c_puct": 0.1}, {"search__noise_fraction": 0.0}, {"seed": 8}):
        other = train(tmp_path, **(SETS | change))
        assert pq.read_table(other.path / "replay" / "000001.parquet")["moves"].to_pylist() != moves


@shows("loop.actors=process", "loop.actors=inline")
def test_what_is_set_reaches_actors_in_processes(
    watched: tuple[GameRun, loop.Parts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, plain = [], process.subprocess.Popen
    monkeypatch.setattr(
        process.subprocess, "Popen", lambda *a, **k: started.append(plain(*a, **k)) or started[-1]
    )
    other = train(tmp_path, loop__actors="process", **SETS)
    assert len(started) == 2
    ours, theirs = (
        pq.read_table(run.path / "replay" / "000001.parquet").to_pydict() for run in (watched[0], other)
    )
    assert str(ours) == str(theirs)


@shows("loop.stall_s")
def test_a_process_without_progress_for_so_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patience of next to nothing is over before the first beat; that of the test above is not."""
    monkeypatch.setattr(process, "MAX_DEATHS", 0)
    config = build_config(
        {"game": "nim", "network": {"channels": 2, "blocks": 0}, "selfplay": {"games": 2},
         "evaluator": {"backend": "torch"}, "loop": {"callers": 1, "actors": "process", "stall_s": 0.001}}
    )  # fmt: skip
    actors = ProcessActors(config, PolicyValueNetwork(NIM.planes_shape, NIM.num_actions, config.network))
    try:
        with pytest.raises(UserError, match=r"it made no progress for 0\.001 s"):
            actors.play(10**9)
    finally:
        actors.close()
