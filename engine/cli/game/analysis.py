"""The command `analysis`: KataGo's protocol, called as programs call KataGo's own engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UserError

SIMULATIONS = 100
"""Where neither a query nor a config sets a limit."""


def analysis(
    model: Annotated[str, typer.Option("-model", metavar="PLAYER", help="whoever analyzes, as in analyze")],
    config: Annotated[
        Path | None, typer.Option("-config", help="a config file of KataGo's analysis engine")
    ] = None,
    override_config: Annotated[
        str, typer.Option("-override-config", metavar="KEY=VALUE,…", help="goes over it")
    ] = "",
    game: Annotated[str | None, typer.Option("--game", help="where PLAYER is no checkpoint")] = None,
    quit_without_waiting: Annotated[
        bool, typer.Option("-quit-without-waiting", help="end with the input, whatever is under way")
    ] = False,
) -> None:
    """Serve KataGo's analysis protocol to programs that start KataGo's engine themselves.

    The same as `analyze PLAYER --protocol katago`; of a config maxVisits, maxTime, analysisPVLen and
    reportAnalysisWinratesAs are used.
    """
    from engine.cli.game.analyze import serve_katago
    from engine.protocols.analysis.katago_config import parse_config, parse_overrides, read_defaults
    from engine.protocols.analysis.katago_query import Defaults

    values = parse_config(_read(config), f"'{config}'") if config is not None else {}
    values |= parse_overrides(override_config)
    defaults, unused = read_defaults(values, Defaults(SIMULATIONS))
    if unused:
        print(f"selfplay: without effect here: {', '.join(unused)[:1000]}", file=sys.stderr)
    print("Started, ready to begin handling requests", file=sys.stderr, flush=True)
    serve_katago(
        model, game, defaults, threads=1, waits_at_end=not quit_without_waiting,
        keeps_visits="maxVisits" in values,
    )  # fmt: skip


def _read(path: Path) -> str:
    from engine.protocols.analysis.katago_config import MAX_BYTES

    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UserError(f"'{path}' has more than {MAX_BYTES} bytes; give a config file of KataGo")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is no text; give a config file of KataGo") from error
