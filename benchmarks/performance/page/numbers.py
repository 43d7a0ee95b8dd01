"""Numbers and tables as the page writes them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Repeated measurements.

    Attributes:
        median: The middle one.
        low: The first quartile.
        high: The third quartile.
        count: How many.
    """

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarize."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0], 1)
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high, len(values))

    @classmethod
    def ratio(cls, above: Sequence[float], below: Sequence[float]) -> Spread:
        """Summarize the ratios of each round: what slows a round down slows both sides."""
        return cls.of([a / b for a, b in zip(above, below, strict=True)])

    def text(self, form: str = "{:.2f}") -> str:
        """Return the median, with the quartiles where there are some."""
        middle = form.format(self.median)
        return middle if self.count == 1 else f"{middle} ({form.format(self.low)} to {form.format(self.high)})"


def faster(found: dict[str, Any], side: str) -> Spread:
    """Return how many times as fast as the usual loop's a side's step is."""
    return Spread.ratio(found["times"]["usual"], found["times"][side])


def medians(values: dict[str, Sequence[float]]) -> dict[str, float]:
    """Return the middle of each list."""
    return {key: statistics.median(numbers) for key, numbers in values.items()}


def form_of(values: Sequence[float]) -> str:
    """Return how milliseconds are written: large ones without decimals."""
    return "{:.0f}" if statistics.median(values) >= 100 else "{:.2f}"


def ms(value: float) -> str:
    """Write milliseconds."""
    return f"{form_of([value]).format(value)} ms"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a markdown table; empty where it has no lines."""
    if not lines:
        return ""
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in (head, *lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (escaped[0], ["---"] * len(head), *escaped[1:]))
