"""Errors that a user can mend: the command line prints them as one line and exits with code 2."""

from engine._core import InputError

__all__ = ["CorruptFileError", "InputError", "UserError"]


class UserError(Exception):
    """Wrong use of the program; the message names the bad value and the remedy."""


class CorruptFileError(UserError):
    """A file of a run is damaged, of another format, or of another network or game."""
