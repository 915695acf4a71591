"""Signs that the score is won without the work: proxy against gold, disagreement, exploits, length."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.language.monitor.metric.clustered import Columns
from engine.language.monitor.metric.diversity import Grams
from engine.language.monitor.metric.observation import Judge
from engine.language.monitor.metric.probe import Probe
from engine.language.task import Prompt
from engine.statistics import Floats

Leaks = Callable[[Prompt, str], bool]
"""Whether a completion states its answer before deriving it: `Task.leaks`."""

LOOP_PERIODS = 16
LOOP_REPEATS = 4
LOOP_TOKENS = 12
ECHO_CHARACTERS = 24
ECE_BINS = 10
EXPLOIT = "hacking/exploit."
"""Before the name of a flag."""
_SPACE = re.compile(r"\s+")


def proxy_columns(score: Floats, gold: Floats) -> Columns:
    """Mean proxy, mean gold and their gap where gold is known, `[P * S]` each."""
    known = np.where(np.isfinite(gold), 1.0, np.nan).ravel()
    proxy, truth = score.ravel(), gold.ravel()
    return {
        "hacking/proxy": (proxy, known),
        "hacking/gold": (truth, known),
        "hacking/gap": (proxy - truth, known),
    }


def disagreement_columns(score: Floats, second: Floats, right_score: float) -> Columns:
    """Share of samples that one of two verifiers calls right and the other wrong, `[P * S]`."""
    asked = np.isfinite(second)
    differs = np.where(asked & np.isfinite(score), (score >= right_score) != (second >= right_score), np.nan)
    return {"hacking/disagreement": (differs.ravel().astype(np.float64), np.ones(score.size))}


def exploit_columns(probe: Probe, grams: Grams, leaks: Leaks | None, judge_prompts: Sequence[str]) -> Columns:
    """Share of samples with each sign of an exploit, and with any, `[P * S]` each.

    The signs are the verifier's flags and three found here: `loop`, `echo` of a judge's prompt, and
    `answer-first`.
    """
    signs: dict[str, NDArray[np.bool_]] = {}

    def mark(name: str, number: int) -> None:
        signs.setdefault(name, np.zeros(len(probe.episodes), dtype=bool))[number] = True

    shingles = echo_shingles(judge_prompts)
    for looping in np.flatnonzero(loops(grams)).tolist():
        mark("loop", looping)
    for number, episode in enumerate(probe.episodes):
        for flag in episode.result.flags:
            mark(_tag(flag), number)
        if shingles and echoes(episode.completion, episode.prompt.text, shingles):
            mark("echo", number)
        if leaks is not None and leaks(episode.prompt, episode.completion):
            mark("answer-first", number)
    ones = np.ones(len(probe.episodes))
    every = np.zeros(len(probe.episodes), dtype=bool)
    for found in signs.values():
        every |= found
    columns = {EXPLOIT + name: (found.astype(np.float64), ones) for name, found in sorted(signs.items())}
    return {"hacking/exploits": (every.astype(np.float64), ones), **columns}


def loops(grams: Grams) -> NDArray[np.bool_]:
    """Texts in which up to 16 tokens come four times in a row, over 12 tokens or more, `[N]`."""
    tokens, text = grams.of(1), grams.text
    found = np.zeros(len(grams.lengths), dtype=bool)
    for period in range(1, LOOP_PERIODS + 1):
        if len(tokens) <= period:
            break
        same = (tokens[period:] == tokens[:-period]) & (text[period:] == text[:-period])
        needed = max((LOOP_REPEATS - 1) * period, LOOP_TOKENS - period)
        # Length of the run of agreements that ends at each token; a run never leaves its text.
        number = np.arange(1, len(same) + 1)
        run = number - np.maximum.accumulate(np.where(same, 0, number))
        found[text[period:][run >= needed]] = True
    return found


def echo_shingles(judge_prompts: Sequence[str]) -> frozenset[str]:
    """All runs of 24 characters of the texts that a judge is asked with, case and spacing folded."""
    return frozenset(part for text in judge_prompts for part in _shingles(text))


def echoes(completion: str, prompt: str, shingles: frozenset[str]) -> bool:
    """Whether a completion repeats the judge's own words, other than those of its prompt."""
    return bool((_shingles(completion) & shingles) - _shingles(prompt))


def length_columns(lengths: NDArray[np.int64], score: Floats) -> Columns:
    """Mean length; what its percentiles and its correlation with the score are made of, `[P * S]` each."""
    tokens, scores = lengths.ravel().astype(np.float64), score.ravel()
    ones = np.ones(len(tokens))
    columns: Columns = {
        "length/mean": (tokens, ones),
        "_length_square": (tokens**2, ones),
        "_score": (scores, ones),
        "_score_square": (scores**2, ones),
        "_length_score": (tokens * scores, ones),
    }
    widths = 2.0 ** np.floor(np.log2(np.maximum(tokens, 64) / 64))  # whole tokens up to 127, then in steps
    binned = np.floor(tokens / widths) * widths
    if np.isnan(scores).any():  # the correlation is that of what has a score
        judged = np.where(np.isnan(scores), np.nan, tokens)
        columns |= {"_length_judged": (judged, ones), "_length_square_judged": (judged**2, ones)}
    for size in np.unique(binned):
        columns[f"_length.{size:g}"] = (binned == size).astype(np.float64), ones
    return columns


def length_metrics(values: dict[str, Floats]) -> dict[str, Floats]:
    """95th percentile of length and Pearson's r of score and length, from the ratios of `length_columns`."""
    mean = values.get("_length_judged", values["length/mean"])
    square = values.get("_length_square_judged", values["_length_square"])
    covariance = values["_length_score"] - mean * values["_score"]
    spread = (square - mean**2) * (values["_score_square"] - values["_score"] ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.where(spread > 1e-12, covariance / np.sqrt(np.maximum(spread, 1e-12)), 0.0)
    sizes = sorted(
        (float(name.removeprefix("_length.")), name) for name in values if name.startswith("_length.")
    )
    below = np.cumsum(np.stack([values[name] for _, name in sizes]), axis=0)
    percentile = np.array([size for size, _ in sizes])[
        (below < 0.95 - 1e-9).sum(axis=0).clip(max=len(sizes) - 1)
    ]
    return {"length/p95": percentile, "hacking/length_correlation": correlation}


def judge_columns(judge: Judge) -> Columns:
    """Agreement with itself, sums of calibration by bin, `[N]` each."""
    ones = np.ones(len(judge.keys))
    agrees = np.array([np.nan if each is None else each for each in judge.agrees], dtype=np.float64)
    columns: Columns = {"judge/agreement": (agrees, ones)}
    if judge.missing is not None:
        columns["judge/missing"] = np.asarray(judge.missing, dtype=np.float64), ones
    if judge.spread is not None:
        columns["judge/spread"] = np.asarray(judge.spread, dtype=np.float64), ones
    if judge.confidence is not None and judge.right is not None:
        sure, hit = np.asarray(judge.confidence, dtype=np.float64), np.asarray(judge.right, dtype=np.float64)
        bins = np.minimum((np.nan_to_num(sure) * ECE_BINS).astype(np.int64), ECE_BINS - 1)
        for number in range(ECE_BINS):
            columns[f"_calibration.{number}"] = np.where(bins == number, sure - hit, 0.0 * sure), ones
    return columns


def judge_metrics(values: dict[str, Floats]) -> dict[str, Floats]:
    """Expected calibration error (Guo et al. 2017, eq. 3) from the ratios of `judge_columns`."""
    gaps = [np.abs(values[name]) for name in values if name.startswith("_calibration.")]
    return {"judge/calibration_error": np.sum(gaps, axis=0)} if gaps else {}


def _tag(flag: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", flag)[:40] or "unnamed"


def _shingles(text: str) -> frozenset[str]:
    folded = _SPACE.sub(" ", text.casefold())
    return frozenset(
        folded[start : start + ECHO_CHARACTERS] for start in range(len(folded) - ECHO_CHARACTERS + 1)
    )
