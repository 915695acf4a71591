"""A network as ONNX: every game's gives what torch gives, in any batch; else nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_network import network_of

from engine import _core
from engine.cli.app import run as run_command
from engine.config import build_config
from engine.errors import UserError
from engine.evaluator.calibration import random_positions
from engine.evaluator.network import PolicyValueNetwork
from engine.export import onnx_graph
from engine.export.onnx_file import OnnxFile, make_onnx
from engine.export.onnx_parity import difference
from engine.registry import load_game

onnx = pytest.importorskip("onnx", reason="needs the extra `export`")
pytest.importorskip("onnxruntime", reason="needs the extra `export`")

OWN = Path(__file__).resolve().parents[1] / "fixtures" / "core" / "custom_connect4.py"

GAMES = [
    *("connect4", "tictactoe", "nim", "nim:heaps=2-3", "othello", "chess", "chess960:start=7", "gardner"),
    *("chess:history=3", "go:size=2", "go:size=5", "go:size=7x5", "go:size=9", "go:size=13", "go:size=19"),
    f"{OWN}:PythonConnect4",
]


def made(spec: str, seed: int = 1, **network: int) -> tuple[OnnxFile, _core.Game, PolicyValueNetwork]:
    game = load_game(spec)
    config = build_config({"game": spec, "network": {"channels": 8, "blocks": 2, **network}})
    net = network_of(game, seed, config.network)
    return make_onnx(game, config, net), game, net


@pytest.mark.parametrize("spec", GAMES)
def test_the_file_gives_what_torch_gives(spec: str) -> None:
    """Compared here once more, without the code that compares when the file is made."""
    import onnxruntime

    file, game, network = made(spec)
    session = onnxruntime.InferenceSession(file.data, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == ["policy_logits", "wdl", *(["owner", "score"] if game.has_score else [])]
    planes = random_positions(game, 9)
    for size in (1, 2, 9):
        found = dict(zip(names, session.run(None, {"planes": planes[:size]}), strict=True))
        with torch.inference_mode():
            told = network.predict(torch.from_numpy(planes[:size]))
        assert np.abs(found["policy_logits"] - told.policy.numpy()).max() < 1e-4
        assert np.abs(found["wdl"] - told.wdl.softmax(1).numpy()).max() < 1e-4
        if game.has_score:
            assert told.owner is not None
            assert told.score is not None
            _, height, width = game.planes_shape
            ours = told.owner.sigmoid().numpy().reshape(size, height, width)
            assert np.abs((found["owner"] + 1) / 2 - ours).max() < 1e-4
            points = told.score.numpy() * (height * width) ** 0.5
            assert found["score"].shape == (size,)
            assert np.abs(found["score"] - points).max() < 1e-4 * max(1, np.abs(points).max())
    assert max(file.parity.values()) < 1e-4
    assert file.batches == (1, 3, 60)
    assert found["policy_logits"].std() > 0.05, "a network that says something"


def test_a_deep_network_whose_numbers_are_large_is_as_good() -> None:
    """Its logits are in the hundreds, where float32 itself is no better than a few 1e-5."""
    file, _, _ = made("go:size=5", channels=64, blocks=12)
    assert max(file.parity.values()) < 1e-4


@pytest.mark.parametrize(
    ("name", "found", "expected", "told"),
    [
        ("wdl", [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], 0.0),
        ("wdl", [0.5, 0.3, 0.2], [0.4, 0.4, 0.2], 0.1),
        ("score", [30.0], [20.0], 0.5),
        ("owner", [-1.0, 0.5], [-1.0, 0.25], 0.25),
        ("policy_logits", [0.0, 0.5], [0.0, 0.0], 0.5),
        ("policy_logits", [1000.0, 1000.1], [1000.0, 1000.0], 0.02498),  # of a probability
        ("policy_logits", [1000.0, 500.0], [1000.0, 400.0], 0.1),
    ],
)
def test_how_far_two_outputs_are_apart(
    name: str, found: list[float], expected: list[float], told: float
) -> None:
    ours, theirs = (np.array([row], np.float32) for row in (found, expected))
    assert difference(name, ours, theirs) == pytest.approx(told, abs=1e-4)
    assert not difference(name, ours * np.float32(np.nan), theirs) <= 1e9


def test_the_file_says_what_it_is() -> None:
    file, game, _ = made("go:size=5,komi=2.5")
    model = onnx.load_from_string(file.data)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said == file.metadata
    assert (said["game"], said["rules"]) == ("go:size=5,komi=2.5", game.name)
    assert (json.loads(said["planes_shape"]), said["num_actions"]) == (list(game.planes_shape), "26")
    assert json.loads(said["action_names"])[-1] == "pass"
    assert json.loads(said["network"])["channels"] == 8
    assert {"selfplay", "torch"} <= json.loads(said["versions"]).keys()
    (planes,) = model.graph.input
    assert [axis.dim_param or axis.dim_value for axis in planes.type.tensor_type.shape.dim] == [
        "batch",
        *game.planes_shape,
    ]
    for output in model.graph.output:
        assert output.type.tensor_type.shape.dim[0].dim_param == "batch"
        assert f"output.{output.name}" in said
    assert made("go:size=5,komi=2.5")[0].data == file.data


@pytest.mark.parametrize("spec", ["chess", "gardner"])
def test_actions_that_are_called_by_the_position_have_no_names(spec: str) -> None:
    assert "action_names" not in made(spec)[0].metadata


def test_the_network_of_a_run_is_the_average_that_plays(tiny_run: Path, tmp_path: Path) -> None:
    import onnxruntime

    from engine.checkpoint import load_checkpoint

    path = tmp_path / "new" / "net.onnx"
    assert run_command(["export", str(tiny_run), "--onnx", str(path)]) == 0
    _, _, network = load_checkpoint(tiny_run)
    planes = random_positions(load_game("connect4"), 4)
    (logits,) = onnxruntime.InferenceSession(path.read_bytes()).run(["policy_logits"], {"planes": planes})
    with torch.inference_mode():
        assert np.abs(logits - network(torch.from_numpy(planes))[0].numpy()).max() < 1e-5
    assert [each.name for each in path.parent.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize("opset", [13, 21])
def test_an_opset_is_chosen(opset: int, tiny_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    assert run_command(["export", str(tiny_run), "--onnx", str(path), "--opset", str(opset)]) == 0
    assert [entry.version for entry in onnx.load(path).opset_import] == [opset]


def spoilt(kind: str) -> Callable[[PolicyValueNetwork], PolicyValueNetwork]:
    fold = onnx_graph.fold_norms

    def change(network: PolicyValueNetwork) -> PolicyValueNetwork:
        folded = fold(network)
        with torch.no_grad():
            if kind == "policy":
                folded.policy_out.bias[0] += 1e-3
            else:
                folded.value_out.bias[2] += 1e-2
        return folded

    return change


@pytest.mark.parametrize("kind", ["policy", "wdl"])
def test_a_file_that_differs_is_refused_and_nothing_is_left(
    kind: str,
    tiny_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(onnx_graph, "fold_norms", spoilt(kind))
    words = ["--onnx", str(tmp_path / "a" / "net.onnx"), "--folder", str(tmp_path / "b")]
    assert run_command(["export", str(tiny_run), *words]) == 2
    assert f"in '{kind}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float) -> None:
    game = load_game("tictactoe")
    config = build_config({"game": "tictactoe", "network": {"channels": 4, "blocks": 1}})
    network = network_of(game, 1, config.network)
    with torch.no_grad():
        network.value_out.bias[1] = value
    with pytest.raises(UserError, match=r"value_out\.bias is not finite"):
        make_onnx(game, config, network)


def test_a_network_of_another_game_is_refused() -> None:
    game, other = load_game("go:size=5"), load_game("go:size=7")
    config = build_config({"game": "go:size=5", "network": {"channels": 4, "blocks": 1}})
    with pytest.raises(UserError, match="use a checkpoint of go:size=7"):
        make_onnx(other, config, network_of(game, 1, config.network))


REFUSED: list[tuple[list[str], list[str]]] = [
    (["connect4:pretrained"], ["--onnx", "--folder"]),
    (["random", "--onnx", "x.onnx"], ["'random'", "no network"]),
    (["mcts:10", "--onnx", "x.onnx"], ["'mcts:10'", "no network"]),
    (["solver", "--folder", "x"], ["'solver'", "no network"]),
    (["nosuch", "--onnx", "x.onnx"], ["'nosuch'", "does not exist"]),
    (["chess:pretrained", "--onnx", "x.onnx"], ["'chess'", "brings no network"]),
    (["connect4:pretrained", "--onnx", "x.onnx", "--opset", "3"], ["--opset 3", "from 13"]),
    (["connect4:pretrained", "--onnx", "x.onnx", "--opset", "0"], ["--opset 0", "from 13"]),
    (["connect4:pretrained", "--folder", "x", "--opset", "17"], ["--opset 17", "--onnx"]),
    (["connect4:pretrained", "--onnx", ""], ["''", "--onnx"]),
    (["connect4:pretrained", "--onnx", "."], ["'.'", "directory"]),
    (["connect4:pretrained", "--onnx", "there.onnx"], ["there.onnx", "--force"]),
    (["connect4:pretrained", "--onnx", "there.onnx/x"], ["there.onnx"]),
    (["connect4:pretrained", "--onnx", "x.onnx", "--score"], ["--score", "--folder"]),
    (["connect4:pretrained", "--onnx", "x.onnx", "--licence", "MIT"], ["--licence", "--folder"]),
    (["connect4:pretrained", "--folder", "x", "--licence", "my own"], ["'my own'", "SPDX"]),
    (["connect4:pretrained", "--folder", "x", "--matches", "no.json"], ["no.json", "missing"]),
    (["connect4:pretrained", "--folder", "x", "--matches", "there.onnx"], ["there.onnx", "not JSON"]),
    (["there.onnx", "--folder", "x"], ["there.onnx", "not a checkpoint"]),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=lambda each: " ".join(each)[:60])
def test_wrong_use_is_refused_by_name_and_writes_nothing(
    words: list[str],
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").write_bytes(b"mine")
    assert run_command(["export", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in said), captured.err
    assert [each.name for each in tmp_path.iterdir()] == ["there.onnx"]
    assert Path("there.onnx").read_bytes() == b"mine"


def test_what_is_there_is_replaced_when_asked(tiny_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"mine")
    assert run_command(["export", str(tiny_run), "--onnx", str(path), "--force"]) == 0
    onnx.checker.check_model(onnx.load(path))


def test_the_document_has_the_measured_parity(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.onnx"
    assert run_command(["export", str(tiny_run), "--onnx", str(path), "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["checkpoint"].endswith("000003")
    told = document["onnx"]
    assert (told["path"], told["bytes"]) == (str(path), path.stat().st_size)
    assert told["parity"].keys() == {"policy_logits", "wdl"}
    assert all(0 <= value < 1e-4 for value in told["parity"].values())
    assert "data" not in told


def test_what_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.export.onnx_file.MODULES", ("onnx_of_nobody",))
    assert run_command(["export", "connect4:pretrained", "--onnx", "x.onnx"]) == 2
    assert "selfplay[export]" in capsys.readouterr().err
