"""metrics.jsonl is the record, TensorBoard a view of it."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.errors import UserError
from engine.run.metrics import (
    Metrics,
    cut_back,
    read_metrics,
    resident_mb,
)
from engine.run.tensorboard import GROUPS, shown_tag


def scalars(run: Path, tag: str) -> dict[int, float]:
    events = EventAccumulator(str(run / "tb"), size_guidance={"tensors": 0})
    events.Reload()
    return {e.step: float(e.tensor_proto.float_val[0]) for e in events.Tensors(shown_tag(tag))}


def test_a_line_an_iteration(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.write(1, {"loss": {"policy": np.float32(1.5), "value": 0.5}, "selfplay/games": np.int64(7)})
        metrics.write(2, {"loss/policy": 1.25, "truth/sets": ["easy"], "note": "text"})
    assert read_metrics(tmp_path / "metrics.jsonl") == [
        {"iteration": 1, "loss/policy": 1.5, "loss/value": 0.5, "selfplay/games": 7},
        {"iteration": 2, "loss/policy": 1.25, "truth/sets": ["easy"], "note": "text"},
    ]
    assert scalars(tmp_path, "loss/policy") == {1: 1.5, 2: 1.25}
    assert scalars(tmp_path, "selfplay/games") == {1: 7}


def test_a_line_is_on_disk_at_once(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, tensorboard=False)
    metrics.write(1, {"loss/policy": 1.0})
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 1
    metrics.close()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, np.float32("nan"), np.array([1.0, np.nan])])
def test_what_is_not_finite_is_null(tmp_path: Path, bad: float) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.write(1, {"loss/policy": bad, "loss/value": 1.0})
    (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    value = json.loads(line, parse_constant=lambda name: pytest.fail(name))["loss/policy"]
    assert value in (None, [1.0, None])
    with pytest.raises(KeyError):
        scalars(tmp_path, "loss/policy")


def test_resume_cuts_back(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        for iteration in (1, 2, 3):
            metrics.write(iteration, {"loss/policy": float(iteration)})
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"iteration": 4, "loss/po')
    with Metrics(tmp_path, iteration=2) as metrics:
        metrics.write(3, {"loss/policy": 30.0})
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [(line["iteration"], line["loss/policy"]) for line in lines] == [(1, 1), (2, 2), (3, 30)]
    assert scalars(tmp_path, "loss/policy") == {1: 1, 2: 2, 3: 30}


@pytest.mark.parametrize(
    "torn",
    [b'{"iteration": 2', b'{"iteration": 2}', b"\0\0\0\n", b"[]\n", b'{"loss": 1}\n', b"[" * 50_000 + b"\n"],
)
def test_a_torn_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"iteration": 1}\n' + torn)
    cut_back(path, 5)
    assert path.read_bytes() == b'{"iteration": 1}\n'


def lines(*iterations: int) -> list[bytes]:
    return [b'{"iteration": %d, "loss/policy": 1.5}\n' % iteration for iteration in iterations]


def numbers(path: Path) -> list[int]:
    return [line["iteration"] for line in read_metrics(path, lambda _: None)]


def test_reading_names_the_bad_line_and_passes_over_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"iteration": 1}\nnonsense\n{"iteration": 3}\n{"iterat')
    assert numbers(path) == [1, 3]
    read_metrics(path)
    assert capsys.readouterr().err == f"warning: '{path}', line 2: damaged, passed over\n"


@pytest.mark.parametrize("limit", [5, 4])
def test_one_damaged_byte_costs_its_own_line(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = lines(1, 2, 3, 4, 5)
    for place in range(len(b"".join(whole[:-1]))):
        for bit in range(8):
            data = bytearray(b"".join(whole))
            data[place] ^= 1 << bit
            path.write_bytes(data)
            told: list[str] = []
            cut_back(path, limit, told.append)
            kept = path.read_bytes()
            assert data.startswith(kept)
            own = place // len(whole[0])
            for number, line in enumerate(whole[:limit]):
                beside = data[place] == 10 or whole[own][place % len(whole[0])] == 10  # an end of line
                if abs(number - own) > beside:
                    assert line in kept, (place, bit, number)
            found = numbers(path)
            assert found == sorted(set(found))
            assert len(found) >= limit - 2
            if limit == 5:
                assert kept == data, (place, bit)
                assert (len(told) == 1) == (len(found) < limit), (place, bit, told)


def test_a_number_out_of_order_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for damaged in (7, 0):
        path.write_bytes(b"".join(lines(1, 2, damaged, 4, 5, 6)))
        told: list[str] = []
        cut_back(path, 6, told.append)
        assert path.read_bytes().count(b"\n") == 6
        assert told == [f"'{path}', line 3: damaged, passed over"]
        assert numbers(path) == [1, 2, 4, 5, 6]


def test_damage_before_what_is_cut_off_stays(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    one, _, three, four, _ = lines(1, 2, 3, 4, 5)
    path.write_bytes(one + b"?\n" + b"?\n" + four)
    cut_back(path, 2, lambda _: None)
    assert path.read_bytes() == one + b"?\n"
    path.write_bytes(one + b"?\n" + three + b"{")
    cut_back(path, 3, lambda _: None)
    assert path.read_bytes() == one + b"?\n" + three


def test_without_tensorboard_the_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tb").write_text("a file where the folder should be")
    with Metrics(tmp_path) as metrics:
        metrics.write(1, {"loss/policy": 1.0})
        metrics.text(1, "selfplay/sample", "4 4")
        metrics.write(2, {"loss/policy": 1.0})
    assert capsys.readouterr().err.count("warning: TensorBoard is off") == 1
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 2


def test_a_full_disk_under_tensorboard_warns_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(tmp_path)
    assert metrics._events is not None
    metrics._events.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        metrics._events._file = metrics._events._records._writer = full
        for iteration in (1, 2):
            metrics.write(iteration, {"loss/policy": 1.0})
    metrics.close()
    assert capsys.readouterr().err.count("No space left") == 1


def test_an_unwritable_run_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(UserError, match=r"metrics.jsonl.*free space"):
        Metrics(tmp_path)


def test_tensorboard_is_imported_only_when_used() -> None:
    code = "import engine.run.metrics, sys; sys.exit('tensorboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_groups_are_described() -> None:
    import engine.run.metrics

    described = [line.split("/")[0].strip() for line in (engine.run.metrics.__doc__ or "").splitlines()]
    assert [name for name in described if name in GROUPS] == list(GROUPS)


def test_tensorboard_shows_a_handful_of_sections_in_order(tmp_path: Path) -> None:
    with Metrics(tmp_path) as metrics:
        metrics.write(1, {f"{group}/x": 1.0 for group in GROUPS})
    tags = EventAccumulator(str(tmp_path / "tb")).Reload().Tags()["tensors"]
    sections = sorted({tag.partition("/")[0] for tag in tags})
    assert [name.split()[1] for name in sections] == [
        "result", "learning", "data", "strength", "diversity", "drift", "games", "speed", "alarms", "time",
        "replay", "machine",
    ]  # fmt: skip
    assert shown_tag("loss/total") == "1 learning/loss/total"
    assert shown_tag("loss/steps") == "1 learning/optimizer/steps"
    assert shown_tag("hacking/gold") == "0 result/gold"
    assert shown_tag("unknown/x") == "unknown/x"


def test_memory_is_that_of_this_process() -> None:
    before = resident_mb()
    block = np.ones(64 * 1024 * 1024, np.uint8)
    assert 48 < resident_mb() - before < 96
    assert block.all()
