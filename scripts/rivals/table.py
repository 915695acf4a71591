"""Join our rows and the rivals': python scripts/rivals/table.py FOLDER [--json]"""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table


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
    return same and ours["metric"].split(" (")[0] == rival["metric"]


def main() -> None:
    ours, rivals = read_rows(Path(sys.argv[1]))
    if "--json" in sys.argv:
        print(json.dumps({"ours": ours, "rivals": rivals}))
        return
    names = sorted({row["rival"] for row in rivals})
    table = Table()
    words = ("game", "stage", "metric", "unit")
    for heading in (*words, "limit", "ours", "of limit", *names, "ours : best"):
        table.add_column(heading, justify="left" if heading in words else "right")
    for row in ours:
        alike = {rival["rival"]: rival["value"] for rival in rivals if measured_alike(row, rival)}
        share = "" if row["ratio"] is None else f"{row['ratio']:.1%}"
        best = f"{row['value'] / max(alike.values()):.1f}x" if alike else ""
        others = [number(alike.get(name)) for name in names]
        texts = [row[word] for word in words]
        cells = [*texts, number(row["ceiling"]), number(row["value"])]
        table.add_row(*cells, share, *others, best)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    main()
