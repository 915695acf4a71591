"""Rules as KataGo writes them, where the game has others than its own."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.game import inquiry
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.session import Session

COMMANDS = Commands()


def _has_others(session: Session) -> bool:
    return inquiry.rule_set(session.game) is not None


@COMMANDS.command("kata-get-rules", "the rules in use, as JSON", _has_others)
def get_rules(session: Session, arguments: Sequence[str]) -> str:
    """By the names of their parts."""
    del arguments
    return json.dumps(inquiry.rule_set(session.game), separators=(",", ":"), sort_keys=True)


@COMMANDS.command("kata-set-rules", "RULES: play on by these, a name or JSON", _has_others)
def set_rules(session: Session, arguments: Sequence[str]) -> str:
    """The moves so far must be legal under them."""
    if not arguments:
        raise GtpError("give rules, a name such as chinese or a JSON object")
    session.use(inquiry.with_rule_set(session.game, " ".join(arguments)))
    return ""


@COMMANDS.command("kata-set-rule", "PART VALUE: the same with one part changed", _has_others)
def set_rule(session: Session, arguments: Sequence[str]) -> str:
    """The other parts stay."""
    if len(arguments) != 2:
        raise GtpError("give a part of the rules and its value, such as ko SIMPLE")
    session.use(inquiry.with_rule_set(session.game, {arguments[0]: arguments[1]}))
    return ""
