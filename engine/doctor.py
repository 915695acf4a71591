"""What this machine has, how fast it computes and plays, and where the seconds of a run went."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine import _core
from engine.advice import MIN_DISTINCT, Advice, Evidence, Machine, advise
from engine.config import Config
from engine.config.layer import merge
from engine.config.network import EvaluatorConfig
from engine.config.play import SearchConfig
from engine.errors import UserError
from engine.evaluator.choice import BackendChoice, resolve_backend
from engine.evaluator.device import computes_bf16
from engine.evaluator.evaluator import NetworkEvaluator, UniformEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.game.state_space import has_few_positions
from engine.game_run import read_config
from engine.registry import load_game
from engine.run import storage
from engine.run.birthplace import processor
from engine.run.layout import METRICS
from engine.run.metrics import read_metrics
from engine.search import search, search_params
from engine.selfplay.actors.inline import InlineActors

BATCHES = (8, 64, 256)
"""Positions in a batch of the measurements of inference; the middle one compares backends."""

LAST = 10
"""Iterations at the end of a run that its means are taken over, at most half of it."""

EXTRAS = {
    "cpu": ("openvino", "2 to 3 times faster networks on a processor, and int8"),
    "go": ("charset_normalizer", "SGF whose charset has to be found"),
    "envs": ("pettingzoo", "the games as PettingZoo environments"),
    "export": ("onnxruntime", "networks as ONNX files"),
    "text": ("transformers", "self-play of language models"),
}
"""By extra of this package: a module that it brings, and what that is for."""

_NVIDIA = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Examination:
    """What was found; `to_json` is the document of `selfplay doctor --json`."""

    facts: dict[str, Any]
    choice: BackendChoice
    rates: list[dict[str, Any]]
    callers: dict[str, Any] | None
    extras: list[dict[str, Any]]
    advice: list[Advice]
    run: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, as objects of JSON."""
        choice = {name: getattr(self.choice, name) for name in ("device", "precision", "reason")}
        return {
            **self.facts,
            "choice": {"backend": self.choice.name, **choice},
            "rates": self.rates,
            "callers": self.callers,
            "extras": self.extras,
            **({} if self.run is None else {"run": self.run}),
            "advice": [advice.to_json() for advice in self.advice],
        }


def examine(game: _core.Game, config: Config, seconds: float, run: Path | None = None) -> Examination:
    """Measure for about `seconds` with the network of `config`, and read `run` if there is one."""
    choice = resolve_backend(config.evaluator)
    report = None if run is None else read_run(run)
    wall, processor = time.perf_counter(), time.thread_time()
    rates = [search_rate(game, seconds * 0.1)]
    processor_share = (time.thread_time() - processor) / (time.perf_counter() - wall)
    rates += inference_rates(game, config, seconds * 0.5)
    callers = callers_rate(game, config, seconds * 0.4)
    evidence = Evidence(
        config=config,
        machine=Machine(
            cores=num_cores(),
            choice=str(choice),
            has_openvino=_is_installed("openvino"),
            has_gpu=has_gpu(),
            rates={row["backend"]: row["rate"] for row in rates if row["batch"] == BATCHES[1]},
            callers_gain=callers["gain"] if callers else None,
            processor_share=processor_share,
        ),
        metrics=report["means"] if report else {},
        has_python_rules=isinstance(game, _core.PythonGame),
        has_few_positions=_must_repeat(game, report["means"] if report else {}),
    )
    return Examination(_facts(), choice, rates, callers, _extras(), advise(evidence), report)


def advise_run(run: Path) -> list[Advice]:
    """What to change after a run, from its metrics alone; nothing where it has too few."""
    try:
        means = read_run(run)["means"]
    except UserError:
        return []
    config = read_config(run)
    machine = Machine(
        cores=num_cores(),
        choice=str(resolve_backend(config.evaluator)),
        has_openvino=_is_installed("openvino"),
        has_gpu=has_gpu(),
    )
    game = load_game(config.game)
    is_python = isinstance(game, _core.PythonGame)
    return advise(Evidence(config, machine, means, is_python, _must_repeat(game, means)))


def _must_repeat(game: _core.Game, means: Mapping[str, float]) -> bool:
    """Whether games repeat each other because there are not many more."""
    return means.get("selfplay/distinct_games", 1.0) < MIN_DISTINCT and has_few_positions(game)


def read_run(run: Path) -> dict[str, Any]:
    """Means of a run's last iterations: `iterations`, `minutes`, `shares` of wall time, `means` by tag.

    Raises UserError where it has not finished an iteration, or was made before time was measured.
    """
    path = run / METRICS
    lines = read_metrics(path) if storage.exists(path) else []
    if not lines:
        raise UserError(f"run '{run}' has no finished iteration yet; come back when it has")
    if "time/total_s" not in lines[-1]:
        raise UserError(f"run '{run}' does not say where its time went; its version measured none")
    last = lines[-min(LAST, max(1, len(lines) // 2)) :]
    means = {tag: _mean([line[tag] for line in last if _is_number(line.get(tag))]) for tag in last[-1]}
    known = {tag: value for tag, value in means.items() if value is not None}
    total = known["time/total_s"]
    shares = {
        tag[len("time/") : -len("_s")]: value / total
        for tag, value in known.items()
        if tag.startswith("time/") and tag.endswith("_s") and tag != "time/total_s"
    }
    return {
        "path": str(run),
        "iterations": lines[-1]["iteration"],
        "averaged": len(last),
        "minutes": lines[-1].get("minutes"),
        "shares": dict(sorted(shares.items(), key=lambda item: -item[1])),
        "means": known,
    }


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def has_gpu() -> bool:
    """Whether there is a GPU, be torch able to use it or not."""
    return torch.cuda.is_available() or _NVIDIA.exists() or shutil.which("nvidia-smi") is not None


def search_rate(game: _core.Game, seconds: float) -> dict[str, Any]:
    """Simulations a second of one thread that searches with equal priors."""
    evaluate, done, slots = UniformEvaluator(), 0, 128
    started = time.perf_counter()
    while not done or time.perf_counter() - started < seconds:
        trees = _core.Trees(game, search_params(SearchConfig()))
        for _ in range(slots):
            trees.add(game.initial())
        search(trees, evaluate, 200)
        done += trees.stats()["simulations"]
    rate = done / (time.perf_counter() - started)
    return _row("search alone", "core", slots, rate, "simulations/s")


def inference_rates(game: _core.Game, config: Config, seconds: float) -> list[dict[str, Any]]:
    """Positions a second of one thread, for every backend and precision that works here."""
    network = PolicyValueNetwork(game.planes_shape, game.num_actions, config.network).eval()
    stage = f"network {config.network.channels}x{config.network.blocks}"
    configs = _evaluator_configs()
    rows = []
    for evaluator_config in configs:
        evaluator = NetworkEvaluator(game, network, evaluator_config)
        for batch in BATCHES:
            rate = evaluator.bare_rate(batch, seconds / len(configs) / len(BATCHES))
            rows.append(_row(stage, str(evaluator.choice), batch, rate, "positions/s"))
    return rows


def callers_rate(game: _core.Game, config: Config, seconds: float) -> dict[str, Any] | None:
    """Positions a second of wall time that one caller plays, and callers on all cores; None on one core."""
    cores = num_cores()
    if cores == 1:
        return None
    network = PolicyValueNetwork(game.planes_shape, game.num_actions, config.network).eval()
    rates = {}
    for callers in (1, cores):
        layer = {"loop": {"callers": callers}, "selfplay": {"games": 64, "simulations": 32}}
        actors = InlineActors(game, Config.model_validate(merge(config.model_dump(), layer)), network)
        try:
            actors.play(32 * callers)
            rates[callers] = _play_rate(actors, 64 * callers, seconds / 2)
        finally:
            actors.close()
    return {"callers": cores, "one": rates[1], "all": rates[cores], "gain": rates[cores] / rates[1]}


def _play_rate(actors: InlineActors, positions: int, seconds: float) -> float:
    done, started = 0, time.perf_counter()
    while not done or time.perf_counter() - started < seconds:
        actors.play(positions)
        done += positions
    return done / (time.perf_counter() - started)


def _evaluator_configs() -> list[EvaluatorConfig]:
    kinds = [("torch", "cpu")]
    if _is_installed("openvino"):
        kinds.append(("openvino", "cpu"))
    if torch.cuda.is_available():
        kinds.append(("torch", "cuda"))
    configs = []
    for backend, device in kinds:
        precisions = ["f32", *(["bf16"] if computes_bf16(device) else [])]
        for precision in [*precisions, *(["int8"] if backend == "openvino" else [])]:
            settings = {"backend": backend, "device": device, "precision": precision}
            configs.append(EvaluatorConfig.model_validate(settings))
    return configs


def _row(stage: str, backend: str, batch: int, rate: float, unit: str) -> dict[str, Any]:
    return {"stage": stage, "backend": backend, "batch": batch, "rate": round(rate), "unit": unit}


def _facts() -> dict[str, Any]:
    return {
        "version": importlib.metadata.version("selfplay"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "processor": processor(),
        "cores": num_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _extras() -> list[dict[str, Any]]:
    return [
        {"extra": extra, "installed": _is_installed(module), "brings": brings}
        for extra, (module, brings) in EXTRAS.items()
    ]


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
