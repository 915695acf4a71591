"""What to change so that the hardware is idle less: a rule looks at what was measured and may say something.

Every rule has one threshold, above or below which it speaks. Rules about a run read the means of its last
iterations; rules about backends read rates measured on this machine, and are silent without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.config import Config

MIN_GAIN = 1.2
"""Times as fast as what is used that another backend must be."""
MIN_CALLERS_GAIN = 1.5
"""Times as many positions that callers on all cores must play than one alone."""
MAX_EVALUATE_SHARE = 0.5
MAX_LEARN_SHARE = 0.4
MAX_WAIT_SHARE = 0.1
MAX_BREAK_SHARE = 0.15
"""Of the time between plays that is spent on commits and on swapping weights."""
MAX_RULES_SHARE = 0.3
MIN_GPU_SHARE = 0.7
"""Of the callers' time that an evaluator on a GPU has work."""
MIN_BATCH = {"cpu": 32, "cuda": 256}
"""Positions in a batch below which a device computes them much slower."""
MIN_BATCH_FILL = 0.6
MIN_DISTINCT = 0.9
"""Of finished games that no other of the iteration equals."""
MIN_CORES_SHARE = 0.5
"""Of the cores that a run plays and learns on, how many it gets."""
MIN_USED = 0.85
"""Of a machine's cores that must be busy for programs to be in each other's way."""
MAX_TAKEN = 0.15
"""Of the cores' busy time, what other programs may take before seconds of a run tell nothing of it."""


@dataclass(frozen=True)
class Advice:
    """One thing to change.

    rule: the name of the rule.
    text: what was seen, with its number.
    remedy: a command or a setting.
    gain: times as many positions a second, where that is known.
    """

    rule: str
    text: str
    remedy: str
    gain: float | None = None

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"

    def to_json(self) -> dict[str, Any]:
        """As an object of JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Machine:
    """What this machine has.

    choice: what computes the network, as a BackendChoice prints itself; `device` is its last word.
    rates: positions a second of one thread by BackendChoice, in batches as self-play has them.
    callers_gain: positions a second of callers on all cores over those of one; None where not measured.
    processor_share: of a core that one busy thread got just now; likewise.
    """

    cores: int
    choice: str
    has_openvino: bool = True
    has_gpu: bool = False  # the driver's word; torch may lack CUDA all the same
    rates: Mapping[str, float] = field(default_factory=dict)
    callers_gain: float | None = None
    processor_share: float | None = None

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self.choice.rpartition(" ")[2]


@dataclass(frozen=True)
class Evidence:
    """What the rules look at; `metrics` are means over iterations by tag, empty where there is no run.

    has_few_positions: the game is so small that its games must repeat each other.
    """

    config: Config
    machine: Machine
    metrics: Mapping[str, float] = field(default_factory=dict)
    has_python_rules: bool = False
    has_few_positions: bool = False

    @property
    def taken(self) -> float | None:
        """Share of the cores' busy time that other programs had; None where nobody knows.

        They are in nobody's way as long as cores are idle.
        """
        taken, busy = (self.metrics.get(f"machine/cores_{name}") for name in ("taken", "busy"))
        if taken is None or busy is None:
            return None
        return taken / (taken + busy) if taken + busy > MIN_USED * self.machine.cores else 0.0

    def share(self, *parts: str) -> float:
        """Of a run's wall time that these parts took, see `time/` in engine.run.metrics."""
        total = self.metrics.get("time/total_s", 0.0)
        return sum(self.metrics.get(f"time/{part}_s", 0.0) for part in parts) / total if total else 0.0


Rule = Callable[[Evidence], Advice | None]


def advise(evidence: Evidence) -> list[Advice]:
    """What the rules say, in their order.

    Where other programs took much of the processor, those that look at the seconds of a run are not asked:
    whichever part of it had to wait would look like the slow one.
    """
    is_disturbed = (evidence.taken or 0.0) >= MAX_TAKEN
    rules = [rule for rule in RULES if not (is_disturbed and rule in BY_SECONDS)]
    return [advice for rule in rules if (advice := rule(evidence)) is not None]


def missing_cuda(evidence: Evidence) -> Advice | None:
    """There is a GPU that torch cannot use."""
    if not evidence.machine.has_gpu or evidence.machine.device == "cuda":
        return None
    if evidence.config.evaluator.device == "cpu":
        remedy = "set evaluator.device=auto"
    else:
        remedy = "install a torch built with CUDA"
    return Advice("missing_cuda", "there is a GPU, but the network is computed on the processor", remedy)


def missing_openvino(evidence: Evidence) -> Advice | None:
    """Torch computes on a processor because OpenVINO is not installed."""
    if evidence.machine.has_openvino or evidence.machine.device != "cpu":
        return None
    text = "OpenVINO is not installed; it computes such networks 2 to 3 times as fast as torch on a processor"
    return Advice("missing_openvino", text, "pip install 'selfplay[cpu]'", 2.0)


def faster_backend(evidence: Evidence) -> Advice | None:
    """Something else computes the network faster without rounding to int8."""
    rates = {name: rate for name, rate in evidence.machine.rates.items() if "int8" not in name}
    return _faster("faster_backend", evidence, rates, "")


def int8(evidence: Evidence) -> Advice | None:
    """int8 is worth its rounding: it is faster than all else."""
    rates = evidence.machine.rates
    others = [rate for name, rate in rates.items() if "int8" not in name]
    found = {name: rate for name, rate in rates.items() if "int8" in name and rate > max(others, default=0)}
    return _faster("int8", evidence, found, ", at a small loss of accuracy")


def _faster(rule: str, evidence: Evidence, rates: Mapping[str, float], price: str) -> Advice | None:
    choice = evidence.machine.choice
    best = max(rates, key=lambda name: rates[name], default=choice)
    gain = rates.get(best, 0.0) / evidence.machine.rates.get(choice, float("inf"))
    if gain < MIN_GAIN:
        return None
    text = f"{best} computes the network {gain:.1f} times as fast as {choice}{price}"
    share = evidence.share("evaluate")
    if share:
        gain = 1 / (1 - share + share / gain)
        text += f", which makes this run {gain:.1f} times as fast"
    backend, precision, _, device = best.split()
    settings = {"backend": backend, "precision": precision, "device": device}
    now = evidence.config.evaluator.model_dump()
    changes = [f"--set evaluator.{key}={value}" for key, value in settings.items() if now[key] != value]
    if rule == "int8":
        changes = ["--set evaluator.precision=int8"]
    return Advice(rule, text, f"train with {' '.join(changes)}", round(gain, 2))


def large_network(evidence: Evidence) -> Advice | None:
    """Most of the time goes on the network, and nobody has measured what else would compute it."""
    share = evidence.share("evaluate")
    if evidence.machine.rates or share <= MAX_EVALUATE_SHARE:
        return None
    text = f"the network takes {share:.0%} of the time"
    return Advice("large_network", text, "'selfplay doctor RUN' measures what could compute it faster")


def idle_cores(evidence: Evidence) -> Advice | None:
    """Fewer callers than cores."""
    callers, cores = evidence.config.loop.callers, evidence.machine.cores
    if not 0 < callers < cores or evidence.machine.device != "cpu":
        return None
    text = f"{_count(callers, 'caller plays', 'callers play')} on a machine with {cores} cores"
    return Advice("idle_cores", text, "set loop.callers=0, which takes one a core", round(cores / callers, 2))


def crowded_cores(evidence: Evidence) -> Advice | None:
    """More callers than cores."""
    callers, cores = evidence.config.loop.callers, evidence.machine.cores
    if callers <= cores or evidence.machine.device != "cpu":
        return None
    text = f"{callers} callers share {_count(cores, 'core', 'cores')} and wait for each other"
    return Advice("crowded_cores", text, "set loop.callers=0, which takes one a core")


def taken_cores(evidence: Evidence) -> Advice | None:
    """Others use the cores that the run plays on."""
    busy = evidence.metrics.get("machine/cores_busy")
    cores = min(evidence.config.loop.callers or evidence.machine.cores, evidence.machine.cores)
    if busy is None or evidence.machine.device != "cpu":
        return None
    if evidence.taken is not None:
        if evidence.taken < MAX_TAKEN:
            return None
        taken = evidence.metrics["machine/cores_taken"]
        text = (
            f"other programs took {taken:.1f} of {evidence.machine.cores} cores, and the run got {busy:.1f}"
        )
        remedy = "stop them; until then its seconds say little about what else would make it faster"
        return Advice("taken_cores", text, remedy)
    computing = evidence.share("rules", "select", "encode", "evaluate", "backup", "record", "learn")
    if busy >= MIN_CORES_SHARE * cores * computing:
        return None
    text = f"the run gets {busy:.1f} of {cores} cores"
    remedy = "something else on this machine takes the rest; stop it, or expect no more"
    return Advice("taken_cores", text, remedy, round(cores * computing / busy, 2) if busy else None)


def busy_machine(evidence: Evidence) -> Advice | None:
    """What was measured just now had to share the processor."""
    share = evidence.machine.processor_share
    if share is None or share >= MIN_CORES_SHARE:
        return None
    text = f"a busy thread gets {share:.0%} of a core, and all rates here are lower for it"
    return Advice("busy_machine", text, "stop what else runs on this machine")


def poor_scaling(evidence: Evidence) -> Advice | None:
    """Callers on all cores hardly play more than one."""
    gain, cores = evidence.machine.callers_gain, evidence.machine.cores
    if gain is None or cores < 2 or gain >= MIN_CALLERS_GAIN:
        return None
    text = f"callers on {cores} cores play {gain:.2f} times as many positions as one"
    return Advice("poor_scaling", text, "something else uses the cores, or two of them are one; stop it")


def busy_learner(evidence: Evidence) -> Advice | None:
    """The learner takes much of the time, in which nothing is played."""
    share = evidence.share("learn")
    if share <= MAX_LEARN_SHARE:
        return None
    samples = evidence.config.learner.samples_per_position
    remedy = (
        f"lower learner.samples_per_position (to {max(samples / 2, 1):.2g}), or raise selfplay.simulations"
    )
    if evidence.machine.device == "cuda" and evidence.config.loop.max_weight_lag == 0:
        remedy = "set loop.max_weight_lag=1, so that games are played meanwhile"
    text = f"play waits {share:.0%} of the time for the learner, which draws each position {samples:g} times"
    return Advice("busy_learner", text, remedy)


def small_batches(evidence: Evidence) -> Advice | None:
    """Batches so small that the device is badly used."""
    size, games = evidence.metrics.get("search/batch_size"), evidence.config.selfplay.games
    least = MIN_BATCH[evidence.machine.device]
    if size is None or size >= least or games >= least:
        return None
    text = f"batches hold {size:.0f} positions, and this device computes more at once much faster"
    return Advice("small_batches", text, f"raise selfplay.games from {games}; 0 measures how many are enough")


def short_batches(evidence: Evidence) -> Advice | None:
    """Batches are not full although there are games enough."""
    fill = evidence.metrics.get("search/batch_fill")
    config = evidence.config
    if fill is None or fill >= MIN_BATCH_FILL:
        return None
    games = config.selfplay.games * max(config.loop.callers, 1)
    return Advice(
        "short_batches",
        f"batches are {fill:.0%} full: iterations of {config.loop.turn_positions} moves end before {games} "
        "games side by side have made theirs",
        f"raise loop.positions (to {16 * games} or more), or lower selfplay.games",
    )


def no_cache(evidence: Evidence) -> Advice | None:
    """The evaluation cache is off."""
    if evidence.config.selfplay.cache_mb > 0:
        return None
    text = "the evaluation cache is off, and equal positions are computed again"
    return Advice("no_cache", text, "set selfplay.cache_mb=128")


def waiting_callers(evidence: Evidence) -> Advice | None:
    """Callers that are done wait for the last."""
    share = evidence.share("wait")
    if share <= MAX_WAIT_SHARE:
        return None
    positions = evidence.config.loop.turn_positions
    text = f"callers wait {share:.0%} of the time for the last of an iteration"
    return Advice("waiting_callers", text, f"raise loop.positions from {positions} to {4 * positions}")


def long_breaks(evidence: Evidence) -> Advice | None:
    """Much of the time goes on commits and on new weights."""
    share = evidence.share("swap", "commit", "replay")
    if share <= MAX_BREAK_SHARE:
        return None
    positions = evidence.config.loop.turn_positions
    text = f"commits and new weights take {share:.0%} of the time"
    return Advice("long_breaks", text, f"raise loop.positions from {positions} to {4 * positions}")


def slow_rules(evidence: Evidence) -> Advice | None:
    """Rules in Python hold everything up."""
    share = evidence.share("rules")
    if share <= MAX_RULES_SHARE or not evidence.has_python_rules:
        return None
    text = f"the rules of the game, which are plain Python, take {share:.0%} of the time"
    return Advice("slow_rules", text, "write them with engine.numba_game, which needs no compiler")


def idle_gpu(evidence: Evidence) -> Advice | None:
    """The GPU waits for the search."""
    played = evidence.share("rules", "select", "encode", "evaluate", "backup", "record", "wait")
    busy = evidence.share("evaluate")
    if evidence.machine.device != "cuda" or not played or busy >= MIN_GPU_SHARE * played:
        return None
    text = f"while games are played the GPU has work {busy / played:.0%} of the time"
    return Advice("idle_gpu", text, "raise selfplay.games, or set loop.actors=process with more loop.callers")


def duplicates(evidence: Evidence) -> Advice | None:
    """Equal games teach nothing twice."""
    distinct = evidence.metrics.get("selfplay/distinct_games")
    if distinct is None or distinct >= MIN_DISTINCT or evidence.has_few_positions:
        return None
    return Advice(
        "duplicates",
        f"{1 - distinct:.0%} of the games are copies of others",
        "raise selfplay.temperature, selfplay.temperature_half_life or selfplay.max_opening_plies",
    )


def full_trees(evidence: Evidence) -> Advice | None:
    """Searches are cut short by the limit of memory."""
    capped = evidence.metrics.get("search/capped", 0.0)
    if capped <= 0:
        return None
    now = evidence.config.search.max_tree_mb
    text = f"{capped:.0f} searches an iteration are cut short because a tree is full at {now:g} MB"
    return Advice("full_trees", text, f"raise search.max_tree_mb to {4 * now:g}")


def bad_replies(evidence: Evidence) -> Advice | None:
    """The network answers what is not finite, or no probabilities."""
    bad = evidence.metrics.get("search/bad_replies", 0.0)
    if bad <= 0:
        return None
    text = f"{bad:.0f} answers of the network an iteration are no probabilities"
    return Advice("bad_replies", text, "set evaluator.precision=f32, or lower learner.learning_rate")


RULES: tuple[Rule, ...] = (
    missing_cuda,
    missing_openvino,
    faster_backend,
    int8,
    large_network,
    idle_cores,
    crowded_cores,
    taken_cores,
    busy_machine,
    poor_scaling,
    idle_gpu,
    small_batches,
    short_batches,
    no_cache,
    busy_learner,
    waiting_callers,
    long_breaks,
    slow_rules,
    duplicates,
    full_trees,
    bad_replies,
)


BY_SECONDS = frozenset({large_network, busy_learner, waiting_callers, long_breaks, slow_rules, idle_gpu})
"""Rules that look at where the wall time of a run went."""


def _count(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
