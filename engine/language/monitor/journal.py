"""What guards did, or would have done, in each iteration: kept with the run, shown in its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine.language.monitor.guard import Changes


@dataclass(frozen=True)
class Entry:
    """Of one iteration; iteration 0 is the start of the run, where guards can only warn."""

    iteration: int
    acted: tuple[str, ...] = ()
    """What was done and why, a line each."""
    withheld: tuple[str, ...] = ()
    """What was called for and not done, a line each."""

    @classmethod
    def of(cls, iteration: int, changes: Changes) -> Entry:
        """What `respond` decided."""
        return cls(iteration, changes.reasons, changes.withheld)

    def to_json(self) -> dict[str, Any]:
        """`from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Entry:
        """The entry that `to_json` wrote."""
        return cls(int(data["iteration"]), tuple(map(str, data["acted"])), tuple(map(str, data["withheld"])))

    def lines(self) -> list[str]:
        """For the console."""
        return [
            *(f"guard: {line}" for line in self.acted),
            *(f"guard, not acting: {line}" for line in self.withheld),
        ]

    def markdown(self) -> str:
        """For TensorBoard."""
        return "\n".join(f"- {line}" for line in self.lines())

    def __bool__(self) -> bool:
        return bool(self.acted or self.withheld)


def entries(rows: Sequence[dict[str, Any]]) -> list[Entry]:
    """The journal of a run, as its newest checkpoint carries it."""
    return [Entry.from_json(row) for row in rows]
