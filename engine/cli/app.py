"""`selfplay`: the console script. A user's mistake is one line on stderr and exit code 2."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Annotated, Any

import typer

from engine.cli import machine, settings
from engine.cli.game import (
    analysis,
    analyze,
    arena,
    elo,
    evaluate,
    export,
    gtp,
    play,
    record,
    replay,
    rules,
    train,
    uci,
)
from engine.cli.text import method as text
from engine.errors import InputError, UserError, describe_error, is_out_of_memory, place_of

app = typer.Typer(
    name="selfplay",
    help="Self-play with tree search: train, measure and play.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    train.train,
    arena.arena,
    elo.elo,
    play.play,
    analyze.analyze,
    analysis.analysis,
    gtp.gtp,
    uci.uci,
    replay.replay,
    export.export,
    rules.games,
    rules.rules,
    rules.solve,
    rules.perft,
    rules.check,
    settings.settings,
    record.record,
    machine.bench,
    machine.doctor,
):
    app.command()(command)
app.command("eval")(evaluate.evaluate)
app.add_typer(text.app)


@app.callback(invoke_without_command=True)
def selfplay(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Self-play with tree search: train, measure and play."""
    del debug  # read by run(), which accepts it anywhere on the line
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"selfplay {installed('selfplay')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line of this process and exit with its code."""
    _open_streams()
    code = run(sys.argv[1:])
    if code == 130 or sys.argv[1:2] in (["gtp"], ["uci"]):
        # Threads that still search, and libraries taken down one by one, would hold up an ordinary exit.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _open_streams() -> None:
    """Let what whoever started this has closed lead nowhere, lest a file of a run take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    encoding = sys.stderr.encoding if sys.stderr else "utf-8"
    raw = io.BufferedWriter(_Unheeded(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True)


class _Unheeded(io.FileIO):
    """A terminal that has gone or a full disk behind a log is no reason to end: what it refuses is lost."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return memoryview(data).nbytes


def run(arguments: list[str]) -> int:
    """Run one command; its exit code: 0, 2 for a user's mistake, 130 for Ctrl-C, 1 for a failure."""
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    try:
        code = app(args=words, prog_name="selfplay", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        return _unheard()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # the option parser has met it first
            return _unheard()
        if debug or not place_of(error):
            raise
        return _report(error)
    except Exception as error:
        if debug:
            raise
        return _report(error)


def _unheard() -> int:
    """Nobody reads on: the exit code of a broken pipe, with nothing left to flush into it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


_MEMORY_TEXT = (
    "memory is short: end other programs, raise a limit (ulimit -v, the container's), or ask for less "
    "(selfplay.games, loop.callers, learner.batch_size, network.channels, a smaller model)"
)


def _report(error: BaseException) -> int:
    """Print one line that says what was wrong; the exit code."""
    if isinstance(error, (UserError, InputError)):
        text, code = str(error), 2
    elif hasattr(error, "format_message"):
        text, code = _usage_text(error), 2
    elif is_out_of_memory(error):
        text, code = _MEMORY_TEXT, 2
    elif isinstance(error, OSError) and isinstance(error.filename, str | bytes | os.PathLike):
        text, code = f"'{os.fsdecode(error.filename)}': {error.strerror}; name another, or allow it", 2
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        text, code = f"{error.strerror}: make room, or send what is printed elsewhere", 2
    elif place_of(error):
        text, code = f"{describe_error(error)}; --debug shows more", 2
    else:
        text, code = f"{type(error).__name__}: {error}; --debug shows where", 1
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    with contextlib.suppress(BrokenPipeError):
        print(f"selfplay: error: {line}", file=sys.stderr)
    return code


def _usage_text(error: Any) -> str:
    """What the option parser says, with the bad value in it."""
    text = error.format_message().rstrip(".")
    details = getattr(error.__cause__, "errors", None)
    if details is not None:
        text += f", not {details()[0]['input']!r}"
    path = error.ctx.command_path if getattr(error, "ctx", None) else "selfplay"
    return f"{text}; see '{path} --help'"
