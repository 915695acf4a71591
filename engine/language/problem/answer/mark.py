"""Marks of an answer in JSON and other tongues, rewritten as `answer:`; what is struck out goes."""

from __future__ import annotations

import re

_REWRITES = [
    (re.compile(pattern, re.IGNORECASE), new)
    for pattern, new in (
        (r"<(s|del|strike)>[^<>]*</\1>|</?s>", ""),
        (r",\s*[\"'](\w{1,40})[\"']\s*:|\{\s*[\"'](\w{1,40})[\"']\s*:", r"\n\1\2: "),
        (r"\bans\.(?=\s)", "answer:"),
        (
            r"\b(?:antwort|l\u00f6sung|r\u00e9ponse|respuesta|soluci\u00f3n|risposta|resposta|\u043e\u0442\u0432\u0435\u0442)"
            r"((?:\s+\w{1,20}){0,3}?)\s*(?::|(?:ist|lautet|est|es|\u00e8|\u00e9)(?:\s*:|\b)|-(?=\s))",
            r"answer\1:",
        ),
        (
            r"(?:\u7b54\u6848|\u7b54\u3048|\u6b63\u89e3|\u6b63\u786e\u9009\u9879)\s*[\]\u3011]?\s*"
            r"(?:\u662f|\u4e3a|\u7232|\u70ba|\u306f)?\s*:?",
            "\nanswer: ",
        ),
        (
            r"(?:\u6545|\u6240\u4ee5|\u5e94|\u5e94\u8be5)?\u9009(?:\u62e9|\u9879)?\s*:?\s*(?=\(?[A-Z]\b)",
            "\nanswer: ",
        ),
    )
]


def marked(text: str) -> str:
    """A text in plain marks, without what is struck out, that says `answer:` where it meant it."""
    for pattern, new in _REWRITES:
        text = pattern.sub(new, text)
    return text
