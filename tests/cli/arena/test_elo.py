"""The command elo: JSON lines in, estimates and tests out."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from engine.cli.game.elo import MAX_COUNT

Ask = Callable[..., list[dict[str, Any]]]


def test_estimates_and_a_test(ask: Ask) -> None:
    pairs, games, alone = ask(
        "elo",
        requests=[
            {"id": "p", "counts": [365, 16618, 36229, 16974, 390], "elo0": 0, "elo1": 2,
             "model": "normalized"},
            {"id": "g", "counts": [1477, 2942, 1351], "elo0": 0, "elo1": 10, "alpha": 0.01, "beta": 0.01,
             "model": "cutechess"},
            {"id": "a", "counts": [136, 111, 96]},
        ],
    )  # fmt: skip
    assert pairs["id"] == "p"
    assert pairs["llr"] == pytest.approx(2.25, abs=0.01)
    assert pairs["state"] == "continue"
    assert pairs["games"] == 2 * (365 + 16618 + 36229 + 16974 + 390)
    assert pairs["pairs_ratio"] == pytest.approx((16974 + 390) / (365 + 16618))
    assert games["llr"] == pytest.approx(2.52, abs=0.01)
    assert (games["llr_low"], games["llr_high"]) == pytest.approx((-4.595, 4.595), abs=1e-3)
    assert games["draw_ratio"] == pytest.approx(2942 / 5770)
    assert alone["elo"] == pytest.approx(40.70, abs=0.01)
    assert (alone["high"] - alone["low"]) / 2 == pytest.approx(30.43, abs=0.01)
    assert alone["nelo"] == pytest.approx(49.77, abs=0.01)
    assert 100 * alone["los"] == pytest.approx(99.60, abs=0.01)
    assert alone["games"] == 343
    assert (alone["llr"], alone["state"], alone["pairs_ratio"]) == (None, None, None)


def test_decisions(ask: Ask) -> None:
    won, lost, none = ask(
        "elo",
        requests=[
            {"counts": [0, 0, 0, 0, 150], "elo0": 0, "elo1": 10},
            {"counts": [0, 0, 150], "elo0": 0, "elo1": 10},
            {"counts": [0, 0, 0, 0, 0], "elo0": 0, "elo1": 10},
        ],
    )
    assert won["state"] == "accept elo1"
    assert (won["elo"], won["high"], won["nelo"], won["nelo_high"]) == (None, None, None, None)
    assert won["low"] > 500
    assert lost["state"] == "accept elo0"
    assert (lost["score"], lost["low"]) == (0, None)
    assert (none["llr"], none["state"], none["score"], none["elo"]) == (0, "continue", None, 0)
    assert (none["low"], none["high"], none["los"], none["games"]) == (None, None, 0.5, 0)


HOSTILE = [
    ('{"id": 1}', "counts null"),
    ('{"id": 1, "counts": "1,2,3"}', 'counts "1,2,3"'),
    ('{"id": 1, "counts": [1, 2, 3, 4]}', "counts [1, 2, 3, 4]"),
    ('{"id": 1, "counts": [1, 2, 3, 4, 5, 6]}', "counts [1, 2, 3, 4, 5, 6]"),
    ('{"id": 1, "counts": []}', "counts []"),
    ('{"id": 1, "counts": {"w": 1}}', "counts {"),
    ('{"id": 1, "counts": [1, 2, -3]}', "-3 is not a whole number"),
    ('{"id": 1, "counts": [1, 2, 2.5]}', "2.5 is not a whole number"),
    ('{"id": 1, "counts": [1, 2, true]}', "true is not"),
    ('{"id": 1, "counts": [1, 2, null]}', "null is not"),
    ('{"id": 1, "counts": [1, 2, "3"]}', '"3" is not'),
    ('{"id": 1, "counts": [1, 2, NaN]}', "NaN is not JSON"),
    ('{"id": 1, "counts": [1, 2, -Infinity]}', "-Infinity is not JSON"),
    ('{"id": 1, "counts": [1, 2, 1e400]}', "not a whole number"),
    (f'{{"id": 1, "counts": [1, 2, {MAX_COUNT + 1}]}}', f"from 0 to {MAX_COUNT}"),
    (f'{{"id": 1, "counts": [1, 2, {"9" * 400}]}}', "not a whole number"),
    (f'{{"id": 1, "counts": [1, 2, {"9" * 5000}]}}', ""),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0}', "elo1 is missing"),
    ('{"id": 1, "counts": [1, 2, 3], "elo1": 0}', "elo0 is missing"),
    ('{"id": 1, "counts": [1, 2, 3], "alpha": 0.05}', "alpha is given"),
    ('{"id": 1, "counts": [1, 2, 3], "model": "logistic"}', "model is given"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 5, "elo1": 5}', "lower one first"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": 1e308}', "elo1 1e+308"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": 9000}', "within"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": "0", "elo1": 5}', 'elo0 "0"'),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": [5]}', "elo1 [5]"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": 5, "alpha": 0}', "alpha 0"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": 5, "beta": 1.5}', "beta 1.5"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": 5, "alpha": true}', "alpha true"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": 5, "model": "wald"}', "'wald'; known"),
    ('{"id": 1, "counts": [1, 2, 3], "elo0": 0, "elo1": 5, "model": 3}', "model 3"),
    ('{"id": 1, "counts": [1,2,3,4,5], "elo0": 0, "elo1": 5, "model": "bayesian"}', "pairs it does not"),
    ('{"id": 1, "counts": [1, 2, 3], "elo": 5}', "unknown field 'elo'"),
    ('{"id": 1, "counts": [1, 2, 3], "counts": [3, 2, 1]}', "given twice"),
    ("[1, 2, 3]", "not a JSON object"),
    ("nonsense \x01", "line"),
    ("{" * 3000, "line"),
]


def test_hostile_lines_are_answered_by_name_and_end_nothing() -> None:
    lines = [line.encode() for line, _ in HOSTILE] + [b"\xff\xfe\x00", b" " * 3 + b"x" * (1 << 21)]
    last = b'{"id": "last", "counts": [3, 2, 1]}'
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "elo"],
        input=b"\n".join([*lines, b"", last]),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == b""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(lines) + 1
    for (line, wanted), answer in zip(HOSTILE, answers, strict=False):
        assert set(answer) == {"id", "error"}, line
        assert wanted in answer["error"], line
        assert len(answer["error"]) < 300
    assert answers[-1]["id"] == "last"
    assert answers[-1]["elo"] > 0
