"""The best move of an exported Connect Four network, without this project.

selfplay export connect4:pretrained --onnx connect4.onnx
python connect4_onnx.py connect4.onnx 4455      needs numpy and onnxruntime
"""

import sys

import numpy as np
import onnxruntime


def line(stones, y, x, down, right):
    """Stones in a row from beside a cell."""
    y, x = y + down, x + right
    return 1 + line(stones, y, x, down, right) if 0 <= y < 6 and 0 <= x < 7 and stones[y, x] else 0


def wins(stones, y, x):
    """Whether a stone there would stand in a line of four."""
    steps = ((0, 1), (1, 0), (1, 1), (1, -1))
    return any(line(stones, y, x, *step) + line(stones, y, x, -step[0], -step[1]) >= 3 for step in steps)


def planes_of(moves):
    """float32 [5, 6, 7], top row first: own stones, the other's, cells to land in, cells that win."""
    players, landing = np.zeros((2, 6, 7)), np.zeros((6, 7))
    for ply, move in enumerate(moves):
        column = int(move) - 1
        players[ply % 2, 5 - int(players[:, :, column].sum()), column] = 1
    own, other = players[len(moves) % 2], players[1 - len(moves) % 2]
    for column in np.flatnonzero((own + other)[0] == 0):
        landing[5 - int((own + other)[:, column].sum()), column] = 1
    won = [np.reshape([wins(who, y, x) for y in range(6) for x in range(7)], (6, 7)) for who in (own, other)]
    return np.array([own, other, landing, *np.logical_and(won, own + other == 0)], np.float32)


if __name__ == "__main__":
    path, moves = sys.argv[1:]
    planes = planes_of(moves)
    logits, wdl = onnxruntime.InferenceSession(path).run(["policy_logits", "wdl"], {"planes": planes[None]})
    best = np.where(planes[2].any(axis=0), logits[0], -np.inf).argmax()
    print(f"{best + 1} win {wdl[0, 0]:.3f} draw {wdl[0, 1]:.3f} loss {wdl[0, 2]:.3f}")
