"""Make games/data/connect4_truth.csv: Connect Four positions of known value.

    python scripts/make_connect4_truth.py games/data/connect4_truth.csv

The same seed and size give the same file; about a quarter of an hour on one core, most of it for the
Beginning sets. Rows are written as they come, and rows that the file already has are not solved again, so
the same command goes on after an interruption. At the end rows are sorted by set and shuffled within it,
so that the first rows of a set stand for the whole.

Positions come from uniformly random play, are not over, and no two are equal or mirrored. A set is
named by the plies played (End above 28, Middle 15-28, Beginning up to 14) and by the plies between the
position and the last stone under perfect play (Easy below 14, Medium 14-27, Hard from 28 on).
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from engine._core import State
from games.connect4 import Connect4

CELLS = 42


@dataclass(frozen=True)
class Draw:
    """Draw plies with these weights until `sets` are full; rows of other sets count too."""

    sets: tuple[str, ...]
    plies: Sequence[int]
    weights: Sequence[float]


DRAWS = (
    Draw(("End-Easy",), range(29, 42), [1] * 13),
    Draw(("Middle-Easy", "Middle-Medium"), range(15, 29), [1] * 14),
    Draw(
        ("Beginning-Easy", "Beginning-Medium"),
        range(4, 15),
        [0.04, 0.05, 0.2, 0.3, 0.6, 0.8, 1, 1, 1, 1, 1],
    ),
    Draw(("Beginning-Hard",), range(5, 12), [0.1, 0.6, 1.5, 2.5, 2.5, 2, 1.5]),
)
SETS = [name for draw in DRAWS for name in draw.sets]
Row = tuple[str, str, list[int | None]]  # set, moves, score of each column


def plies_to_last_stone(ply: int, score: int) -> int:
    """Plies of perfect play from a position of this score before the last stone falls."""
    if score == 0:
        return CELLS - ply - 1
    stones = CELLS // 2 + 1 - abs(score)
    winner_moves_first = (ply % 2 == 0) == (score > 0)
    return 2 * stones - winner_moves_first - ply - 1


def set_name(ply: int, score: int) -> str:
    phase = "Beginning" if ply <= 14 else "Middle" if ply <= 28 else "End"
    left = plies_to_last_stone(ply, score)
    return f"{phase}-{'Easy' if left < 14 else 'Medium' if left < 28 else 'Hard'}"


def random_position(game: Connect4, source: random.Random, plies: int) -> State:
    """A position after `plies` uniformly random moves that is not over."""
    while True:
        state = game.initial()
        while state.outcome() is None and state.ply() < plies:
            state.play(source.choice(state.legal_actions()))
        if state.outcome() is None:
            return state


def make_rows(seed: int, sizes: Mapping[str, int], known: Mapping[str, Row]) -> Iterator[Row]:
    """Yield rows until every set has its size; those of `known`, by moves, are taken as they are."""
    game = Connect4()
    solver = game.solver(table_mb=256)
    source = random.Random(seed)
    seen: set[int] = set()
    counts: Counter[str] = Counter()
    for draw in DRAWS:
        while any(counts[name] < sizes[name] for name in draw.sets):
            state = random_position(game, source, source.choices(draw.plies, draw.weights)[0])
            key, _ = state.canonical()
            if key in seen:
                continue
            seen.add(key)
            moves = "".join(str(action + 1) for action in state.position()[1])
            row = known.get(moves)
            name = row[0] if row else set_name(state.ply(), solver.score(moves))
            if counts[name] < sizes[name]:
                counts[name] += 1
                yield row or (name, moves, solver.scores(moves))


def read_rows(path: Path) -> dict[str, Row]:
    """Whole rows of an earlier run, by moves; none where there is no file."""
    rows: dict[str, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True)[1:] if path.exists() else []:
        if line.endswith("\n"):
            name, moves, texts = line.split(",")
            rows[moves] = (name, moves, [None if text == "." else int(text) for text in texts.split()])
    return rows


def format_row(row: Row) -> str:
    name, moves, scores = row
    return f"{name},{moves},{' '.join('.' if score is None else str(score) for score in scores)}\n"


def arrange(rows: list[Row], seed: int) -> list[Row]:
    """Sort by set and shuffle each set."""
    shuffled = random.Random(seed).sample(rows, len(rows))
    return sorted(shuffled, key=lambda row: SETS.index(row[0]))


def write_rows(file: TextIO, rows: Iterable[Row]) -> None:
    file.write("set,moves,scores\n")
    file.writelines(map(format_row, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=1000, help="positions of each End and Middle set")
    parser.add_argument("--beginning", type=int, default=1000, help="positions of each Beginning set")
    arguments = parser.parse_args()
    sizes = {name: arguments.beginning if "Beginning" in name else arguments.size for name in SETS}
    known = read_rows(arguments.output)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with arguments.output.open("w", encoding="utf-8", newline="\n", buffering=1) as file:
        write_rows(file, known.values())
        for row in make_rows(arguments.seed, sizes, known):
            rows.append(row)
            if row[1] not in known:
                file.write(format_row(row))
        file.seek(0)
        file.truncate()
        write_rows(file, arrange(rows, arguments.seed))


if __name__ == "__main__":
    main()
