"""The command analysis: what programs say that start KataGo's engine by its own command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[..., list[dict[str, Any]]]
Run = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

QUERY = {
    "id": "a", "rules": "tromp-taylor", "komi": 7.5, "boardXSize": 9, "boardYSize": 9, "moves": [["B", "E5"]],
    "maxVisits": None,
}  # fmt: skip
PLAYER = ("-model", "mcts:40", "--game", "go:size=9")


def query(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**QUERY, **fields}.items() if value is not None}


def test_programs_start_it_as_they_start_katago(selfplay: Run, tmp_path: Path) -> None:
    config = tmp_path / "analysis.cfg"
    config.write_text(
        "# of a program\nmaxVisits = 12 # a few\n\nreportAnalysisWinratesAs = WHITE\nlogDir=x\n"
    )

    def root(*words: str) -> tuple[dict[str, Any], str]:
        done = selfplay("analysis", *PLAYER, *words, stdin=json.dumps(query()) + "\n")
        assert done.returncode == 0, done.stderr
        assert "Started, ready to begin handling requests" in done.stderr
        found: dict[str, Any] = json.loads(done.stdout)["rootInfo"]
        return found, done.stderr

    own, _ = root()
    configured, said = root("-config", str(config), "-override-config", "homeDataDir=/nowhere")
    overridden, _ = root(
        "-config", str(config), "-override-config", "maxVisits=12,reportAnalysisWinratesAs=BLACK"
    )
    assert (own["visits"], configured["visits"], overridden["visits"]) == (40, 12, 12)
    assert configured["winrate"] == pytest.approx(1 - overridden["winrate"])
    assert "without effect here: logDir, homeDataDir" in said


def test_the_end_of_the_input_ends_it(selfplay: Run) -> None:
    endless = json.dumps(query(maxVisits=2**50)) + "\n"
    done = selfplay("analysis", *PLAYER, "-quit-without-waiting", stdin=endless)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"maxVisits\n", "line 1 'maxVisits'"),
        (b"maxVisits = many\n", "maxVisits many"),
        (b"maxTime = -1\n", "maxTime -1"),
        (b"analysisPVLen = 0\n", "analysisPVLen 0"),
        (b"reportAnalysisWinratesAs = RED\n", "'RED'"),
        (b"\xff\xfe", "is no text"),
        (b"#" * (2 << 20), "has more than"),
        (None, "No such file"),
    ],
)
def test_a_bad_config_is_one_line(refused: Refused, tmp_path: Path, text: bytes | None, wanted: str) -> None:
    config = tmp_path / "analysis.cfg"
    if text is not None:
        config.write_bytes(text)
    assert wanted in refused("analysis", *PLAYER, "-config", str(config))
