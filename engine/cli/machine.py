"""Commands about this machine: doctor and bench."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import JsonOption, finite_above
from engine.cli.stream import print_json

if TYPE_CHECKING:
    from engine._core import Game

BATCH = 128
"""Positions in a batch of the short measurements."""

EXTRAS = {"openvino": ("cpu", "faster inference on a processor")}
"""Module, extra of this package that brings it, what it is for."""

INT8 = "openvino int8 on cpu"
MIN_GAIN = 1.2
"""Times as fast as what would be taken that int8 must be to be advised."""

Seconds = Annotated[
    float, typer.Option("--seconds", callback=finite_above(0), help="time for each game, about")
]


def bench(
    games: Annotated[list[str] | None, typer.Argument(metavar="[GAME…]", help="default: connect4")] = None,
    seconds: Seconds = 40,
    json: JsonOption = False,
) -> None:
    """Measure each stage against its ceiling."""
    from engine.bench import run
    from engine.config import Config

    rows = run(games or [Config().game], seconds, None if json else _tell)
    if json:
        print_json(rows)
        return
    from engine.cli.progress import print_table

    print_table([{**row, "value": _number(row["value"])} for row in rows])


def _number(value: float) -> str:
    """Counts without decimals, shares with three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def doctor(
    game: Annotated[str, typer.Option("--game", help="whose network is measured")] = "connect4",
    seconds: Seconds = 2,
    json: JsonOption = False,
) -> None:
    """Show what this machine will really use.

    And why, with a short measurement, and what is missing.
    """
    from engine.registry import load_game

    document = examine(load_game(game), seconds)
    if json:
        print_json(document)
        return
    from engine.cli.progress import print_table

    for name in ("version", "python", "platform", "processor", "cores", "memory_gb", "gpu"):
        typer.echo(f"{name:10} {document[name] if document[name] is not None else 'none'}")
    choice = document["choice"]
    network = f"{choice['backend']} {choice['precision']} on {choice['device']}"
    typer.echo(f"{'network':10} {network}: {choice['reason']}")
    sandbox = document["sandbox"]
    typer.echo(f"{'sandbox':10} {'usable' if sandbox['usable'] else 'not usable'}: {sandbox['reason']}")
    print_table(document["rates"])
    for line in document["advice"] or ["Nothing is missing."]:
        typer.echo(line)


def examine(game: Game, seconds: float) -> dict[str, Any]:
    """What there is, what self-play would take, how fast it is, and what is missing."""
    import torch

    from engine.backends import resolve_backend
    from engine.config import EvaluatorConfig
    from engine.language.sandbox import status

    choice = resolve_backend(EvaluatorConfig())
    sandbox = status()
    rates = _inference_rates(game, seconds)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "version": importlib.metadata.version("selfplay"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": gpu,
        "torch": torch.__version__,
        "choice": {
            "backend": choice.name,
            "device": choice.device,
            "precision": choice.precision,
            "reason": choice.reason,
        },
        "sandbox": {"usable": sandbox.usable, "reason": sandbox.reason},
        "rates": [_search_rate(game, seconds / 8), *rates],
        "advice": [*_missing(), *advise_int8(str(choice), {row["backend"]: row["rate"] for row in rates})],
    }


def _tell(text: str) -> None:
    typer.echo(text, err=True)


def _search_rate(game: Game, seconds: float) -> dict[str, Any]:
    """Simulations a second of one thread that searches with equal priors."""
    from engine import _core
    from engine.config import SearchConfig
    from engine.evaluator import UniformEvaluator
    from engine.search import search, search_params

    evaluate, done = UniformEvaluator(), 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        trees = _core.Trees(game, search_params(SearchConfig()))
        for _ in range(BATCH):
            trees.add(game.initial())
        search(trees, evaluate, 200)
        done += trees.stats()["simulations"]
    rate = done / (time.perf_counter() - started)
    return {
        "stage": "search alone",
        "backend": "core",
        "rate": round(rate),
        "unit": "simulations/s, one thread",
    }


def _inference_rates(game: Game, seconds: float) -> list[dict[str, Any]]:
    import torch

    from engine.backends import computes_bf16
    from engine.config import EvaluatorConfig, NetworkConfig
    from engine.evaluator import NetworkEvaluator
    from engine.network import PolicyValueNetwork

    network = PolicyValueNetwork(game.planes_shape, game.num_actions, NetworkConfig())
    kinds = [("torch", "cpu")]
    if importlib.util.find_spec("openvino") is not None:
        kinds.append(("openvino", "cpu"))
    if torch.cuda.is_available():
        kinds.append(("torch", "cuda"))
    rows = []
    for backend, device in kinds:
        precisions = ["f32", "bf16"] if computes_bf16(device) else ["f32"]
        for precision in [*precisions, "int8"] if backend == "openvino" else precisions:
            config = EvaluatorConfig.model_validate(
                {"backend": backend, "device": device, "precision": precision}
            )
            rate = NetworkEvaluator(game, network, config).bare_rate(BATCH, seconds / 4)
            rows.append(
                {
                    "stage": f"network 64x5, batch {BATCH}",
                    "backend": f"{backend} {precision} on {device}",
                    "rate": round(rate),
                    "unit": "positions/s, one thread",
                }
            )
    return rows


def advise_int8(choice: str, rates: Mapping[str, float]) -> list[str]:
    """A line where int8 would be worth its rounding; `choice` and keys as BackendChoice prints itself."""
    gain = rates.get(INT8, 0) / rates.get(choice, math.inf)
    if gain <= MIN_GAIN:
        return []
    return [
        f"int8 is {gain:.1f} times as fast as {choice}, at a small loss of accuracy: "
        "train with --set evaluator.precision=int8"
    ]


def _missing() -> list[str]:
    return [
        f"{module} is missing ({purpose}): pip install 'selfplay[{extra}]'"
        for module, (extra, purpose) in EXTRAS.items()
        if importlib.util.find_spec(module) is None
    ]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
