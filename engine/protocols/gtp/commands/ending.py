"""Commands about the end of a game: scores, dead stones, rules of counting."""

from __future__ import annotations

from collections.abc import Sequence

from engine.game import inquiry
from engine.player.thinking import Restriction
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.commands.play import has_board
from engine.protocols.gtp.life import Status, is_sound, string_status
from engine.protocols.gtp.request import GtpError, one_argument
from engine.protocols.gtp.session import Session

COMMANDS = Commands()

_RULES = {"new_zealand": "new-zealand"}
"""Names of rule sets that the server writes in another way."""


@COMMANDS.command("final_score", "the result, or what it would be by now, such as B+3.5, W+1 or 0")
def final_score(session: Session, arguments: Sequence[str]) -> str:
    """By the rules: where players agree about dead stones, and before the end, those are taken off first.

    Area rules count the board as it stands once two passes have ended the game.
    """
    del arguments
    if not has_board(session):
        return _plain_score(session)
    board, state = session.board(), session.state
    is_counted = session.history.passes == 2 and not board.counts_dead
    dead = [] if is_counted else string_status(session).points(Status.DEAD)
    return score_text(board.score(state, dead) + session.history.offset)


def _plain_score(session: Session) -> str:
    state = session.state
    outcome, found = state.outcome(), state.score()
    if outcome is None and found is None:
        raise GtpError("cannot score: the game is not over")
    lead = float(found[0]) if found is not None else float(outcome or 0)
    ahead = state.player() if lead > 0 else 1 - state.player()
    return score_text(abs(lead) * (1 if session.colors[ahead] == "black" else -1))


def score_text(score: float) -> str:
    """Black's points less white's as the protocol writes them."""
    return "0" if score == 0 else f"{'B' if score > 0 else 'W'}+{abs(score):g}"


@COMMANDS.command("final_status_list", "alive | dead | seki: stones that are so, a string a line", has_board)
def final_status_list(session: Session, arguments: Sequence[str]) -> str:
    """By who will own the points, which the network foretells or random games find."""
    name = one_argument(arguments, "alive, dead or seki").lower()
    if name not in ("alive", "dead", "seki"):
        raise GtpError("invalid status")
    found = string_status(session)
    return "\n".join(" ".join(points) for points in found.strings[Status(name)])


@COMMANDS.command("kgs-genmove_cleanup", "COLOR: a move that takes dead stones, or a pass", has_board)
def genmove_cleanup(session: Session, arguments: Sequence[str]) -> str:
    """The move; a pass where no dead stone of the other is left."""
    player = session.player_of(one_argument(arguments, "a color"))
    actions = _cleaning(session, player)
    if not actions:
        session.play(player, "pass")
        return "pass"
    choice = session.choose(player, [Restriction(player, frozenset(actions), allowed=True)])
    session.commit(choice)
    return choice.text


def _cleaning(session: Session, player: int) -> set[int]:
    """Legal moves on liberties of the other's dead strings that do not give the stone away."""
    state, _ = session.facing(player)
    board = session.board()
    dead = set(string_status(session).points(Status.DEAD))
    points = {
        liberty
        for owner, string, liberties in board.strings(state)
        if owner != player and string[0] in dead
        for liberty in liberties
    }
    legal = {state.action_text(action): action for action in state.legal_actions()}
    return {legal[point] for point in points if point in legal and is_sound(board, state, legal[point])}


@COMMANDS.command("kgs-rules", "japanese | chinese | aga | new_zealand: play by these rules", has_board)
def kgs_rules(session: Session, arguments: Sequence[str]) -> str:
    """The game under way goes on by them."""
    name = one_argument(arguments, "the name of a rule set").lower()
    session.use(inquiry.with_rule_set(session.game, _RULES.get(name, name)))
    return ""


@COMMANDS.command("scoring_system", "area | territory: count so", has_board)
def scoring_system(session: Session, arguments: Sequence[str]) -> str:
    """The other rules stay."""
    name = one_argument(arguments, "area or territory").lower()
    if name not in ("area", "territory"):
        raise GtpError("give area or territory")
    session.use(inquiry.with_rule_set(session.game, {"scoring": name.upper()}))
    return ""
