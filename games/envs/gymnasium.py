"""`gymnasium.make("selfplay/Connect4-v0")`: one agent, against an opponent or against itself.

Importing this module registers every game with Gymnasium; without an import of one's own,
`gymnasium.make("games.envs.gymnasium:selfplay/Connect4-v0")` does so too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from engine._core import Game, State
from engine.registry import GROUP, load_game
from games.envs.picture import RENDER_MODES, render_board

Observation = NDArray[np.float32]
Opponent = Callable[[State], int]
"""From a position, in which it is to move, to an action."""


class GameEnv(gymnasium.Env[Any, Any]):
    """A two-player game; observations are planes [C, H, W] as the player to move sees them.

    `info["action_mask"]` is int8 [A], 1 for a legal action. An illegal action loses the game at once
    (`info["illegal"]`). Rewards are 1, 0 or -1 at the end of a game and 0 before, for the agent; where it
    plays itself, for whoever made the last move. A game of `max_plies` plies is truncated.

    Args:
        game: a name as on the command line, or a Game.
        opponent: `None` plays itself, `"random"` any legal move, or a function from position to action.
        agent_player: whom the agent is against an opponent: 0 moves first, 1 second, None by lot.
        render_mode: `ansi`, `rgb_array`, or `human`, which prints the board after every move.
        options: of the game, such as `size=9`.
    """

    metadata = {"render_modes": RENDER_MODES, "render_fps": 2}  # noqa: RUF012

    def __init__(
        self,
        game: str | Game,
        opponent: str | Opponent | None = "random",
        agent_player: int | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if opponent is not None and opponent != "random" and not callable(opponent):
            raise ValueError(f"opponent {opponent!r} is neither None, 'random' nor a function")
        if agent_player not in (None, 0, 1):
            raise ValueError(f"agent_player {agent_player!r} is neither None, 0 nor 1")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode!r} is none of {self.metadata['render_modes']}")
        self.game = load_game(game, **options) if isinstance(game, str) else game
        self.render_mode = render_mode
        self.observation_space = planes_space(self.game)
        self.action_space = spaces.Discrete(self.game.num_actions)
        self._opponent = opponent
        self._wanted_player = agent_player
        self._agent_player = 0
        self._forfeited = False
        self.state: State = self.game.initial()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a game, from `options["position"]` in the game's notation where given."""
        super().reset(seed=seed)
        self._forfeited = False
        self.state = self.game.parse((options or {}).get("position", ""))
        lot = int(self.np_random.integers(2)) if self._wanted_player is None else self._wanted_player
        self._agent_player = lot
        self._show()
        if self._opponent is not None and not self._is_over() and self.state.player() != lot:
            self._answer()
        return self.state.encode(), self._info()

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Make the agent's move, a whole number of any type, and the opponent's answer."""
        if self._is_over():
            raise gymnasium.error.ResetNeeded("the game is over; call reset()")
        move = read_action(action)
        mover = self.state.player()
        if move not in self.state.legal_actions():
            self._forfeited = True
            return self.state.encode(), -1.0, True, False, {**self._info(), "illegal": True}
        self.state.play(move)
        self._show()
        while self._opponent is not None and not self._is_over() and self.state.player() != mover:
            self._answer()
        outcome = self.state.outcome()
        sign = 1.0 if self.state.player() == mover else -1.0
        reward = 0.0 if outcome is None else sign * outcome
        truncated = outcome is None and self.state.ply() >= self.game.max_plies
        return self.state.encode(), reward, outcome is not None, truncated, self._info()

    def render(self) -> Any:
        """The board as text or as a picture [H, W, 3]; `human` prints it."""
        return render_board(self.state.text(), self.game.planes_shape[2], self.render_mode)

    def _answer(self) -> None:
        if callable(self._opponent):
            self.state.play(read_action(self._opponent(self.state.clone())))
        else:
            self.state.play(int(self.np_random.choice(self.state.legal_actions())))
        self._show()

    def _is_over(self) -> bool:
        is_full = self.state.ply() >= self.game.max_plies
        return self._forfeited or is_full or self.state.outcome() is not None

    def _info(self) -> dict[str, Any]:
        return {"action_mask": action_mask(self.game, self.state), "player": self.state.player()}

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()


def planes_space(game: Game) -> spaces.Box:
    """Any float32 planes of the game."""
    limits = np.finfo(np.float32)
    return spaces.Box(limits.min, limits.max, tuple(game.planes_shape), np.float32)


def read_action(action: Any) -> int:
    """A whole number of any type: of Python, of NumPy, or an array without axes, as a space has them.

    Raise InvalidAction for all else, truth values among it.
    """
    is_flag = isinstance(action, bool) or "bool" in str(getattr(action, "dtype", ""))
    if not is_flag and getattr(action, "ndim", 0) == 0:
        try:
            return operator.index(action)
        except TypeError:
            pass
    raise gymnasium.error.InvalidAction(f"action {action!r} is not a whole number")


def action_mask(game: Game, state: State) -> NDArray[np.int8]:
    """int8 [A], 1 for a legal action."""
    mask = np.zeros(game.num_actions, np.int8)
    mask[state.legal_actions()] = 1
    return mask


def register_envs() -> None:
    """Tell Gymnasium of every registered game: `selfplay/` and the name of its class."""
    for entry in entry_points(group=GROUP):
        name = f"selfplay/{entry.attr}-v0"
        if name not in gymnasium.registry:
            gymnasium.register(name, "games.envs.gymnasium:GameEnv", kwargs={"game": entry.name})


register_envs()
