"""What definition 3 finds, and what it says of nothing, on generated series of known kind.

    python tools/detection_power.py [--series 1000]

A series falls from an untrained generator's distance in five evaluations, and stays at a level with noise, which may hang
together from evaluation to evaluation. The table goes into docs/stability.md.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sections import write_section

from ganbench.harness.stability import Verdict, judge, load_definition
from ganbench.harness.traces.trace import Trace

PAGE = Path(__file__).parent.parent / "docs" / "stability.md"
DEFINITION = load_definition(3)
LEVEL, UNTRAINED = 20.0, 300.0
FALL = 5
COUNTS = (9, 10, 12, 14, 20, 30, 40)
"""Evaluations after learning."""

Series = NDArray[np.float64]


def noise(count: int, size: float, together: float, rng: np.random.Generator) -> Series:
    """Return the logarithm of noise: stationary, of a standard deviation and a correlation of neighbours."""
    drawn = rng.standard_normal(count)
    for at in range(1, count):
        drawn[at] = together * drawn[at - 1] + math.sqrt(1 - together**2) * drawn[at]
    return size * drawn


def series(after: Series) -> Series:
    """Return distances: the untrained generator's, the fall, and what comes after, given as logarithms over the level."""
    fall = LEVEL + (UNTRAINED - LEVEL) * np.exp(-np.arange(1, FALL + 1) / 1.2)
    return np.concatenate([[UNTRAINED], fall, LEVEL * np.exp(after)])


def verdict(distances: Series) -> Verdict:
    """Judge distances at even steps, the first at 0; the bar is half of the untrained generator's."""
    steps = 1000.0 * np.arange(len(distances))
    budget = int(steps[-1])
    empty = np.empty(0)
    trace = Trace(budget, budget, empty, {}, empty, {}, steps, {"fid": distances})
    return judge(trace, DEFINITION, references={"fid": UNTRAINED})


def outcomes(make: Callable[[np.random.Generator], Series], count: int, seed: int) -> Counter[str]:
    """Return how often each outcome was reached."""
    rng = np.random.default_rng(seed)
    return Counter(verdict(series(make(rng))).outcome for _ in range(count))


def tail_of(count: int) -> int:
    """Return a quarter of some evaluations, at least three."""
    return max(3, math.ceil(count / 4))


def lost(count: int, factor: float, size: float, together: float, rng: np.random.Generator) -> Series:
    """Return a series whose last quarter is worse by a factor."""
    found = noise(count, size, together, rng)
    found[-tail_of(count) :] += math.log(factor)
    return found


def lost_early(count: int, factor: float, size: float, rng: np.random.Generator) -> Series:
    """Return a series of which all but the first quarter is worse by a factor."""
    found = noise(count, size, 0.0, rng)
    found[tail_of(count) :] += math.log(factor)
    return found


def drift(count: int, factor: float, size: float, rng: np.random.Generator) -> Series:
    """Return a series that gets worse evenly, by a factor in all."""
    return noise(count, size, 0.0, rng) + math.log(factor) * np.arange(count) / (count - 1)


def not_computed(count: int, size: float, rng: np.random.Generator) -> Series:
    """Return a series whose last quarter could not be computed."""
    found = noise(count, size, 0.0, rng)
    found[-tail_of(count) :] = np.nan
    return found


def tables(count: int) -> str:
    """Return what is found of what there is, and what is accused of nothing, as markdown."""
    heads = " | ".join(map(str, COUNTS))
    lines = [f"| evaluations after learning | {heads} |", "|---|" + "---|" * len(COUNTS)]

    def line(words: str, outcome: str, make: Callable[[int, np.random.Generator], Series]) -> None:
        found = [outcomes(lambda rng, n=n: make(n, rng), count, n)[outcome] / count for n in COUNTS]  # type: ignore[misc]
        lines.append(f"| {words} | " + " | ".join(f"{share:.1%}" for share in found) + " |")

    for size in (0.05, 0.2, 0.5):
        for together in (0.0, 0.3, 0.6):
            hangs = f", correlation {together}" if together else ""
            line(f"accused: steady, noise {size:.0%}{hangs}", "unstable",
                 lambda n, rng, s=size, t=together: noise(n, s, t, rng))  # type: ignore[misc]  # fmt: skip
    for size in (0.05, 0.1, 0.2, 0.5):
        line(f"called stable: steady, noise {size:.0%}", "stable", lambda n, rng, s=size: noise(n, s, 0.0, rng))  # type: ignore[misc]
    for factor, size in ((1.5, 0.05), (1.5, 0.2), (2.0, 0.2), (3.0, 0.2), (3.0, 0.5)):
        words = f"the last quarter x{factor:g}, noise {size:.0%}"
        line(f"found: {words}", "unstable", lambda n, rng, f=factor, s=size: lost(n, f, s, 0.0, rng))  # type: ignore[misc]
        line(f"called stable: {words}", "stable", lambda n, rng, f=factor, s=size: lost(n, f, s, 0.0, rng))  # type: ignore[misc]
    for factor, size in ((1.5, 0.05), (2.0, 0.05), (2.0, 0.2)):
        words = f"all but the first quarter x{factor:g}, noise {size:.0%}"
        line(f"found: {words}", "unstable", lambda n, rng, f=factor, s=size: lost_early(n, f, s, rng))  # type: ignore[misc]
        line(f"called stable: {words}", "stable", lambda n, rng, f=factor, s=size: lost_early(n, f, s, rng))  # type: ignore[misc]
    for factor in (1.5, 2.0, 3.0):
        words = f"worse evenly, x{factor:g} in all, noise 5%"
        line(f"found: {words}", "unstable", lambda n, rng, f=factor: drift(n, f, 0.05, rng))  # type: ignore[misc]
        line(f"called stable: {words}", "stable", lambda n, rng, f=factor: drift(n, f, 0.05, rng))  # type: ignore[misc]
    words = "the last quarter could not be computed, noise 5%"
    line(f"undecided: {words}", "undecided", lambda n, rng: not_computed(n, 0.05, rng))
    line(f"called stable: {words}", "stable", lambda n, rng: not_computed(n, 0.05, rng))
    return "\n".join(lines)


def main() -> None:
    """Print the table, and write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=1000, help="of each kind and length")
    parser.add_argument("--print", action="store_true", help="write nothing")
    options = parser.parse_args()
    found = tables(options.series)
    print(found)
    if not options.print:
        write_section(PAGE, "power", found)


if __name__ == "__main__":
    main()
