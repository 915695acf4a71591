"""The card of a network says what its run holds, says what nobody knows, and makes nothing up."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_training import SMALL

from engine.cli.app import run as run_command
from engine.errors import UserError
from engine.export.folder import read_card
from engine.export.origin import Origin, find_origin, read_matches
from engine.game_run import read_config
from engine.run.birthplace import commit, machine
from engine.run.manifest import Manifest, manifest_paths
from engine.run.metrics import read_metrics

SHIPPED = sorted((Path(__file__).resolve().parents[2] / "games" / "data").glob("*_checkpoint"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two iterations, scored in the end."""
    path = tmp_path_factory.mktemp("runs") / "nim"
    words = [word for text in SMALL for word in ("--set", text)]
    words += [
        "--set",
        "truth.final_simulations=[0, 4]",
        "--set",
        "truth.max_share=1",
        "--set",
        "truth.positions=20",
    ]
    assert run_command(["train", "nim", "--run", str(path), "--iterations", "2", *words]) == 0
    return path


def card(player: Path | str, folder: Path, *words: str) -> str:
    assert run_command(["export", str(player), "--folder", str(folder), *words]) == 0
    return (folder / "README.md").read_text(encoding="utf-8")


def facts(page: str) -> dict[str, str]:
    rows = re.findall(r"^\| (.+?) \| (.*) \|$", page.partition("\n## ")[0], re.M)
    return {name: text for name, text in rows if name}


def test_the_card_is_what_the_run_holds(trained: Path, tmp_path: Path) -> None:
    page = card(trained, tmp_path / "folder")
    found = facts(page)
    manifest = Manifest.read(manifest_paths(trained)[0])
    last = read_metrics(trained / "metrics.jsonl")[-1]
    assert found["game"] == "`nim`"
    assert found["iterations"] == "2"
    assert found["minutes of training"] == f"{last['minutes']:.1f}"
    assert found["games played"] == f"{sum(shard.games for shard in manifest.shards):,}"
    assert found["positions learnt from"] == f"{sum(shard.positions for shard in manifest.shards):,}"
    assert found["gradient steps"] == f"{last['loss/steps']:,.0f}"
    assert found["hardware"] == machine()
    assert found["commit of selfplay"] == commit()
    assert "torch" in found["versions"]
    (settings,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert tomllib.loads(settings) == json.loads(json.dumps(read_config(trained).model_dump(mode="json")))
    assert "unknown" not in found["versions"]
    assert found["licence of the weights"].startswith("unknown")


def test_an_earlier_checkpoint_has_its_own_figures(trained: Path, tmp_path: Path) -> None:
    first = find_origin(trained / "checkpoints" / "000001")
    last = find_origin(trained / "checkpoints" / "000002")
    assert first.games is not None
    assert last.games is not None
    assert (first.iteration, last.iteration) == (1, 2)
    assert 0 < first.games < last.games
    assert {row["simulations"] for row in last.truth} == {0, 4}
    assert {row["network"] for row in last.truth} == {"trained", "untrained"}
    line = read_metrics(trained / "metrics.jsonl")[0]
    assert {row["mistakes"] for row in first.truth} == {
        value for tag, value in line.items() if tag.startswith("truth/") and "mistakes" in tag
    }
    assert "(a sample)" in card(trained / "checkpoints" / "000001", tmp_path / "folder")


def test_the_truth_table_is_that_of_the_end(trained: Path, tmp_path: Path) -> None:
    page = card(trained, tmp_path / "folder")
    kept = json.loads((trained / "truth.json").read_text())
    for name in ("trained", "untrained"):
        shares = [f"{100 * row['mistakes']:.1f}" for row in kept[name]]
        assert f"| {name} | {' | '.join(shares)} |" in page
    assert "| network alone | 4 simulations |" in page


def test_what_is_not_known_is_said(run_copy: Path, tmp_path: Path) -> None:
    """Of a checkpoint that was taken out of its run."""
    alone = Path(shutil.copytree(run_copy / "checkpoints" / "000003", tmp_path / "alone"))
    page = card(alone, tmp_path / "folder")
    found = facts(page)
    for name in ("minutes of training", "games played", "hardware", "versions", "commit of selfplay"):
        assert found[name] == "unknown", name
    assert "exact value is known: unknown." in page
    assert "Ratings: unknown." in page


def test_truth_is_measured_when_asked(tmp_path: Path) -> None:
    """On a game whose positions are few."""
    words = [word for text in SMALL for word in ("--set", text)]
    run = tmp_path / "nim"
    words += ["--iterations", "1", "--no-final", "--set", "truth.final_simulations=[0, 2]"]
    assert run_command(["train", "nim", "--run", str(run), "--set", "truth.positions=0", *words]) == 0
    assert not find_origin(run / "checkpoints" / "000001").truth
    page = card(run, tmp_path / "folder", "--score")
    assert "| network | network alone | 2 simulations |" in page
    rows = find_origin(tmp_path / "folder").truth
    assert {(row["network"], row["simulations"]) for row in rows} == {
        (name, count) for name in ("trained", "untrained") for count in (0, 2)
    }
    assert all(0 <= row["mistakes"] <= 1 and row["positions"] > 50 for row in rows)


def test_a_game_without_known_values_is_not_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for text in SMALL for word in ("--set", text)]
    run = tmp_path / "run"
    assert run_command(["train", "tictactoe", "--run", str(run), "--iterations", "1", *words]) == 0
    capsys.readouterr()
    assert run_command(["export", str(run), "--folder", str(tmp_path / "x"), "--score"]) == 2
    assert "no positions of known value" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_matches_that_were_played_stand_on_the_card(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["arena", "random", str(tiny_run), "--games", "8", "--sims", "4", "--json"]
    assert run_command(words) == 0
    text = capsys.readouterr().out
    (match,) = json.loads(text)["matches"]
    (tmp_path / "matches.json").write_text(text)
    page = card(tiny_run, tmp_path / "folder", "--matches", str(tmp_path / "matches.json"))
    results = f"{match['losses']}, {match['draws']}, {match['wins']}"
    assert f"| `random` | 4 | {results} |" in page
    assert "Ratings: unknown" not in page


MATCH = {
    "first": "A", "second": "B", "wins": 3, "draws": 2, "losses": 1, "elo": 100.0, "elo_low": -20.0,
    "elo_high": None,
}  # fmt: skip


def test_a_match_is_seen_from_this_players_side() -> None:
    document = {"game": "connect4", "simulations": 9, "matches": [MATCH, {**MATCH, "second": "C"}]}
    ours, theirs = (read_matches(document, name, "F")[0] for name in ("A", "B"))
    assert [ours[name] for name in ("wins", "draws", "losses", "elo_low", "elo_high")] == [3, 2, 1, -20, None]
    assert [theirs[name] for name in ("wins", "draws", "losses")] == [1, 2, 3]
    assert (theirs["elo"], theirs["elo_low"], theirs["elo_high"]) == (-100, None, 20)
    assert [match["opponent"] for match in read_matches(document, "A", "F")] == ["B", "C"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "is not what"),
        ({"matches": []}, "no match of 'A'"),
        ({"matches": [{"first": "A"}]}, "is not what"),
        ({"game": "x", "simulations": 1, "matches": [{**MATCH, "second": "A"}]}, "no match of 'A'"),
        ({"game": "x", "simulations": 1, "matches": [{**MATCH, "wins": "many"}]}, "is not what"),
        ({"matches": 3}, "is not what"),
    ],
)
def test_what_no_arena_has_printed_is_refused(document: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_matches(document, "A", "--matches 'F'")


def test_a_licence_is_what_whoever_exports_says(tiny_run: Path, tmp_path: Path) -> None:
    page = card(tiny_run, tmp_path / "folder", "--licence", "CC-BY-4.0")
    assert facts(page)["licence of the weights"] == "CC-BY-4.0"
    assert yaml.safe_load(page.split("---")[1])["license"] == "cc-by-4.0"
    assert facts(card(tmp_path / "folder", tmp_path / "again"))["licence of the weights"] == "CC-BY-4.0"


def test_hardware_is_told_where_the_run_does_not(
    trained: Path, run_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = Path(shutil.copytree(run_copy / "checkpoints" / "000003", tmp_path / "alone"))
    page = card(alone, tmp_path / "folder", "--hardware", "an abacus")
    assert facts(page)["hardware"] == "an abacus"
    for player, text, said in (
        (trained, "an abacus", machine()),
        (tmp_path / "folder", "a brain", "an abacus"),
        (alone, "two\nlines", "not a line"),
        (alone, " ", "not a line"),
    ):
        words = ["--folder", str(tmp_path / "x"), "--hardware", text]
        assert run_command(["export", str(player), *words]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_what_a_run_says_of_itself_cannot_break_the_page(run_copy: Path, tmp_path: Path) -> None:
    odd = replace(
        Origin(), machine="a|b\n## c`d", versions={"commit": "x | y", "torch": "1`2"},
        truth=[{"network": "trained", "set": "a|b", "simulations": 0, "positions": 3, "mistakes": 0.5}],
    )  # fmt: skip
    from engine.export.folder import write_folder

    page = write_folder(tmp_path / "odd", run_copy / "checkpoints" / "000003", odd).read_text()
    assert facts(page)["hardware"] == "a\\|b ## c'd"
    assert page.count("\n## ") == 3


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_the_card_of_a_network_that_comes_along_is_what_the_code_makes(folder: Path) -> None:
    assert len(SHIPPED) == 2
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page == read_card(folder)
    assert facts(page)["licence of the weights"] == "Apache-2.0"
    assert "| trained |" in page


def test_the_commands_of_a_card_run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = card(trained, tmp_path / "folder")
    commands = re.findall(r"^    selfplay (.+)$", page, re.M)
    assert [command.split()[0] for command in commands] == ["play", "arena", "train"]
    ends = {"play": [], "arena": ["--games", "2", "--sims", "2"], "train": ["--iterations", "1"]}
    small = [word for text in SMALL if "network" not in text for word in ("--set", text)]
    monkeypatch.chdir(tmp_path / "folder")
    for command in commands:
        words = shlex.split(command.replace("mcts:1000", "mcts:3"))
        monkeypatch.setattr("sys.stdin", io.StringIO("quit\n"))
        assert run_command(words + ends[words[0]] + (small if words[0] == "train" else [])) == 0, command
