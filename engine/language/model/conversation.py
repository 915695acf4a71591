"""Conversations as one text and back: `system: …`, `user: …`, a blank line between them, `assistant:`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

ROLES = ("system", "user", "assistant")

_HEAD = re.compile(rf"(?:^|(?<=\n\n))({'|'.join(ROLES)}): ")
_END = "\n\nassistant:"


def conversation_text(messages: object) -> str:
    """The text of a list of `{"role", "content"}`: of one message of a user its content, else all of it.

    Raises ValueError for what is none, or would not come back as it was.
    """
    if not isinstance(messages, list) or not messages:
        raise ValueError("give a list of messages, each with role and content")
    pairs = [_pair(message) for message in messages]
    if pairs[-1][0] != "user":
        raise ValueError(f"the last message is of the {pairs[-1][0]}; end with the user's")
    if len(pairs) == 1:
        return pairs[0][1]
    text = "\n\n".join(f"{role}: {content}" for role, content in pairs) + _END
    if [(each["role"], each["content"]) for each in conversation(text) or ()] != pairs:
        raise ValueError("a message holds a line such as 'user: ' after an empty one; take it out")
    return text


def conversation(text: str) -> list[dict[str, str]] | None:
    """The messages that a text with more than one was made of; None for any other text."""
    if not text.endswith(_END):
        return None
    body = text.removesuffix(_END)
    heads = list(_HEAD.finditer(body))
    if len(heads) < 2 or heads[0].start():
        return None
    ends = [head.start() - 2 for head in heads[1:]] + [len(body)]
    return [
        {"role": head[1], "content": body[head.end() : end]} for head, end in zip(heads, ends, strict=True)
    ]


def completion_text(messages: object) -> str:
    """The content of the one message of the assistant; ValueError for anything else."""
    if not isinstance(messages, list) or len(messages) != 1 or _pair(messages[0])[0] != "assistant":
        raise ValueError("give one message of the assistant, or text")
    return _pair(messages[0])[1]


def _pair(message: object) -> tuple[str, str]:
    if not isinstance(message, dict) or not {"role", "content"} <= set(message):
        raise ValueError("give each message a role and content")
    role, content = message["role"], message["content"]
    role = "system" if role == "developer" else role
    if role not in ROLES:
        raise ValueError(f"role {str(role)[:40]!r} is not read; give {', '.join(ROLES)}")
    return role, content if isinstance(content, str) else _parts_text(content)


def _parts_text(parts: Any) -> str:
    """The text of a content in parts."""
    if not isinstance(parts, Sequence) or not all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        for part in parts
    ):
        raise ValueError("content is text, or parts of type text")
    return "".join(part["text"] for part in parts)
