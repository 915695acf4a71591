"""OpenSpiel's Python tree search with a uniform evaluator, as a JSON row a line.

Runs in an environment of its own: pip install numpy open_spiel
"""

import json
import statistics
import time

import numpy as np
import pyspiel
from open_spiel.python.algorithms import mcts

REPETITIONS = 5

MEASURED = {
    "connect4": ("connect_four", ((200, 20), (20_000, 1))),
    "go:size=9": ("go(board_size=9)", ((800, 4),)),
    "go:size=19": ("go(board_size=19)", ((800, 1),)),
    "chess": ("chess", ((800, 4),)),
}
"""By our name: OpenSpiel's, and (simulations, searches) of each row."""


class Uniform(mcts.Evaluator):
    """A draw and equal priors, without a network."""

    def evaluate(self, state):
        return np.zeros(state.num_players())

    def prior(self, state):
        actions = state.legal_actions()
        return [(action, 1 / len(actions)) for action in actions]


def simulations_per_cpu_s(name: str, simulations: int, searches: int) -> float:
    game = pyspiel.load_game(name)
    rates = []
    for repetition in range(REPETITIONS + 1):
        random = np.random.RandomState(repetition)
        bot = mcts.MCTSBot(
            game,
            1.5,
            simulations,
            Uniform(),
            solve=False,
            random_state=random,
            child_selection_fn=mcts.SearchNode.puct_value,
        )
        start = time.process_time()
        for _ in range(searches):
            bot.mcts_search(game.new_initial_state())
        rates.append(simulations * searches / (time.process_time() - start))
    return statistics.median(rates[1:])


for game, (name, rows) in MEASURED.items():
    for simulations, searches in rows:
        row = {
            "rival": "OpenSpiel Python",
            "game": game,
            "stage": "search_uniform",
            "name": f"simulations_{simulations}",
            "value": simulations_per_cpu_s(name, simulations, searches),
            "unit": "1/cpu_s",
        }
        print(json.dumps(row), flush=True)
