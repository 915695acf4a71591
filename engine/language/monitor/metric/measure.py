"""All metrics of one iteration, as tables that can be bootstrapped."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.metric import coverage, diversity, drift, hacking
from engine.language.monitor.metric.clustered import Clustered, Columns
from engine.language.monitor.metric.observation import Observation
from engine.language.monitor.metric.probe import Modes, Probe, shapes
from engine.statistics import Floats, area_under_curve, areas_within

BLEU_SEED = 20
VARIATION_GAP = "accuracy/variation_gap"
EVENTS = {"samples": (hacking.EXPLOIT, "_length.")}
"""Columns that are missing from a table where nothing of the kind happened."""


@dataclass(frozen=True)
class Instruments:
    """What the metrics need to know of the task; what is None is left out or has a default."""

    solutions: coverage.Solutions | None = None
    """`Task.solutions`."""
    modes: Modes = shapes
    leaks: hacking.Leaks | None = None
    """`Task.leaks`."""
    judge_prompts: Sequence[str] = ()
    """Texts that a judge is asked with."""


@dataclass(frozen=True)
class Measured:
    """Tables by name; and metrics that are compared with no other iteration, with replicates or exact."""

    tables: dict[str, Clustered]
    loose: dict[str, tuple[float, Floats | None]] = field(default_factory=dict)
    modes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Samples and problems of each mode."""
    right_modes: frozenset[str] = frozenset()
    """Those of right samples; only in iteration 0."""
    block_tokens: int = 0


def measure(
    observation: Observation,
    probe: Probe,
    tools: Instruments,
    settings: MonitorConfig,
    block_tokens: int | None,
) -> Measured:
    """Measure an iteration; `block_tokens` is that of iteration 0, None in it."""
    grams = diversity.Grams(probe.tokens, probe.lengths.ravel())
    size = block_tokens or diversity.block_tokens(probe, settings.block_prompts)
    gold = probe.arrange(observation.gold)
    truth = probe.score if gold is None else np.where(np.isfinite(gold), gold, probe.score)
    right = truth >= settings.right_score
    prompts = _prompt_columns(observation, probe, grams, right, tools, settings)
    samples = _sample_columns(observation, probe, grams, tools, settings)
    block_names, blocks = diversity.distinct_columns(probe, grams, settings.block_prompts, size)
    tables = {
        "prompts": Clustered.of(probe.keys, prompts),
        "samples": Clustered.of([e.prompt.key for e in probe.episodes], samples),
        "blocks": Clustered.of(block_names, blocks),
        **_gold_table(probe, gold),
        **_other_tables(observation, settings),
    }
    loose: dict[str, tuple[float, Floats | None]] = {}
    if counts := drift.kept_counts(observation.generated):
        loose |= drift.skew(counts, settings.replicates, seed_of("kept"))
    if "accuracy" in tables and "variations" in tables:
        loose[VARIATION_GAP] = variation_gap(tables, settings)
    if observation.real_fraction is not None:
        loose["data/real_fraction"] = observation.real_fraction, None
    if (values := probe.arrange(observation.values)) is not None and right.any() and not right.all():
        loose["value/auc"] = area_under_curve(values[right], values[~right]), None
    if observation.overlap is not None:
        loose["data/overlap"] = float(observation.overlap), None
    solved = [e for e, hit in zip(probe.episodes, right.ravel(), strict=True) if hit and not block_tokens]
    right_modes = frozenset(mode for episode in solved for mode in tools.modes(episode))
    return Measured(tables, loose, coverage.mode_counts(probe.episodes, tools.modes), right_modes, size)


def values_of(name: str, table: Clustered, counts: Floats | None = None) -> dict[str, Floats]:
    """A table's metrics, those made of several columns included; helping columns stay in."""
    values = table.values(counts)
    if name == "samples":
        values |= hacking.length_metrics(values)
    if name == "judge":
        values |= hacking.judge_metrics(values)
    return values


def alike(name: str, table: Clustered, other: Clustered) -> tuple[Clustered, Clustered]:
    """Two iterations' tables on the same clusters, both with the columns of events that either has."""
    first, second = table.matched(other)
    kinds = EVENTS.get(name, ())
    events = [column for column in (*first.names, *second.names) if column.startswith(kinds)] if kinds else []
    like = "length/mean"
    return first.with_names(sorted(set(events)), like), second.with_names(sorted(set(events)), like)


def seed_of(name: str) -> int:
    """Seed of a table's draws; tables of the probe share theirs, as they share clusters."""
    return zlib.crc32(b"probe" if name in ("prompts", "samples", "gold") else name.encode())


def _prompt_columns(
    observation: Observation,
    probe: Probe,
    grams: diversity.Grams,
    right: coverage.Right,
    tools: Instruments,
    settings: MonitorConfig,
) -> Columns:
    num_prompts, num_samples = probe.score.shape
    ones = np.ones(num_prompts)
    within = diversity.self_bleu(
        grams, np.arange(num_prompts * num_samples).reshape(num_prompts, num_samples)
    )
    groups = diversity.across_groups(num_prompts, num_samples, settings.across, BLEU_SEED)
    across = np.full(num_prompts, np.nan)
    across[groups.ravel() // num_samples] = diversity.self_bleu(grams, groups).ravel()
    strata = coverage.pooled_strata(
        [prompt.stratum for prompt in probe.prompts], settings.min_bucket // 4 or 1
    )
    columns = {
        **coverage.pass_columns(right),
        "diversity/self_bleu": (within.mean(axis=1), ones),
        "diversity/self_bleu_across": (across, ones),
        **coverage.unique_columns(probe, right),
        **coverage.share_columns(right, strata),
    }
    if tools.solutions is not None:
        columns |= coverage.solution_columns(probe, right, tools.solutions)
    if (values := probe.arrange(observation.values)) is not None:
        columns["value/auc_within"] = areas_within(right, values), ones
        columns["value/brier"] = np.square(values - right).mean(axis=1), ones
    if observation.entropy is not None:
        columns |= diversity.entropy_columns(probe, observation.entropy, settings.entropy_buckets)
    return columns


def _sample_columns(
    observation: Observation,
    probe: Probe,
    grams: diversity.Grams,
    tools: Instruments,
    settings: MonitorConfig,
) -> Columns:
    columns = {
        **hacking.length_columns(probe.lengths, probe.score),
        **hacking.exploit_columns(probe, grams, tools.leaks, tools.judge_prompts),
    }
    if (second := probe.arrange(observation.second)) is not None:
        columns |= hacking.disagreement_columns(probe.score, second, settings.right_score)
    if (kl := probe.arrange(observation.kl)) is not None:
        tokens = np.array([episode.tokens for episode in probe.episodes], dtype=np.float64)
        columns |= drift.kl_columns(kl, tokens)
    return columns


def _gold_table(probe: Probe, gold: Floats | None) -> dict[str, Clustered]:
    """Truth by itself, so that the best iteration's can be kept."""
    columns: Columns = {}
    if gold is not None:
        columns = hacking.proxy_columns(probe.score, gold)
    elif is_exact(probe):
        columns = {"hacking/gold": (probe.score.ravel(), np.ones(probe.score.size))}
    keys = [episode.prompt.key for episode in probe.episodes]
    return {"gold": Clustered.of(keys, columns)} if columns else {}


def _other_tables(observation: Observation, settings: MonitorConfig) -> dict[str, Clustered]:
    tables = {}
    if observation.generated:
        keys, columns = drift.generated_columns(observation.generated)
        if keys:
            tables["generated"] = Clustered.of(keys, columns)
        keys, columns = drift.audit_columns(observation.generated)
        if keys:
            tables["audit"] = Clustered.of(keys, columns)
    if observation.holdout is not None:
        tables["holdout"] = Clustered.of(observation.holdout.keys, drift.holdout_columns(observation.holdout))
    for name, items in (("accuracy", observation.accuracy), ("variations", observation.variations)):
        if items is not None:
            metric = "accuracy/greedy" if name == "accuracy" else "accuracy/variations"
            columns = drift.accuracy_columns(items, metric, settings.min_bucket)
            tables[name] = Clustered.of(items.keys, columns)
    if observation.judge is not None:
        tables["judge"] = Clustered.of(observation.judge.keys, hacking.judge_columns(observation.judge))
    return tables


def variation_gap(tables: Mapping[str, Clustered], settings: MonitorConfig) -> tuple[float, Floats]:
    """Accuracy less accuracy on variations, and replicates `[B]` that draw the two apart.

    The replicates of two iterations on the same items are of the same draws.
    """
    plain, drawn = [], []
    for name, metric in (("accuracy", "accuracy/greedy"), ("variations", "accuracy/variations")):
        table = tables[name]
        plain.append(float(table.values()[metric]))
        drawn.append(table.values(table.counts(settings.replicates, seed_of(name)))[metric])
    return plain[0] - plain[1], drawn[0] - drawn[1]


def is_exact(probe: Probe) -> bool:
    """Whether an exact verifier judged all of the probe."""
    return all(episode.result.kind == "exact" for episode in probe.episodes)
