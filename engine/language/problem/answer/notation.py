"""Mathematics without what is there for looks: spacing and fonts of LaTeX, Markdown, currencies."""

from __future__ import annotations

import re

from engine.language.problem.answer.mark import marked
from engine.language.spelling import plain

SET_OPEN, SET_CLOSE = "\u2983", "\u2984"
"""Braces of a set, `\\{` in LaTeX, where `{` alone only groups."""

_LONG_UNITS = "kg|mg|km|cm|mm|nm|mi|ft|in|yd|units?|inch(?:es)?|met(?:er|re)s?|feet|miles?"
_CURRENCIES = "$\u20ac\u00a3\u00a5\u20b9\u20a9\u20bd\u20ab\u20aa"
_ALIGNED = re.compile(
    r"\\begin\{(align|aligned|equation|gather|gathered|split|eqnarray)\*?\}(.*?)\\end\{\1\*?\}", re.DOTALL
)
"""Lines of formulas under each other, which are read as lines."""

_REWRITES = [
    (re.compile(pattern), new)
    for pattern, new in (
        (r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|boldsymbol)(?![a-zA-Z])", ""),
        (
            r"\\(?:text|mathrm|mbox|textrm|textit|textbf|mathbf|operatorname|mathit|rm|bf)\s?\{([^{}]*)\}",
            r" \1 ",
        ),
        (r"(?<=[0-9])\s?\{,\}\s?(?=[0-9])|(?<=[0-9]),\\!(?=[0-9])", ","),
        (r"\\[,;: ]|\\quad|\\qquad|~(?!\s?[0-9])", " "),
        (r"\\!", ""),
        (r"\\%", "%"),
        (r"(?:\^\s?\{\s?\\circ\s?\}|\^\s?\\circ|\\degree|\\textdegree|\u00ba)", "\u00b0"),
        (r"\\\{|\\lbrace(?![a-z])", SET_OPEN),
        (r"\\\}|\\rbrace(?![a-z])", SET_CLOSE),
        (r"\\infty(?![a-z])", "\u221e"),
        (r"\\(?:cup|bigcup)(?![a-z])", "\u222a"),
        (r"\\(?:pm|mp)(?![a-z])", "\u00b1"),
        (r"\\(?:le|leq|leqslant|ge|geq|geqslant|lt|gt|ne|neq)(?![a-z])|[\u2264\u2265\u2260]", "<"),
        (r"<<[^<>\n]*>>", ""),
        (r"(?i)<sup>\s?([^<>]*)</sup>", r"^{\1}"),
        (r"(?i)<sub>\s?([^<>]*)</sub>", r"_{\1}"),
        (r"(?i)</?(?:b|i|u|em|strong|code|span|mark)\s?>", ""),
        (r"(?i)</?(?:br|p|div)\s?/?>", "\n"),
        (r"\\\\(?=\s|$)", "\n"),
        (r"(?<=[0-9])/-(?![0-9])", ""),
        (r"\{([^{}]{1,40})\\over(?![a-z])([^{}]{1,40})\}", r"\\frac{\1}{\2}"),
        (r"(?<![A-Za-z\\])sqrt(?=\s?[({])", r"\\sqrt"),
        (r"(?<![A-Za-z\\_])pi(?![A-Za-z_])", r"\\pi"),
        (r"!=|/=", "<"),
        (r"\([A-Za-z](?:\s?,\s?[A-Za-z])+\)\s?=", "="),
        (r"(?<![\w'])'([-+]?[0-9.,]+)'(?!\w)", r"\1"),
        (
            r"\\(?:approx|simeq|cong|sim)(?![a-z])|[\u2248\u2245\u223c]|(?<![0-9])(?<![0-9]\s)~(?=\s?[0-9])",
            "=",
        ),
        (r"\\(?:implies|Rightarrow|therefore|Longrightarrow)(?![a-zA-Z])|[\u21d2\u27f9\u2234]|=>", "; "),
        (r"\\(?:rightarrow|to)(?![a-zA-Z])|\u2192|->", "="),
        (r"\\in(?![a-zA-Z])|\u2208", "="),
        (r"\\[()\[\]]", " "),
        (r"(?<=[0-9)])\*\*(?=[0-9(-])", "^"),
        (r"\*\*|__|`", ""),
        (r"(?<![\w)\s*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w(\s*])|(?:^|(?<=\n))[ \t]*[*\u2022]\s", ""),
        (r"(?<=[0-9])(\s?)[xX](\s?)(?=10\s?\^)", "*"),
        (
            rf"(?:([-+])\s?)?(?:\b(?:US|CA|AU|HK|NZ|S|R))?\\?[{_CURRENCIES}](?=\s?[-+]?\.?[0-9])",
            r"\1",
        ),
        (r"\b(?:USD|EUR|GBP|INR|JPY|CAD|AUD|CHF|CNY|Rs\.?)\s?(?=[0-9])", ""),
        (
            rf"([0-9]\s{{0,4}}(?:(?:{_LONG_UNITS}|m)\s?[/\u00b7]\s?)?(?:{_LONG_UNITS}|m|s|h|hr|sec))"
            r"(?:\s{0,2}\^\s?(?:\{-?[0-9]\}|-?[0-9])|[23](?![0-9.]))",
            r"\1",
        ),
        (rf"\\?[{_CURRENCIES}]", " "),
        (r"(?<![0-9 \t])[ \t]{2,}|[ \t]{2,}(?![0-9 \t])", " "),
        (r"\bapprox\.|\bc\.(?=\s?[0-9])", "about"),
    )
]


def clean(text: str) -> str:
    """A text in plain marks without Markdown, currencies and what LaTeX has for looks alone."""
    text = _ALIGNED.sub(lambda match: match[2].replace("\\\\", "\n").replace("&", " "), marked(plain(text)))
    for pattern, new in _REWRITES:
        text = pattern.sub(new, text)
    return text
