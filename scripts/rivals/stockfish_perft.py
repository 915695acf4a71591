"""Stockfish's perft from the start of chess, as a JSON row. Needs the program `stockfish` on the path."""

import json
import resource
import statistics
import subprocess

DEPTH, NODES = 6, 119_060_324
REPETITIONS = 3


def cpu_seconds(depth: int, nodes: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    commands = f"setoption name Threads value 1\ngo perft {depth}\nquit\n"
    done = subprocess.run(["stockfish"], input=commands, capture_output=True, text=True, check=True)
    assert f"Nodes searched: {nodes}" in done.stdout, done.stdout[-200:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


seconds = [cpu_seconds(DEPTH, NODES) - cpu_seconds(1, 20) for _ in range(REPETITIONS)]
row = {
    "rival": "Stockfish",
    "game": "chess",
    "stage": "rules",
    "name": "perft_nodes",
    "value": NODES / statistics.median(seconds),
    "unit": "1/cpu_s",
}
print(json.dumps(row))
