"""RUN/config.toml: every value comes back as it was written, and what was written before is still read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Config, build_config
from engine.config.config import build_section
from engine.config.layer import MAX_TOML_BYTES
from engine.config.section import Section
from engine.errors import UserError
from engine.game_run import Run, read_config
from engine.language.settings import TextConfig
from engine.run.settings_file import toml_text

TEXTS = st.text() | st.sampled_from(
    ["", '"', "'''", '"""', "\\", "\n", "\r\n", "\t", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "𝄞"]
)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=12)


def exact(value: Any) -> Any:
    """A value in which 1, 1.0 and true, and 0.0 and -0.0, are not equal."""
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [exact(inner) for inner in value]
    return type(value), repr(value)


@given(st.dictionaries(TEXTS, VALUES))
def test_what_is_written_reads_back_equal(content: dict[str, Any]) -> None:
    assert exact(tomllib.loads(toml_text(content))) == exact(content)


@pytest.mark.parametrize(
    "value",
    [
        *(1e-05, 1e22, 5e-324, 1.7976931348623157e308, -0.0, 0.1, 2**63 - 1, -(10**40)),
        *([[1.0, 2], [], [[True]]], (1, (2.5,)), {}, {"a": {}}, [{"a": []}]),
    ],
)
def test_values_at_the_edge(value: Any) -> None:
    assert exact(tomllib.loads(toml_text({"a": value}))["a"]) == exact(value)


@pytest.mark.parametrize(
    "settings",
    [
        build_config({"game": "connect4"}),
        build_section(TextConfig, {"task": "addition", "method": "sft", "sample": {"band": [0.1, 1.0]}}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_all_settings_of_both_loops_come_back(settings: Section) -> None:
    content = settings.model_dump(mode="json")
    read = tomllib.loads(toml_text(content))
    assert exact(read) == exact(content)
    assert build_section(type(settings), read) == settings


def test_settings_come_back_from_a_run(tmp_path: Path) -> None:
    config = build_config(
        {"game": 'my.games:"Ünï"\\\n\x7f', "learner": {"weight_decay": 1e-7}, "seed": 2**63 - 1}
    )
    Run.create(tmp_path / "run", config).close()
    assert read_config(tmp_path / "run") == config
    versions = tomllib.loads((tmp_path / "run" / "config.toml").read_text())["versions"]
    assert versions["format"] == 1
    assert versions["torch"]


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'game = "my.games:\\"Ü\\"\\\\\\n\\u007f"\npreset = "default"\nseed = 9223372036854775807\n\n'
        "[learner]\nweight_decay = 1e-07\n\n[truth]\nfinal_simulations = [1, 16]\n\n"
        '[versions]\nformat = 1\npython = "3.11.2"\n'
    )
    assert read_config(tmp_path) == build_config(
        {
            "game": 'my.games:"Ü"\\\n\x7f',
            "seed": 2**63 - 1,
            "learner": {"weight_decay": 1e-7},
            "truth": {"final_simulations": (1, 16)},
        }
    )


def test_a_run_sealed_with_lines_of_another_look_is_the_same_run(tmp_path: Path) -> None:
    config = build_config({"game": "connect4", "truth": {"final_simulations": [1, 16]}})
    Run.create(tmp_path / "run", config).close()
    path = tmp_path / "run" / "config.toml"
    lines = path.read_text().replace("[\n    1,\n    16,\n]", "[1, 16]").replace(" = ", "=")
    assert "[1, 16]" in lines
    path.write_text(lines)
    assert read_config(tmp_path / "run") == config


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"game": "/runs/caf\udce9.py:Game"}, r'setting game = "/runs/caf\\udce9: text that UTF-8'),
        ({"game": "x" * MAX_TOML_BYTES}, r"bytes as TOML, over 1,048,576"),
    ],
)
def test_what_could_not_be_read_back_is_refused_by_name(
    settings: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=complaint):
        Run.create(tmp_path / "run", Config(**settings))
    assert not (tmp_path / "run" / "config.toml").exists()
