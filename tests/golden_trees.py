"""Whole trees, one for each rule of the search, as they are to stay.

python tests/golden_trees.py        writes them anew, for a change that is meant to change them; read the diff
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proposers import WIDE, GameProposer, proposed_game, waves
from pseudo import even_handed

from engine import _core
from engine.search import search
from games.connect4 import Connect4

FOLDER = Path(__file__).parent / "data" / "trees"
GAME = Connect4()
SIMULATIONS = 40


def _game_tree(position: str, simulations: int = SIMULATIONS, **fields: object) -> _core.Trees:
    trees = _core.Trees(GAME, _core.SearchParams(**fields), seed=7)
    trees.add(GAME.parse(position))
    search(trees, even_handed, simulations)
    return trees


def _proposed_tree(position: str, **fields: object) -> _core.Trees:
    fields = {"initial_proposals": 2, "widening_factor": 1.2, "max_proposals": 6} | fields
    roots = [GAME.parse(position)]
    settings = WIDE | fields
    return proposed_game(roots, SIMULATIONS, GameProposer(roots, waves, exact=True), **settings)


CASES: dict[str, Callable[[], _core.Trees]] = {
    "puct": lambda: _game_tree("1123"),
    "uct": lambda: _game_tree("1123", rule="uct"),
    "gumbel": lambda: _game_tree("1123", rule="gumbel", considered_actions=4),
    "gumbel-full": lambda: _game_tree("1123", rule="gumbel-full", considered_actions=4, c_visit=20.0),
    "noise": lambda: _game_tree("1123", noise_fraction=0.25, root_temperature=1.2),
    "forced-playouts": lambda: _game_tree("1123", noise_fraction=0.25, forced_playouts=2.0),
    "shaped-noise": lambda: _game_tree(
        "1123", noise_fraction=0.25, noise_shaped=True, policy_temperature=0.4
    ),
    "growing-c-puct": lambda: _game_tree("1123", c_puct_growth=1.5, c_puct_base=10.0, c_puct_spread=0.85),
    "lower-bound": lambda: _game_tree("7654", lcb_deviations=1.0),
    "transpositions": lambda: _game_tree("414", 50, transpositions=True, policy_temperature=3.0),
    "proofs": lambda: _game_tree("414", 60),
    "proposed-puct": lambda: _proposed_tree("1123"),
    "proposed-gumbel": lambda: _proposed_tree("1123", rule="gumbel"),
    "proposed-gumbel-full": lambda: _proposed_tree("1123", rule="gumbel-full"),
}


def measured(name: str) -> dict[str, Any]:
    """The tree of a case: the move chosen, the root's target, and a row a node with its edges."""
    trees = CASES[name]()
    dump = {key: column.tolist() for key, column in trees.dump(0).items()}
    paths: list[list[int]] = [[]]
    for parent, action in zip(dump["parent"][1:], dump["action"][1:], strict=True):
        paths.append([*paths[parent], action])
    rows = []
    for node, path in enumerate(paths):
        edges = [
            [
                dump["edge_action"][edge],
                _rounded(dump["edge_prior"][edge]),
                dump["edge_visits"][edge],
                _rounded(dump["edge_q"][edge]),
            ]
            for edge in range(dump["edge_offsets"][node], dump["edge_offsets"][node + 1])
        ]
        rows.append(
            {
                "path": path,
                "player": dump["player"][node],
                "visits": dump["visits"][node],
                "value": _rounded(dump["value"][node]),
                "raw": _rounded(dump["raw_value"][node]),
                "proof": dump["proof"][node],
                "edges": edges,
            }
        )
    target = [_rounded(share) for share in trees.root(0)["target"].tolist()]
    return {"best": trees.best_action(0), "target": target, "nodes": rows}


def _rounded(number: float) -> float | None:
    return None if math.isnan(number) else round(number, 5)


def read(name: str) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return golden


def _write(name: str) -> None:
    """A line a node, so that a change shows as a diff of lines."""
    tree = measured(name)
    rows = ",\n".join(json.dumps(row) for row in tree.pop("nodes"))
    head = json.dumps(tree)[:-1]
    (FOLDER / f"{name}.json").write_text(f'{head}, "nodes": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        _write(case)
