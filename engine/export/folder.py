"""A player in a folder of its own, with the card of its network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from engine.checkpoint import MODEL
from engine.errors import UserError
from engine.export.card import card_text
from engine.export.origin import ORIGIN, Origin
from engine.run import storage
from engine.run.layout import CONFIG, STATE
from engine.run.manifest import digest_json, is_run, read_digest, read_sealed, write_sealed

CARD = "README.md"
FILES = frozenset({MODEL, STATE, CARD})
"""All that is written into an exported folder; a file of ONNX may have been put beside."""

_KEPT = ("iteration", "game", "planes_shape", "num_actions", "config", "learner")
"""Of a checkpoint's state; the rest is for going on with training."""


def check_target(path: Path, force: bool) -> None:
    """Raise UserError where a folder cannot be made at `path`, or something else stands there.

    With `force` an exported folder, and nothing else, is replaced.
    """
    whole = path.absolute()
    if any(is_run(above) and storage.exists(above / CONFIG) for above in (whole, *whole.parents)):
        raise UserError(f"--folder '{path}' is part of a run, which stays as it is; name another")
    if not storage.exists(path):
        return
    if Path.cwd().is_relative_to(os.path.realpath(path)):
        raise UserError(f"--folder '{path}' is where you are, which cannot be replaced; name another")
    if not storage.is_folder(path):
        raise UserError(f"--folder '{path}' is a file; name a directory")
    inside = {each.name for each in storage.list_folder(path) if each.suffix != ".onnx"}
    if not storage.list_folder(path):
        return
    if not inside <= FILES or STATE not in inside:
        other = min(inside - FILES, default=CARD)
        raise UserError(f"--folder '{path}' holds '{other}', which is no export's; name another")
    if not force:
        raise UserError(f"--folder '{path}' holds a network already; name another, or add --force")


def write_folder(path: Path, source: Path, origin: Origin) -> Path:
    """Write the network of the checkpoint in `source`, whole or not at all; the path of its card.

    Raise CorruptFileError where the checkpoint is damaged, UserError where the disk refuses.
    """
    state = read_sealed(source / STATE)
    weights = storage.read_checked(source / MODEL, read_digest(state["files"][MODEL]))
    path = Path(os.path.abspath(path))
    storage.make_folder(path.parent)
    temporary = path.with_name(path.name + storage.TEMPORARY)
    try:
        storage.remove(temporary)
        storage.make_folder(temporary)
        digest = storage.atomic_write(temporary / MODEL, weights)
        exported = _state(state, origin, {MODEL: digest_json(digest)})
        write_sealed(temporary / STATE, exported)
        storage.atomic_write(temporary / CARD, card_text(exported).encode())
        storage.publish_folder(temporary, path)
    except BaseException:
        storage.remove(temporary)
        raise
    return path / CARD


def read_card(path: Path) -> str:
    """The card that the state of an exported folder calls for."""
    state = read_sealed(path / STATE)
    if ORIGIN not in state:
        raise UserError(f"'{path}' is a checkpoint and no exported folder; export it with --folder")
    return card_text(state)


def _state(state: dict[str, Any], origin: Origin, files: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: state[name] for name in _KEPT if name in state},
        ORIGIN: origin.to_json(),
        "files": files,
    }
