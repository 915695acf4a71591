"""What the learner may learn besides policy and value: decoded as a plain reading of the games says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from puzzle_window import BASE, assert_same_state

from engine import _core
from engine.config import Config, build_config
from engine.errors import InputError, UserError
from engine.game import PythonGame, PythonState
from engine.learner.learner import Learner
from engine.learner.target.moves_left import UNIT, MovesLeft
from engine.learner.target.soft_policy import SoftPolicy
from engine.replay import Replay
from games.chess import Chess
from games.connect4 import Connect4
from games.go import Go
from games.othello import Othello

HORIZONS = (1.0, 3.0, 16.0)

ALL: dict[str, dict[str, Any]] = {
    "replay": {"proven_values": True, "policy_temperature": 0.5, "surprise_weight": 0.5},
    "learner": {
        "soft_policy_weight": 8.0,
        "opponent_policy_weight": 0.15,
        "short_term_value_weight": 1.0,
        "moves_left_weight": 0.1,
    },
}


def played(game: _core.Game, positions: int = 300) -> dict[str, Any]:
    params = _core.PlayParams(simulations=8)
    pool = _core.Pool(game, _core.SearchParams(), params, seed=1, games=4)
    pool.start(positions)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    games: dict[str, Any] = pool.take_games()
    return games


def window_of(game: _core.Game, games: dict[str, Any], **surprise: float) -> _core.ReplayWindow:
    window = _core.ReplayWindow(game, **surprise)
    window.append(games)
    return window


def result(games: dict[str, Any], index: int, player: int) -> np.ndarray[Any, Any]:
    outcome = games["outcome"][index] * (1 if player == 0 else -1)
    return np.array([outcome > 0, outcome == 0, outcome < 0], np.float64)


def naive_short_term(games: dict[str, Any], index: int, ply: int, horizon: float) -> np.ndarray[Any, Any]:
    """The weights of all later plies first, those of plies without a value then moved on."""
    end, player = int(games["move_offsets"][index + 1]), games["player"][ply]
    values = [games["root_wdl"][m][:: 1 if games["player"][m] == player else -1] for m in range(ply + 1, end)]
    values.append(result(games, index, player))
    weights = [(1 / horizon) * (1 - 1 / horizon) ** k for k in range(len(values) - 1)]
    weights.append(1 - sum(weights))
    for k, value in enumerate(values):
        if value.sum() == 0:
            weights[k + 1], weights[k] = weights[k] + weights[k + 1], 0.0
    return np.sum([w * v for w, v in zip(weights, values, strict=True)], axis=0)


def naive_policy(games: dict[str, Any], ply: int, num_actions: int, power: float) -> np.ndarray[Any, Any]:
    share = slice(games["policy_offsets"][ply], games["policy_offsets"][ply + 1])
    policy = np.zeros(num_actions)
    policy[games["policy_actions"][share]] = games["policy_probs"][share].astype(np.float64) ** power
    return policy / policy.sum() if policy.any() else policy


@pytest.mark.parametrize(
    "game",
    [Connect4(), Go(size="4x3", komi=2.5), Othello(), Chess()],
    ids=["connect4", "go", "othello", "chess"],
)
def test_targets_are_what_the_games_say(game: _core.Game) -> None:
    games = played(game, 1500 if game.name == "chess" else 300)
    batch = window_of(game, games).sample(
        96, 1, 0.5, proven_values=True, policy_temperature=0.5, horizons=HORIZONS, reply=True, moves_left=True
    )
    replied = proven = 0
    for row in range(96):
        index = int(np.flatnonzero(games["game_id"] == batch["game_id"][row])[0])
        ply = int(games["move_offsets"][index]) + int(batch["ply"][row])
        end, player = int(games["move_offsets"][index + 1]), games["player"][ply]
        for horizon, value in zip(HORIZONS, batch["short_term"][row], strict=True):
            assert value == pytest.approx(naive_short_term(games, index, ply, horizon), abs=1e-5)
        unknown = games["resigned"][index] or games["truncated"][index]
        assert batch["moves_left"][row] == pytest.approx(np.nan if unknown else end - ply, nan_ok=True)
        proof = int(games["proof"][ply])
        proven += proof != 2
        wdl = (
            np.eye(3)[1 - proof]
            if proof != 2
            else (result(games, index, player) + games["root_wdl"][ply]) / 2
        )
        assert batch["wdl"][row] == pytest.approx(wdl, abs=1e-6)
        policy = naive_policy(games, ply, game.num_actions, 2)
        follows = ply + 1 < end and games["player"][ply + 1] != player
        reply = naive_policy(games, ply + 1, game.num_actions, 2) if follows else np.zeros(game.num_actions)
        turned = [  # with the same symmetry for both
            table
            for table in game.action_symmetries
            if np.allclose(batch["policy"][row][table], policy, atol=1e-5)
            and np.allclose(batch["reply"][row][table], reply, atol=1e-5)
        ]
        assert turned
        replied += reply.any()
    assert replied > 20
    assert proven > 0 or game.name == "chess", "where searches of 8 visits prove next to nothing"


class Pairs(PythonState):
    """Each player takes two of three actions in a row; whose actions sum up to more wins."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def player(self) -> int:
        return len(self.taken) // 2 % 2

    def legal_actions(self) -> list[int]:
        return [0, 1, 2] if len(self.taken) < 8 else []

    def play(self, action: int) -> None:
        self.taken.append(action)

    def outcome(self) -> float | None:
        if len(self.taken) < 8:
            return None
        lead = sum(taken * (1 if ply // 2 % 2 == 0 else -1) for ply, taken in enumerate(self.taken))
        return float(np.sign(lead))

    def encode(self) -> np.ndarray[Any, Any]:
        taken = np.array([*self.taken, *[-1] * (8 - len(self.taken))], np.float32)
        return taken.reshape(1, 1, 8)


class PairsGame(PythonGame):
    def __init__(self) -> None:
        super().__init__(name="pairs", num_actions=3, planes_shape=(1, 1, 8), max_plies=8)

    def start(self) -> Pairs:
        return Pairs()


def test_the_same_player_again_is_no_reply() -> None:
    game = PairsGame()
    games = played(game)
    again = [m for m in range(len(games["moves"]) - 1) if games["player"][m] == games["player"][m + 1]]
    inside = [m for m in again if m + 1 not in games["move_offsets"]]
    batch = window_of(game, games).sample(400, 2, reply=True)
    starts = dict(zip(games["game_id"].tolist(), games["move_offsets"].tolist(), strict=False))
    plies = [starts[g] + p for g, p in zip(batch["game_id"].tolist(), batch["ply"].tolist(), strict=True)]
    rows = [row for row, ply in enumerate(plies) if ply in inside]
    assert 100 < len(rows) < 300
    assert not batch["reply"][rows].any()
    others = sorted({*range(400)} - {*rows})
    assert batch["reply"][others].any(1).mean() > 0.5


def value_divergence(games: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Nats from the network's value to the search's, a ply each; 0 where one is not known."""
    raw, found = games["raw_wdl"].astype(float), games["root_wdl"].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(found > 0, found * np.log(found / np.maximum(raw, 1e-12)), 0)
    known = (raw.sum(1) > 0) & (found.sum(1) > 0)
    return np.where(known, np.maximum(terms.sum(1), 0), 0)


@pytest.mark.parametrize(("policy", "value"), [(0.5, 0.0), (0.0, 0.5), (0.8, 0.2)])
def test_surprise_moves_draws_within_a_game(policy: float, value: float) -> None:
    game = Connect4()
    games = played(game, 150)
    draws = 60_000
    expected = np.zeros(len(games["moves"]))
    surprises = ((policy, np.maximum(games["kl"], 0)), (value, value_divergence(games)))
    for first, end in zip(games["move_offsets"][:-1], games["move_offsets"][1:], strict=True):
        weight = games["weight"][first:end].astype(float)
        expected[first:end] = weight
        for share, surprise in surprises:
            own = weight * surprise[first:end]
            if own.sum() > 0:
                expected[first:end] += share * (weight.sum() * own / own.sum() - weight)
    batch = window_of(game, games, policy_surprise=policy, value_surprise=value).sample(draws, 3)
    starts = dict(zip(games["game_id"].tolist(), games["move_offsets"].tolist(), strict=False))
    at = [starts[g] + p for g, p in zip(batch["game_id"].tolist(), batch["ply"].tolist(), strict=True)]
    share = expected / expected.sum()
    drawn = np.bincount(at, minlength=len(expected)) / draws
    assert drawn == pytest.approx(share, abs=6 * (share.max() / draws) ** 0.5)
    assert games["weight"].sum() == pytest.approx(expected.sum())
    assert np.abs(share - games["weight"] / games["weight"].sum()).max() > 0.003


def test_shares_of_surprise_are_at_most_one_together() -> None:
    for policy, value in ((0.8, 0.2), (0.7, 0.3), (1.0, 0.0), (0.0, 1.0)):
        _core.ReplayWindow(Connect4(), policy_surprise=policy, value_surprise=value)
    for policy, value in ((0.8, 0.21), (1.1, 0.0), (0.0, -0.1), (float("nan"), 0.0)):
        with pytest.raises(InputError, match="surprise"):
            _core.ReplayWindow(Connect4(), policy_surprise=policy, value_surprise=value)


def test_no_surprise_leaves_the_draws_alone() -> None:
    game = Connect4()
    games = played(game, 150)
    games["kl"] = np.zeros_like(games["kl"])
    plain, weighted = (
        window_of(game, games, policy_surprise=share).sample(32, 5)["planes"] for share in (0.0, 1.0)
    )
    assert np.array_equal(plain, weighted)


def config_of(layer: dict[str, dict[str, Any]], **learner: Any) -> Config:
    return build_config(BASE, layer, {"learner": learner})


@pytest.mark.parametrize("threads", [1, 2])
def test_going_on_with_every_target_is_exact(threads: int) -> None:
    game, config = Go(size=3, komi=0), config_of(ALL, threads=threads)
    replay = Replay(game, config.replay, "go")
    replay.add(played(game))
    whole, first, second = (Learner(game, config, seed=3) for _ in range(3))
    numbers = whole.train(replay.window, 5)
    first.train(replay.window, 2)
    second.load_state(first.state())
    second.train(replay.window, 3)
    assert_same_state(second.state(), whole.state())
    state = whole.state()
    heads = {name for name in state.learner if name.startswith("heads.")}
    assert {name.split(".")[1] for name in heads} == {key.removesuffix("_weight") for key in ALL["learner"]}
    assert not any(name.startswith("heads.") for name in state.model)
    assert all(any(key.endswith(f".{name}") for key in state.optimizer) for name in heads)
    for name in ("soft_policy", "opponent_policy", "short_term_value", "moves_left"):
        assert numbers[f"loss/{name}"] > 0


def test_nothing_is_asked_for_that_no_setting_wants() -> None:
    learner = Learner(Connect4(), config_of({}), seed=1)
    assert learner.model.asked == {}
    assert not any(name.startswith("heads.") for name in learner.state().learner)
    batch = window_of(Connect4(), played(Connect4(), 150)).sample(4, 1)
    assert set(batch) == {"planes", "policy", "wdl", "legal", "weight", "game_id", "ply"}


def test_the_soft_target_is_of_the_search_whatever_the_sharpening() -> None:
    class Batch:
        legal = torch.tensor([[True, True, False]])

        def __init__(self, policy: list[float]) -> None:
            self.policy = torch.tensor([policy])

    said = torch.tensor([[0.3, -0.2, 9.0]])
    search = np.array([0.9, 0.1, 0.0])
    sharp = search**2 / (search**2).sum()
    plain, after = (
        float(SoftPolicy(torch.nn.Identity(), 1.0, t).loss(said, Batch(list(p))))  # type: ignore[arg-type]
        for t, p in ((1.0, search), (0.5, sharp))
    )
    soft = search[:2] ** 0.25 / (search[:2] ** 0.25).sum()
    by_hand = -(soft * torch.log_softmax(said[0, :2], 0).numpy()).sum()
    assert plain == pytest.approx(by_hand, rel=1e-5)
    assert after == pytest.approx(by_hand, rel=1e-4)


def test_a_game_without_a_known_end_teaches_no_moves_left() -> None:
    class Batch:
        moves_left = torch.tensor([np.nan, UNIT])

    said = torch.tensor([7.0, 1.1], requires_grad=True)
    loss = MovesLeft(4, 1.0).loss(said, Batch())  # type: ignore[arg-type]
    torch.autograd.backward(loss)
    assert said.grad is not None
    assert loss.item() == pytest.approx(0.1**2 / 2, rel=1e-4)
    assert said.grad[0] == 0


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        ({"replay": {"surprise_weight": 0.7, "value_surprise_weight": 0.4}}, "replay.value_surprise_weight"),
        ({"replay": {"proven_values": True}, "search": {"proofs": False}}, "search.proofs"),
        ({"learner": {"short_term_horizons": [4.0]}}, "learner.short_term_horizons"),
        ({"learner": {"short_term_value_weight": 1.0, "short_term_horizons": []}}, "short_term_horizons"),
    ],
    ids=["surprises", "proofs", "no weight", "no horizons"],
)
def test_settings_without_effect_are_refused_by_name(layer: dict[str, dict[str, Any]], named: str) -> None:
    with pytest.raises(UserError, match=named):
        build_config(layer)
