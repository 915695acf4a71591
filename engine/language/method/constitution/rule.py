"""What of a principle a program can check: patterns, a length, a function of the user's."""

from __future__ import annotations

import contextlib
import importlib
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import FrameType

from engine.errors import UserError, describe_error

DEADLINE_S = 5.0
"""For one rule on one text; a pattern that backtracks may take for ever."""

MAX_CHARS = 100_000
"""Of a text that is checked; what follows is not looked at, but counts in its length."""

PLAIN = re.compile(r"[^.^$*+?{}\[\]\\|()]+")
"""A pattern that matches its own text alone."""

AROUND = re.compile(r"\\[AbBZ]|[\^$]|\(\?(?!i\)|i:|:)")
"""In a pattern that may look at what stands around a text."""

Check = Callable[[str, str], object]
"""Of a prompt and a completion, whether the completion keeps the rule."""


@dataclass(frozen=True)
class Rule:
    """A completion keeps it where all parts that are given say so."""

    name: str
    """Of its principle, for messages."""
    pattern: str = ""
    """Regular expression for the whole completion."""
    require: tuple[str, ...] = ()
    """Each is found in it."""
    forbid: tuple[str, ...] = ()
    """None is found in it."""
    max_length: int = 0
    """Characters; 0: any number."""
    function: str = ""
    """`package.module:function`, called with prompt and completion; true where the rule is kept."""
    _compiled: dict[str, re.Pattern[str]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to check."""
        return not (self.pattern or self.require or self.forbid or self.max_length or self.function)

    def load(self) -> None:
        """Compile patterns and import the function; UserError for what cannot be."""
        for text in (*([self.pattern] if self.pattern else []), *self.require, *self.forbid):
            self._compile(text)
        if self.function:
            _ = self._function

    def keeps(self, prompt: str, completion: str) -> bool:
        """Whether a completion keeps it; UserError where that takes too long, or a function fails."""
        text = completion[:MAX_CHARS]
        with _deadline(self.name):
            if self.max_length and len(completion) > self.max_length:
                return False
            if self.pattern and not self._compile(self.pattern).fullmatch(text):
                return False
            if any(self._compile(each).search(text) for each in self.forbid):
                return False
            if not all(self._compile(each).search(text) for each in self.require):
                return False
            return not self.function or self._call(prompt, completion)

    def _compile(self, text: str) -> re.Pattern[str]:
        if text not in self._compiled:
            try:
                self._compiled[text] = re.compile(text, re.DOTALL)
            except (re.error, OverflowError, RecursionError) as error:
                raise UserError(
                    f"principle '{self.name}': {text[:60]!r} is not a regular expression: {error}"
                ) from error
        return self._compiled[text]

    @cached_property
    def _function(self) -> Check:
        module, _, name = self.function.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:
            raise UserError(
                f"principle '{self.name}': function '{self.function}' cannot be loaded: "
                f"{describe_error(error)}; give package.module:function"
            ) from error
        if not callable(found):
            raise UserError(f"principle '{self.name}': '{self.function}' is no function")
        check: Check = found
        return check

    def _call(self, prompt: str, completion: str) -> bool:
        try:
            found = self._function(prompt, completion)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(
                f"principle '{self.name}': '{self.function}' raised {describe_error(error)} on "
                f"{completion[:60]!r}"
            ) from error
        if not isinstance(found, bool):
            raise UserError(
                f"principle '{self.name}': '{self.function}' returned {str(found)[:60]!r}; give true or false"
            )
        return found


class _LateError(BaseException):
    """The deadline is over; no `except Exception` of the user's code holds it up."""


@contextlib.contextmanager
def _deadline(name: str) -> Iterator[None]:
    """End what takes longer; only the main thread has a clock that can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_: int, __: FrameType | None) -> None:
        raise _LateError

    before = signal.signal(signal.SIGALRM, late)
    rest, interval = signal.setitimer(signal.ITIMER_REAL, DEADLINE_S, 1.0)
    try:
        yield
    except _LateError:
        raise UserError(
            f"principle '{name}': its rule took more than {DEADLINE_S:g} s on one text; write its "
            "patterns so that no repeat stands inside a repeat"
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, rest, interval)
        signal.signal(signal.SIGALRM, before)


def contradiction(rules: Sequence[Rule]) -> str:
    """Two rules that no text keeps both, as far as that can be told from their parts; empty where none are.

    One forbids what another requires, word for word or as a plain text that a pattern without anchors finds;
    a plain text that is required is longer than another rule allows; or the pattern of one is a plain text,
    which another does not allow.
    """
    forbidden = {text: rule for rule in reversed(rules) for text in rule.forbid}
    required = {text: rule for rule in reversed(rules) for text in rule.require}
    for text, rule in required.items():
        if other := forbidden.get(text):
            return f"'{rule.name}' requires what '{other.name}' forbids: {text[:60]!r}"
    plain = {text: rule for text, rule in required.items() if PLAIN.fullmatch(text)}
    shortest = min((rule for rule in rules if rule.max_length), key=lambda r: r.max_length, default=None)
    for text, rule in plain.items():
        if shortest and len(text) > shortest.max_length:
            return (
                f"'{rule.name}' requires {text[:60]!r}, which is longer than the {shortest.max_length} "
                f"characters that '{shortest.name}' allows"
            )
    return _found_in(plain, forbidden) or _refused(rules)


def _refused(rules: Sequence[Rule]) -> str:
    """A rule that does not allow the one text that another does."""
    only = next((rule for rule in rules if rule.pattern and PLAIN.fullmatch(rule.pattern)), None)
    if only is None:
        return ""
    for rule in rules:
        if not replace(rule, function="").keeps("", only.pattern):
            return f"'{only.name}' allows {only.pattern[:60]!r} alone, which '{rule.name}' refuses"
    return ""


def _found_in(plain: dict[str, Rule], forbidden: dict[str, Rule]) -> str:
    """A required plain text in which a forbidden pattern is found, wherever it may stand."""
    free = {text: rule for text, rule in forbidden.items() if not AROUND.search(text)}
    every = "\0".join(plain)
    for pattern, other in free.items():
        with _deadline(other.name):
            for found in re.finditer(pattern, every, re.DOTALL):
                text = every[every.rfind("\0", 0, found.start()) + 1 :].partition("\0")[0]
                if found[0] and found[0] in text:
                    return (
                        f"'{plain[text].name}' requires {text[:60]!r}, in which '{other.name}' forbids "
                        f"{pattern[:60]!r}"
                    )
    return ""
