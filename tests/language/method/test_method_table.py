"""The table of methods in the pages has a row for each, which says what the method is and does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.language.method.registry import METHODS, load_method

PAGE = Path(__file__).resolve().parents[3] / "engine" / "language" / "README.md"
HEAD = "| method | needs | costs | take it | papers |"


def table() -> list[str]:
    """The rows of the table."""
    return PAGE.read_text(encoding="utf-8").partition(HEAD)[2].split("\n\n")[0].splitlines()[2:]


def rows() -> dict[str, list[str]]:
    """The cells of each row by the method's name."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table()]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def test_the_table_has_the_methods_that_there_are() -> None:
    names = [line.split("|")[1].strip(" `") for line in table()]
    assert sorted(names) == sorted(METHODS), "a row for each method of registry.py"


@pytest.mark.parametrize("name", METHODS)
def test_a_row_says_what_it_needs_costs_and_is_for_and_its_papers(name: str) -> None:
    needs, costs, when, papers = rows()[name]
    assert needs
    assert costs
    assert when
    assert tuple(re.findall(r"\[([\d.]+)\]\(https://arxiv.org/abs/\1\)", papers)) == load_method(name).papers


@pytest.mark.parametrize("name", METHODS)
def test_samples_that_a_row_counts_are_those_of_the_method(name: str) -> None:
    costs = rows()[name][1]
    changes = load_method(name).changes
    for number, setting in ((r"(\d+) samples a problem", "samples"), (r"(\d+) simulations", "simulations")):
        if told := re.search(number, costs):
            usual = load_method(name).settings().model_fields["sample"].default
            assert int(told[1]) == changes.get("sample", {}).get(setting, getattr(usual, setting))
