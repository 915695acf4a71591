"""The command train: settings and their mistakes, in real processes."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["conect4"], ["unknown game 'conect4'", "did you mean 'connect4'"]),
        (["connect4", "--preset", "bigg"], ["no preset 'bigg'", "default"]),
        (
            ["connect4", "--set", "selfplay.simulatons=3"],
            ["'selfplay.simulatons'", "did you mean 'selfplay.simulations'"],
        ),
        (
            ["connect4", "--set", "selfplay.simulations=0"],
            ["'selfplay.simulations' = 0", "greater than or equal to 1"],
        ),
        (["connect4", "--set", "search.c_puct=nan"], ["'search.c_puct' = nan", "finite"]),
        (["connect4", "--set", "search.c_puct=inf"], ["'search.c_puct' = inf", "finite"]),
        (["connect4", "--set", "search.c_puct=strong"], ["'search.c_puct' = 'strong'"]),
        (["connect4", "--set", "seed=true"], ["'seed' = True", "true and false are for switches"]),
        (["connect4", "--set", "search.c_puct=false"], ["'search.c_puct' = False", "for switches"]),
        (["connect4", "--set", "truth.simulations=[0, true]"], ["'truth.simulations'", "for switches"]),
        (["connect4", "--set", f"seed={'1' * 5000}"], ["'seed' = 1111", "Exceeds the limit"]),
        (["connect4", "--set", f"seed={'1' * 4000}"], ["'seed' = 1111", "(4000 characters)"]),
        (["connect4", "--set", f"seed={'[' * 50_000}{']' * 50_000}"], ["'seed' = [[[", "nested too deep"]),
        (["connect4", "--set", f"seed={'[' * 200}{']' * 200}"], ["'seed' = [[[", "nested too deep"]),
        (["connect4", "--set", f"{'a.' * 5000}b=1"], ["section.key=value"]),
        (["connect4", "--set", "c_puct"], ["'c_puct'", "section.key=value"]),
        (["connect4", "--set", "nosection.x=1"], ["'nosection.x'", "sections: search"]),
        (["connect4", "--set", "search=3"], ["'search' = 3"]),
        (["connect4", "--set", 'game="chess"'], ["'game'", "'connect4'"]),
        (["connect4", "--set", "network.channels=99999999"], ["99999999", "4096"]),
        (["connect4", "--set", "network.channels=4096", "--set", "network.blocks=200"], ["more than"]),
        (
            ["connect4", "--set", "evaluator.precision=int8", "--set", "evaluator.backend=torch"],
            ["'int8' needs the OpenVINO backend"],
        ),
        (["go:rules=japanese"], ["agreement about dead stones"]),
        (["connect4", "--config", "nosuch.toml"], ["nosuch.toml"]),
        (["connect4", "--minutes", "nan"], ["--minutes nan"]),
        (["connect4", "--minutes", "-1"], ["--minutes -1"]),
        (["connect4", "--minutes", "0"], ["--minutes 0"]),
        (["connect4", "--minutes", "soon"], ["--minutes", "'soon'"]),
        (["connect4", "--iterations", "0"], ["--iterations", "'0'"]),
        (["connect4", "--minutes", "1", "--iterations", "1"], ["give one of them"]),
        (["connect4", "--resume"], ["--run DIR"]),
        (["connect4", "--resume", "--run", "nosuch"], ["'nosuch' is no run directory"]),
    ],
)
def test_a_bad_setting_is_refused_before_anything_is_made(
    refused: Callable[..., str], words: list[str], wanted: list[str], tmp_path: Path
) -> None:
    line = refused("train", *words, cwd=tmp_path)
    for text in wanted:
        assert text in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[search\n", ["not valid TOML"]),
        ("[search]\nc_puct = nan\n", ["'search.c_puct' = nan"]),
        ("[serch]\nc_puct = 1\n", ["'serch.c_puct'", "did you mean 'search.c_puct'"]),
        ("game = 'chess'\n", ["'game' = 'chess'", "'connect4'"]),
        ("\xff", ["not valid TOML"]),
        (f"seed = {'[' * 50_000}{']' * 50_000}", ["not valid TOML: nested too deep"]),
        (f"seed = {'1' * 5000}", ["not valid TOML: Exceeds the limit"]),
        ("seed = true", ["'seed' = True"]),
        (f"[{'a.' * 50_000}b]\nc = 1", ["not valid TOML: nested too deep"]),
        (f"# {'x' * (1 << 20)}", ["more than 1,048,576 bytes"]),
    ],
)
def test_a_bad_settings_file_is_refused(
    refused: Callable[..., str], text: str, wanted: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text.encode("latin-1"))
    line = refused("train", "connect4", "--config", str(path))
    for part in wanted:
        assert part in line


def test_a_directory_in_use_is_not_overwritten(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("mine")
    assert "holds a run already" in refused("train", "connect4", "--run", str(tmp_path))
    assert "is a file" in refused("train", "connect4", "--run", str(tmp_path / "config.toml"))
