"""Commands about rules, in real processes."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clocks import holds_once

Run = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., list[dict[str, Any]]]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["perft", "conect4", "3"], ["'conect4'", "did you mean 'connect4'"]),
        (["rules", "connect4:size=9"], ["no option 'size'"]),
        (["perft", "connect4", "3", "--position", "18"], ["'18'", "column from 1 to 7"]),
        (["perft", "connect4", "3", "--position", "1111111"], ["column is full"]),
        (["perft", "connect4", "3", "--position", "é"], ["\\xe9", "ASCII"]),
        (["perft", "connect4", "three"], ["DEPTH", "'three'", "selfplay perft --help"]),
        (["perft", "connect4", "--", "-1"], ["DEPTH", "'-1'"]),
        (["check", "connect4", "--walks", "0"], ["--walks", "'0'"]),
        (["check", "connect4", "--wlaks", "3"], ["--wlaks", "--walks"]),
        (["perft", "connect4"], ["DEPTH"]),
        (["rulse", "connect4"], ["rulse", "rules"]),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    refused: Callable[..., str], words: list[str], wanted: list[str]
) -> None:
    line = refused(*words)
    for text in wanted:
        assert text in line


def test_debug_shows_the_traceback_wherever_it_stands(selfplay: Run) -> None:
    for words in (["--debug", "perft", "nosuch", "1"], ["perft", "nosuch", "1", "--debug"]):
        done = selfplay(*words)
        assert done.returncode != 0
        assert "Traceback" in done.stderr
        assert "UserError" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [("games",), ("--help",), ("perft", "connect4", "3", "--json")])
def test_what_cannot_be_printed_for_want_of_room_is_told(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "engine.cli", *words], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert (
        done.stderr
        == f"selfplay: error: {os.strerror(errno.ENOSPC)}: make room, or send what is printed elsewhere\n"
    )


def test_help_takes_little_more_than_the_option_parser() -> None:
    def seconds(*words: str) -> float:
        started = time.monotonic()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        return time.monotonic() - started

    def measure() -> None:
        # About three times as long; with PyTorch it would be twenty times.
        assert seconds("-m", "engine.cli", "--help") < 6 * seconds("-c", "import typer")

    holds_once(measure)


def test_a_command_about_rules_loads_no_heavy_module() -> None:
    heavy = ("torch", "numba", "openvino", "tensorboard", "pyarrow")
    probe = (
        "import sys; from engine.cli.app import run; code = run(['perft', 'connect4', '2']); "
        f"print(code, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_rules_tells_the_position(ask: Ask) -> None:
    requests = [{"id": 1}, {"id": "b", "position": "44", "moves": ["3"]}, {"id": 3, "position": "1212121"}]
    first, second, won = ask("rules", "connect4", requests=requests)
    drawing = ". . . . . . .\n" * 6 + "1 2 3 4 5 6 7\n"
    assert first == {
        "id": 1,
        "to_play": 0,
        "legal": list("1234567"),
        "terminal": False,
        "outcome": None,
        "position": "",
        "text": drawing,
    }
    assert second["id"] == "b"
    assert second["position"] == "443"
    assert second["to_play"] == 1
    assert (won["terminal"], won["outcome"], won["legal"]) == (True, 1, [])


def test_outcome_is_the_first_player_s_result(ask: Ask) -> None:
    full = "121212212121343434434343656565565656777777"
    requests = [{"position": position} for position in ("1212121", "71212121", full)]
    won, lost, drawn = ask("rules", "connect4", requests=requests)
    assert [won["outcome"], lost["outcome"], drawn["outcome"]] == [1, -1, 0]
    assert drawn["legal"] == []


PERFT = [1, 7, 49, 343, 2401, 16807, 117649, 823536, 5673234]
"""Move paths of Connect Four from the empty board."""


def test_perft_counts_are_exact(ask: Ask, selfplay: Run) -> None:
    answers = ask("rules", "connect4", requests=[{"perft": depth} for depth in range(8)])
    assert [answer["nodes"] for answer in answers] == PERFT[:8]
    document = json.loads(selfplay("perft", "connect4", "8", "--json").stdout)
    assert document["nodes"] == PERFT[8]
    assert sum(document["moves"].values()) == PERFT[8]
    full = selfplay("perft", "connect4", "1", "--position", "111111")
    assert full.stdout.startswith("2: 1\n")
    assert "nodes: 6 " in full.stdout


BAD_LINES: list[tuple[bytes, str]] = [
    (b"{bad", "not JSON"),
    (b"[1, 2]", "not a JSON object"),
    (b'{"id": 1, "perft": NaN}', "NaN is not JSON"),
    (b'{"id": 1, "moves": [], "moves": ["4"]}', '"moves" is given twice'),
    (b'{"id": 1e999}', "id Infinity is not finite"),
    (b'{"position": false}', "position false is not a string"),
    (b'{"moves": {}}', "moves must be a list"),
    (b"\xff\xfe", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b'{"id": "' + b"x" * (1 << 21) + b'"}', "longer than"),
    (b'{"id": 7, "position": "8"}', "'8'"),
    (b'{"id": 7, "position": 44}', "position 44 is not a string"),
    (b'{"id": 7, "position": "\\ud800"}', "ASCII"),
    (b'{"id": 7, "position": "4\\u0000"}', "ASCII"),
    (b'{"id": 7, "moves": 4}', "moves must be a list"),
    (b'{"id": 7, "moves": ["9"]}', "'9'"),
    (b'{"id": 7, "moves": [4]}', "move 4 is not a string"),
    (b'{"id": 7, "perft": -1}', "perft -1"),
    (b'{"id": 7, "perft": true}', "perft true"),
    (b'{"id": 7, "perft": 1e400}', "perft"),
    (b'{"id": 7, "postion": ""}', "did you mean 'position'"),
    (b'{"id": 7, "position": "' + b"4" * 100_000 + b'"}', "at most 42"),
]


def test_bad_lines_get_an_error_each_and_the_stream_goes_on(selfplay: Run) -> None:
    good = b'{"id": "good"}'
    stdin = b"\n".join(part for bad, _ in BAD_LINES for part in (bad, good, b""))
    answers = [json.loads(line) for line in selfplay("rules", "connect4", stdin=stdin).stdout.splitlines()]
    assert len(answers) == 2 * len(BAD_LINES)
    for (line, wanted), bad, after in zip(BAD_LINES, answers[::2], answers[1::2], strict=True):
        assert set(bad) == {"id", "error"}, line[:60]
        assert bad["id"] == (7 if b'"id": 7' in line else None)
        assert wanted in bad["error"]
        assert len(bad["error"]) < 400
        assert after["id"] == "good"
        assert "error" not in after


def test_each_answer_comes_before_the_next_question() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "engine.cli", "rules", "connect4"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        for number in range(3):
            service.stdin.write(b'{"id": %d}\n' % number)
            service.stdin.flush()
            assert json.loads(service.stdout.readline())["id"] == number
        service.stdin.close()
        assert service.wait(timeout=10) == 0


def test_games_lists_what_is_installed(selfplay: Run) -> None:
    rows = {row["name"]: row for row in json.loads(selfplay("games", "--json").stdout)["games"]}
    assert rows["connect4"]["actions"] == 7
    assert "connect4" in selfplay("games").stdout


BROKEN = """
from engine import _core

class Endless(_core.Connect4):
    max_plies = 10
"""


def test_check_passes_a_lawful_game_and_fails_a_broken_one(selfplay: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    assert json.loads(selfplay("check", "connect4", "--walks", "5", "--json").stdout)["broken"] is None
    done = selfplay("check", "broken:Endless", cwd=tmp_path)
    assert done.returncode == 1
    assert "breaks a law: a running game has plies left" in done.stderr


def test_solve_scores_every_column(ask: Ask) -> None:
    # 22 minus the four stones that X will have played.
    won, over, bad, full = ask(
        "solve",
        "connect4",
        requests=[
            {"id": 1, "position": "121212"},
            {"id": 2, "position": "1212121"},
            {"id": 3, "position": "18"},
            {"id": 4, "position": "444444153512767526", "moves": ["1"]},
        ],
    )
    assert (won["id"], won["score"], won["scores"][0]) == (1, 18, 18)
    assert max(won["scores"]) == 18
    assert "over" in over["error"]
    assert "'8'" in bad["error"]
    assert [column for column, score in enumerate(full["scores"]) if score is None] == [3]
    assert full["score"] == max(score for score in full["scores"] if score is not None)


def test_a_game_without_solver_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    assert "has no exact solver" in refused("solve", "broken:Endless", cwd=tmp_path)


TASK = """
from engine.language.task import Prompt, Task, VerifyResult, split_of

class Double(Task):
    name = "double"

    def prompts(self, split, count, seed):
        keys = [str(n) for n in range(2000) if split_of(str(n)) == split]
        return [Prompt(id=key, text=f"{key}*2=", key=key) for key in keys[:count]]

    def verify(self, prompt, completion):
        print("said while judging")
        return VerifyResult(float(completion == str(2 * int(prompt.key))), completion)

class Generous(Double):
    def verify(self, prompt, completion):
        return VerifyResult(2.0, completion)
"""


def test_check_judges_text_tasks_too(selfplay: Run, tmp_path: Path) -> None:
    (tmp_path / "mytask.py").write_text(TASK)
    done = selfplay("check", "mytask.py:Double", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert (document["task"], document["broken"]) == ("mytask.py:Double", None)
    assert document["verdicts"] > 100
    broken = selfplay("check", "mytask.py:Generous", cwd=tmp_path)
    assert broken.returncode == 1
    assert "breaks a law: a score is in [0, 1]" in broken.stderr
    assert "keeps the laws of a text task" in selfplay("check", "countdown").stdout


def test_of_a_game_and_a_task_with_one_name_check_takes_the_game_unless_asked(selfplay: Run) -> None:
    assert "random games" in selfplay("check", "nim", "--walks", "3").stdout
    assert "of a text task" in selfplay("check", "nim", "--task").stdout


def test_check_of_neither_game_nor_task_names_both_kinds(refused: Callable[..., str]) -> None:
    line = refused("check", "countdwn")
    assert "unknown game or task 'countdwn'; did you mean 'countdown'" in line
    assert "connect4" in line
