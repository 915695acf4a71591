"""Where a network comes from, as far as its run tells: nothing is made up, and what nobody noted is None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.errors import CorruptFileError, UserError
from engine.run import storage
from engine.run.layout import METRICS, STATE
from engine.run.manifest import is_run, read_manifests, read_sealed
from engine.run.metrics import read_metrics
from engine.run.settings_file import read_content
from engine.truth.probe import kept_scores

ORIGIN = "origin"
"""In the state of an exported folder."""

_SHOWN = ("set", "simulations", "positions", "mistakes")


@dataclass(frozen=True)
class Origin:
    """What is known of how a network was made, and how good it is.

    minutes: of training, over all resumes. games, positions: played for it. versions: of the programs that
    began the run, this one's `commit` among them. machine: that began it. truth: a row a set, number of
    simulations and `network` (`trained` or `untrained`). matches: as `selfplay arena --json` tells them,
    `player` being this network. licence: of the weights, as whoever exported them says.
    """

    iteration: int | None = None
    steps: int | None = None
    minutes: float | None = None
    games: int | None = None
    positions: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    machine: str | None = None
    truth: list[dict[str, Any]] = field(default_factory=list)
    matches: list[dict[str, Any]] = field(default_factory=list)
    licence: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a plain object."""
        return asdict(self)

    def with_licence(self, licence: str | None) -> Origin:
        """With that of the weights, where one is given."""
        return self if licence is None else replace(self, licence=licence)

    def with_machine(self, text: str | None) -> Origin:
        """With the machine where the run tells of none; UserError where it does, or `text` is no line."""
        if text is None or text == self.machine:
            return self
        if self.machine is not None:
            raise UserError(f"--hardware '{text[:60]}': it was trained on {self.machine}; drop the option")
        if not text.isprintable() or not text.strip():
            raise UserError(f"--hardware {text[:60]!r} is not a line of text")
        return replace(self, machine=text)

    def with_truth(self, scores: Mapping[str, Sequence[Any]] | None) -> Origin:
        """With new scores, by network; nothing changes where there are none."""
        return replace(self, truth=_rows(scores)) if scores else self

    def with_matches(self, matches: Sequence[dict[str, Any]]) -> Origin:
        """With further matches."""
        return replace(self, matches=[*self.matches, *matches])


def find_origin(folder: Path) -> Origin:
    """What the state of a checkpoint, and the run that it lies in, tell of it.

    Raise CorruptFileError where the state is damaged.
    """
    state = read_sealed(folder / STATE)
    if isinstance(state.get(ORIGIN), dict):
        try:
            return Origin(**state[ORIGIN])
        except TypeError as error:
            raise CorruptFileError(f"'{folder / STATE}' tells of no origin: {error}") from error
    seconds = (state.get("progress") or {}).get("seconds")
    origin = Origin(
        iteration=state.get("iteration"),
        steps=(state.get("learner") or {}).get("step"),
        minutes=None if seconds is None else seconds / 60,
    )
    run = folder.absolute().parents[1]
    return _of_run(origin, run) if is_run(run) else origin


def _of_run(origin: Origin, run: Path) -> Origin:
    """With what the run's manifest, settings and metrics say of the checkpoint's iteration."""
    iteration = origin.iteration or 0
    try:
        begun = dict(read_content(run).get("versions", {}))
    except UserError:
        begun = {}
    begun.pop("format", None)
    machine = begun.pop("machine", None)
    played = _played(run, iteration)
    return replace(
        origin,
        games=played[0],
        positions=played[1],
        versions={name: str(version) for name, version in begun.items()},
        machine=machine,
        truth=_rows(kept_scores(run, iteration)) or _sampled(run, iteration),
    )


def _played(run: Path, iteration: int) -> tuple[int | None, int | None]:
    """Games and positions of all commits up to an iteration; unknown where no manifest is whole."""
    for manifest in read_manifests(run):
        if isinstance(manifest, CorruptFileError):
            continue
        shards = [each for each in manifest.shards if int(each.name.partition(".")[0]) <= iteration]
        return sum(each.games for each in shards), sum(each.positions for each in shards)
    return None, None


def _rows(scores: Mapping[str, Sequence[Any]] | None) -> list[dict[str, Any]]:
    return [
        {"network": name, **{key: getattr(score, key) for key in _SHOWN}}
        for name, found in (scores or {}).items()
        for score in found
    ]


def _sampled(run: Path, iteration: int) -> list[dict[str, Any]]:
    """What was measured on a sample of each set during the run, when this checkpoint was made."""
    path = run / METRICS
    if not storage.exists(path):
        return []
    lines = [line for line in read_metrics(path, lambda _: None) if line["iteration"] == iteration]
    rows = []
    for tag, value in (lines[-1] if lines else {}).items():
        group, _, rest = tag.partition("/")
        name, _, kind = rest.rpartition("/")
        simulations = kind.removeprefix("mistakes_")
        if group == "truth" and name and simulations.isdecimal() and isinstance(value, int | float):
            row = {"set": name, "simulations": int(simulations), "positions": None, "mistakes": value}
            rows.append({"network": "trained", **row})
    return rows


def read_matches(document: Any, player: str, where: str) -> list[dict[str, Any]]:
    """Matches of `player` in what `selfplay arena --json` has printed; UserError where there are none."""
    found = []
    try:
        for match in document["matches"]:
            sides = (match["first"], match["second"])
            if player not in sides or sides[0] == sides[1]:
                continue
            ours = sides.index(player)
            results = [int(match[name]) for name in ("wins", "draws", "losses")]
            wins, draws, losses = results if ours == 0 else results[::-1]
            found.append(
                {
                    "opponent": str(sides[1 - ours]),
                    "game": str(document["game"]),
                    "simulations": int(document["simulations"]),
                    "wins": wins,
                    "draws": draws,
                    "losses": losses,
                    **_elo(match, ours),
                }
            )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where} is not what 'selfplay arena --json' prints: {error!r}") from error
    if not found:
        raise UserError(f"{where} has no match of '{player}' against another; name it there as here")
    return found


def _elo(match: Mapping[str, Any], ours: int) -> dict[str, float | None]:
    """Elo difference and its 95 % interval, from our side; None is infinite."""
    elo, low, high = (match[name] for name in ("elo", "elo_low", "elo_high"))
    if ours == 1:
        elo, low, high = (None if value is None else -value for value in (elo, high, low))
    return {"elo": elo, "elo_low": low, "elo_high": high}
