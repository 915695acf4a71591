"""Join our rows and the rivals': python scripts/rivals/table.py FOLDER [--json]"""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

RIVAL_GOALS = {
    ("connect4", "simulations_200", "OpenSpiel Python"): 28,
    ("connect4", "simulations_200", "pgx + mctx"): 5,
    ("connect4", "simulations_20000", "OpenSpiel Python"): 28,
    ("go:size=9", "simulations_800", "OpenSpiel Python"): 25,
    ("go:size=19", "simulations_800", "OpenSpiel Python"): 50,
    ("chess", "simulations_800", "OpenSpiel Python"): 24,
    ("chess", "perft_nodes", "Stockfish"): 2,
}
"""By game, name and rival: how many times its value ours shall be."""


def read_rows(folder: Path) -> tuple[list[dict], list[dict]]:
    rivals = [
        json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()
    ]
    return json.loads((folder / "ours.json").read_text()), rivals


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def measured_alike(ours: dict, rival: dict) -> bool:
    same = all(ours[key] == rival[key] for key in ("game", "stage"))
    return same and ours["name"].split(" (")[0] == rival["name"]


def rival_goal(ours: dict, rival: dict) -> float | None:
    """How many times the rival's value ours shall be."""
    return RIVAL_GOALS.get((ours["game"], ours["name"].split(" (")[0], rival["rival"]))


def judge(row: dict, rivals: list[dict]) -> tuple[str, str]:
    """(goals, met): the row's own and those against rivals."""
    goals = [] if row["goal"] is None else [(row["goal"], row["met"])]
    for rival in rivals:
        times = rival_goal(row, rival)
        if times is not None:
            goals.append((f"≥ {times:g}x {rival['rival']}", row["ours"] >= times * rival["value"]))
    return "; ".join(text for text, _ in goals), "; ".join("yes" if met else "no" for _, met in goals)


def main() -> None:
    ours, rivals = read_rows(Path(sys.argv[1]))
    if "--json" in sys.argv:
        print(json.dumps({"ours": ours, "rivals": rivals}))
        return
    names = sorted({row["rival"] for row in rivals})
    table = Table()
    words = ("game", "stage", "name", "backend", "unit")
    texts_last = ("goal", "met")
    for heading in (*words, "limit", "ours", "of limit", *names, "ours : best", *texts_last):
        is_text = heading in (*words, *texts_last)
        table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    for row in ours:
        beside = [rival for rival in rivals if measured_alike(row, rival)]
        alike = {rival["rival"]: rival["value"] for rival in beside}
        share = "" if row["ratio"] is None else f"{row['ratio']:.1%}"
        best = f"{row['ours'] / max(alike.values()):.1f}x" if alike else ""
        others = [number(alike.get(name)) for name in names]
        texts = [row[word] for word in words]
        cells = [*texts, number(row["ceiling"]), number(row["ours"])]
        table.add_row(*cells, share, *others, best, *judge(row, beside))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


if __name__ == "__main__":
    main()
