"""Every game as a PettingZoo environment for two agents who move in turn (AEC)."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.utils import wrappers

from engine._core import Game, State
from engine.registry import load_game
from games.envs.gymnasium import action_mask, planes_space, read_action
from games.envs.picture import RENDER_MODES, render_board

AGENTS = ["player_0", "player_1"]


def env(game: str | Game, render_mode: str | None = None, **options: Any) -> Any:
    """The environment with PettingZoo's usual guards: an illegal action loses, calls keep their order."""
    guarded = wrappers.TerminateIllegalWrapper(TwoPlayerEnv(game, render_mode, **options), illegal_reward=-1)
    return wrappers.OrderEnforcingWrapper(wrappers.AssertOutOfBoundsWrapper(guarded))


class TwoPlayerEnv(AECEnv):  # type: ignore[misc]
    """A two-player game; observations are `{"observation": planes, "action_mask": int8 [A]}`.

    Planes are as the player to move sees them; the mask is empty for the other. Rewards are 1, 0 or -1 at
    the end of a game; one of `max_plies` plies is truncated.

    Args:
        game: a name as on the command line, or a Game.
        render_mode: `ansi`, `rgb_array`, or `human`, which prints the board after every move.
        options: of the game, such as `size=9`.
    """

    def __init__(self, game: str | Game, render_mode: str | None = None, **options: Any) -> None:
        super().__init__()
        self.game = load_game(game, **options) if isinstance(game, str) else game
        self.metadata = {
            "name": f"selfplay_{self.game.name}",
            "render_modes": RENDER_MODES,
            "is_parallelizable": False,
            "render_fps": 2,
        }
        self.render_mode = render_mode
        self.possible_agents = list(AGENTS)
        seen = spaces.Dict(
            {
                "observation": planes_space(self.game),
                "action_mask": spaces.Box(0, 1, (self.game.num_actions,), np.int8),
            }
        )
        self.observation_spaces = dict.fromkeys(AGENTS, seen)
        self.action_spaces = {agent: spaces.Discrete(self.game.num_actions) for agent in AGENTS}
        self.state_: State = self.game.initial()

    def observation_space(self, agent: str) -> Any:
        """The same for both agents."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """All actions of the game."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start a game, from `options["position"]` in the game's notation where given."""
        del seed
        self.state_ = self.game.parse((options or {}).get("position", ""))
        self.agents = list(AGENTS)
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0.0)
        self.terminations = dict.fromkeys(AGENTS, False)
        self.truncations = dict.fromkeys(AGENTS, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in AGENTS}
        self.agent_selection = AGENTS[self.state_.player()]

    def observe(self, agent: str) -> dict[str, Any]:
        """The position; an agent that is not to move has no action."""
        mask = action_mask(self.game, self.state_)
        if agent != AGENTS[self.state_.player()]:
            mask[:] = 0
        return {"observation": self.state_.encode(), "action_mask": mask}

    def step(self, action: Any) -> None:
        """Make the move of the agent whose turn it is, a whole number of any type; None once it is over."""
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0.0
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self.state_.play(read_action(action))
        outcome = self.state_.outcome()
        mover = self.state_.player()
        if outcome is not None:
            self.rewards = {AGENTS[mover]: outcome, AGENTS[1 - mover]: -outcome}
            self.terminations = dict.fromkeys(AGENTS, True)
        elif self.state_.ply() >= self.game.max_plies:
            self.truncations = dict.fromkeys(AGENTS, True)
        self.agent_selection = AGENTS[mover]
        self._accumulate_rewards()
        if self.render_mode == "human":
            self.render()

    def render(self) -> Any:
        """The board as text or as a picture [H, W, 3]; `human` prints it."""
        return render_board(self.state_.text(), self.game.planes_shape[2], self.render_mode)

    def close(self) -> None:
        """Nothing is held open."""
