"""The command `export`: a network handed on, as ONNX or as a folder with its card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import JsonOption
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.export.onnx_file import OnnxFile
    from engine.export.origin import Origin

LICENCE = r"[A-Za-z0-9][A-Za-z0-9.+-]{0,59}"
"""An identifier of SPDX."""


def export(
    player: Annotated[
        str,
        typer.Argument(metavar="PLAYER", help="a run, a checkpoint, an exported folder or GAME:pretrained"),
    ],
    onnx: Annotated[
        str | None, typer.Option("--onnx", metavar="F", help="write a file of ONNX, checked against torch")
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option("--folder", metavar="DIR", help="write weights, settings and card; DIR is a PLAYER"),
    ] = None,
    opset: Annotated[
        int | None, typer.Option("--opset", metavar="N", help="of the ONNX file [17]", show_default=False)
    ] = None,
    score: Annotated[
        bool,
        typer.Option("--score", help="measure mistakes for the card, on positions of known value"),
    ] = False,
    matches: Annotated[
        str | None,
        typer.Option("--matches", metavar="F.json", help="for the card: what 'arena PLAYER … --json' says"),
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="SPDX", help="of the weights, for the card")
    ] = None,
    hardware: Annotated[
        str | None, typer.Option("--hardware", metavar="TEXT", help="for the card, where the run tells none")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="replace an earlier export")] = False,
    json: JsonOption = False,
) -> None:
    """Hand a network on: the weights that play.

    ONNX: planes to prior logits and probabilities of win, draw and loss, any number of positions at a time;
    it is written once ONNX Runtime has given what torch gives. A folder is a player like any other, and what
    train --init goes on from.
    """
    _check_options(onnx, folder, opset, {"--score": score, "--matches": matches, "--hardware": hardware})
    if licence is not None:
        _check_licence(licence, folder)
    from engine.checkpoint import find_checkpoint
    from engine.evaluator.evaluator import check_fit
    from engine.export.folder import check_target
    from engine.export.onnx_file import require_onnx
    from engine.registry import load_game

    if onnx is not None:
        require_onnx()
        _check_file(Path(onnx), force)
    if folder is not None:
        check_target(Path(folder), force)
    source, (spec, config, network) = find_checkpoint(_path_of(player))
    game = load_game(spec)
    check_fit(game, network)
    document: dict[str, Any] = {"player": player, "game": spec, "checkpoint": str(source)}
    if folder is not None:
        origin = _origin(player, source, score, matches).with_licence(licence).with_machine(hardware)
    if onnx is not None:
        from engine.export.onnx_file import OPSET, make_onnx

        made = make_onnx(game, config, network, OPSET if opset is None else opset)
    if folder is not None:
        from engine.export.folder import write_folder

        card = write_folder(Path(folder), source, origin)
        document["folder"] = {"path": folder, "card": str(card), "origin": origin.to_json()}
    if onnx is not None:
        made.write(Path(onnx))
        document["onnx"] = {"path": onnx, **_describe(made)}
    if json:
        print_json(document)
    else:
        _print(document)


def _check_options(
    onnx: str | None,
    folder: str | None,
    opset: int | None,
    for_card: Mapping[str, object],
) -> None:
    if onnx is None and folder is None:
        raise UserError("export: nothing to write; give --onnx F, --folder DIR or both")
    if onnx == "" or folder == "":
        raise UserError("export: '' names no file; give --onnx a file, or --folder a directory")
    if onnx is not None and folder is not None and Path(folder).absolute() == Path(onnx).absolute():
        raise UserError(f"--onnx and --folder are both '{onnx}'; name two")
    if opset is not None and onnx is None:
        raise UserError(f"--opset {opset} is of the ONNX file; give --onnx F")
    for name, given in for_card.items():
        if given not in (None, False) and folder is None:
            raise UserError(f"{name} is for the card; give --folder DIR")


def _check_licence(licence: str, folder: str | None) -> None:
    import re

    if folder is None:
        raise UserError(f"--licence '{licence[:60]}' is for the card; give --folder DIR")
    if not re.fullmatch(LICENCE, licence):
        raise UserError(f"--licence '{licence[:60]}' is no identifier of SPDX, such as Apache-2.0")


def _check_file(path: Path, force: bool) -> None:
    from engine.run import storage

    if storage.is_folder(path):
        raise UserError(f"--onnx '{path}' is a directory; name a file")
    if storage.exists(path) and not force:
        raise UserError(f"--onnx '{path}' is there already; name another file, or replace it with --force")


def _path_of(player: str) -> Path:
    from engine.player.name import checkpoint_path, is_checkpoint

    if not is_checkpoint(player):
        raise UserError(
            f"player '{player}' has no network to export; give a run, a checkpoint or GAME:pretrained"
        )
    return checkpoint_path(player)


def _origin(player: str, source: Path, score: bool, matches: str | None) -> Origin:
    from engine.export.origin import find_origin, read_matches

    origin = find_origin(source)
    if matches is not None:
        where = f"--matches '{matches}'"
        origin = origin.with_matches(read_matches(_read_json(matches, where), player, where))
    return origin.with_truth(_score(source)) if score else origin


def _score(source: Path) -> Any:
    from engine.checkpoint import load_network
    from engine.cli.progress import Reporter
    from engine.registry import load_game
    from engine.truth.probe import TruthProbe

    spec, config, network = load_network(source)
    game = load_game(spec)
    probe = TruthProbe(game, config)
    if not probe.sets:
        raise UserError(f"--score: game '{game.name}' brings no positions of known value; drop it")
    reporter = Reporter(quiet=True)
    try:
        return probe.score(network, reporter.phase)
    finally:
        reporter.close()


def _read_json(path: str, where: str) -> Any:
    import json

    from engine.run import storage

    try:
        return json.loads(storage.read_checked(Path(path), max_bytes=1 << 28))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON: {error}") from error


def _describe(made: OnnxFile) -> dict[str, Any]:
    facts = {name: value for name, value in vars(made).items() if name != "data"}
    return {**facts, "bytes": len(made.data), "sha256": hashlib.sha256(made.data).hexdigest()}


def _print(document: dict[str, Any]) -> None:
    onnx, folder = document.get("onnx"), document.get("folder")
    if onnx:
        parts = ", ".join(f"{name} {value:.1g}" for name, value in onnx["parity"].items())
        batches = ", ".join(map(str, onnx["batches"]))
        typer.echo(
            f"{onnx['path']}: {onnx['bytes']:,} bytes, opset {onnx['opset']}; differences from torch, "
            f"at most, on {onnx['positions']} positions in batches of {batches}: {parts}"
        )
    if folder:
        typer.echo(f"{folder['path']}: weights, settings and card; selfplay play {folder['path']}")
