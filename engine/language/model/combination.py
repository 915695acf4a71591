"""How the rewards of an ensemble become one; apart, so that settings import no torch."""

from __future__ import annotations

from typing import Literal

Combination = Literal["mean", "worst", "deviation"]
"""Their mean, the least, or the mean less some of their standard deviation."""
