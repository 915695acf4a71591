"""The command line of the experiments: `scripts/experiment`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from experiments.experiment import Experiment
from experiments.program import main

EXPERIMENTS = {
    "ablation": "games",
    "alarms": "text",
    "collapse": "text",
    "constitutional": "text",
    "contamination": "text",
    "cures": "text",
    "distinct_paths": "text",
    "grpo": "text",
    "overoptimisation": "text",
    "methods": "text",
    "process_reward": "text",
    "rationalization": "text",
    "rest_em": "text",
    "search_budget": "text",
    "search_targets": "text",
    "self_rewarding": "text",
    "spin": "text",
}
"""The folder of each."""

ROOT = Path(__file__).resolve().parent


def experiment_of(name: str) -> Experiment:
    """The experiment that its file has under its name in capitals."""
    found = getattr(import_module(f"experiments.{EXPERIMENTS[name]}.{name}"), name.upper())
    assert isinstance(found, Experiment), name
    return found


def choose(words: Sequence[str]) -> int:
    """Run the experiment that the first word names, or list all; the exit code."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: scripts/experiment NAME [--seeds S...] [--arms A...] [--smoke | --core] [--out DIR]\n")
        for name in EXPERIMENTS:
            print(f"  {name:16} {experiment_of(name).claim}")
        return 0
    name = words[0]
    if name not in EXPERIMENTS:
        print(f"error: no experiment '{name}'; there are {', '.join(EXPERIMENTS)}", file=sys.stderr)
        return 2
    return main(experiment_of(name), ROOT / EXPERIMENTS[name], words[1:])


if __name__ == "__main__":
    sys.exit(choose(sys.argv[1:]))
