"""Searches give the whole trees that are written down: visits, values and priors of every node."""

from __future__ import annotations

from typing import Any

import pytest
from golden_trees import CASES, FOLDER, measured, read


def close(value: Any) -> Any:
    return None if value is None else pytest.approx(value, abs=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_the_tree_is_the_one_written_down(name: str) -> None:
    golden, tree = read(name), measured(name)
    assert tree["best"] == golden["best"]
    assert tree["target"] == pytest.approx(golden["target"], abs=2e-5)
    assert [node["path"] for node in tree["nodes"]] == [node["path"] for node in golden["nodes"]]
    for node, written in zip(tree["nodes"], golden["nodes"], strict=True):
        expected = {key: written[key] for key in ("path", "player", "visits", "proof")}
        assert {key: node[key] for key in expected} == expected
        assert node["value"] == close(written["value"]), node["path"]
        assert node["raw"] == close(written["raw"]), node["path"]
        for edge, expected_edge in zip(node["edges"], written["edges"], strict=True):
            action, prior, visits, q = expected_edge
            assert edge == [action, close(prior), visits, close(q)], node["path"]


def test_every_tree_written_down_has_its_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(CASES)
