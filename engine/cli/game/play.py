"""The command `play`: a game in the terminal."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.game.move_list import move_columns, near_moves, order_moves
from engine.cli.option import PlayerArgument, ThreadsOption
from engine.errors import InputError, UserError

if TYPE_CHECKING:
    from engine._core import State
    from engine.player import Analysis, Player

HELP = "a move, or: show (what the player thinks), moves (all that are legal), undo, quit"

ROOM = 8
"""Columns for what is typed beside the moves."""


def play(
    player: PlayerArgument,
    first: Annotated[
        bool, typer.Option("--first/--second", help="who moves first: you, or the player")
    ] = True,
    sims: Annotated[int, typer.Option("--sims", min=1, max=10_000_000, help="of the player, per move")] = 400,
    show: Annotated[bool, typer.Option("--show", help="print what the player thinks at each move")] = False,
    position: Annotated[str, typer.Option("--position", help="to start from, in the game's notation")] = "",
    game: Annotated[str | None, typer.Option("--game", help="where PLAYER is no checkpoint")] = None,
    threads: ThreadsOption = 1,
) -> None:
    """Play against a player."""
    from engine.game.notation import read_position
    from engine.player import load_player
    from engine.player.name import served_limit
    from engine.registry import load_game

    served_limit(player, times=False)  # a terminal has no clock
    other = load_player(player, load_game(game) if game else None, sims, threads=threads)
    start = read_position(other.game, position)
    if start.outcome() is not None:
        raise UserError(f"--position '{position}': the game is over there; give one that runs")
    Table(other, start, 0 if first else 1, show).play()


class Table:
    """One game between a person and a player."""

    def __init__(self, player: Player, start: State, person: int, show: bool) -> None:
        self._player = player
        self._states = [start]
        self._person = person
        self._show = show
        self._is_listed = False  # the moves of this position, in columns

    @property
    def _state(self) -> State:
        return self._states[-1]

    def play(self) -> None:
        """Take turns until the game is over or the person leaves."""
        typer.echo(self._state.text())
        while self._state.outcome() is None:
            if self._state.player() != self._person:
                self._answer()
            elif not self._ask():
                typer.echo("bye")
                return
        outcome = self._state.outcome() or 0.0
        mine = outcome if self._state.player() == self._person else -outcome
        typer.echo("you win" if mine > 0 else "you lose" if mine < 0 else "a draw")

    def _answer(self) -> None:
        analysis = self._think()
        if self._show:
            typer.echo(describe(analysis))
        typer.echo(f"plays {analysis['best']}")
        self._move(analysis["best"])

    def _ask(self) -> bool:
        """One line of the person; False to leave."""
        try:
            text = input(self._prompt()).strip()
        except EOFError:
            typer.echo()
            return False
        if text in ("quit", "exit", "q"):
            return False
        if text == "undo":
            self._undo()
        elif text == "show":
            typer.echo(describe(self._think()))
        elif text == "moves":
            self._is_listed = False
        elif text in ("", "help", "?"):
            typer.echo(HELP)
        else:
            try:
                self._move(text)
            except InputError as error:
                near = " ".join(near_moves(text, self._moves()))
                typer.echo(f"{error}; {f'near it: {near}; ' if near else ''}{HELP}")
        return True

    def _moves(self) -> list[str]:
        return order_moves([self._state.action_text(action) for action in self._state.legal_actions()])

    def _prompt(self) -> str:
        """Asks for a move, with all that are legal: in columns where one line is too short for them."""
        moves, width = self._moves(), shutil.get_terminal_size().columns
        line = f"your move ({' '.join(moves)}): "
        if len(line) + ROOM <= width:
            return line
        if not self._is_listed:
            for row in move_columns(moves, width):
                typer.echo(row)
            self._is_listed = True
        return f"your move (one of {len(moves)}): "

    def _think(self) -> Analysis:
        return self._player.analyze([self._state])[0]

    def _move(self, text: str) -> None:
        action = self._state.parse_action(text)
        self._states.append(self._state.clone())
        self._is_listed = False
        self._state.play(action)
        typer.echo(self._state.text())

    def _undo(self) -> None:
        """Back to the person's move before."""
        earlier = [i for i, state in enumerate(self._states[:-1]) if state.player() == self._person]
        if not earlier:
            typer.echo("there is nothing to take back")
            return
        del self._states[earlier[-1] + 1 :]
        self._is_listed = False
        typer.echo(self._state.text())


def describe(analysis: Analysis) -> str:
    """Lines for a person: value, then moves by visits, then the line of play expected."""
    win, draw, loss = (100 * share for share in analysis["wdl"])
    lines = [
        f"{analysis['simulations']} simulations, value {analysis['value']:+.2f} for the player to move "
        f"(win {win:.0f} %, draw {draw:.0f} %, loss {loss:.0f} %)"
    ]
    moves = sorted(analysis["visits"], key=lambda move: -int(analysis["visits"][move]))
    lines += [
        f"  {move:>6}  visits {analysis['visits'][move]:>7}  prior {analysis['prior'][move]:.3f}"
        for move in moves[:10]
    ]
    lines.append("  line: " + " ".join(analysis["pv"]))
    return "\n".join(lines)
