"""The order of the normalizers, as far as the data settle it.

Ranks are intervals: all the ranks that the corrected tests leave possible. As the chance of even one false rejection is
at most 5 %, all intervals hold at once (in the manner of Mogstad, Romano, Shaikh & Wilhelm 2024,
doi:10.1093/restud/rdad006).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

Settled = frozenset[tuple[int, int]]
"""(better, worse), by number."""

MOST_TIERS = 100
"""More than that say nothing to a reader, and there can be 3^(n/3) of them (Moon & Moser 1965)."""


def settled(count: int, claims: Iterable[tuple[int, int]]) -> Settled:
    """Return who is better than whom by claims, and by what follows from them.

    Who is better than one that is better than a third is better than the third. Methods that are better than each other
    in a circle, which is possible where pairs rest on different trials, are level.

    Args:
        count: How many methods.
        claims: (better, worse) for every pair that the corrected tests separate.
    """
    above = np.zeros((count, count), dtype=bool)
    for better, worse in claims:
        above[better, worse] = True
    for middle in range(count):  # Warshall 1962
        above |= np.outer(above[:, middle], above[middle])
    above &= ~above.T
    return frozenset((int(better), int(worse)) for better, worse in zip(*np.nonzero(above), strict=True))


def rank_intervals(count: int, better: Settled) -> list[tuple[int, int]]:
    """Return the ranks that each of several methods may have, 1 being the most stable.

    Args:
        count: How many methods.
        better: Of :func:`settled`.
    """
    return [
        (1 + sum(item == loser for _, loser in better), count - sum(item == winner for winner, _ in better))
        for item in range(count)
    ]


def in_order(by_rate: Sequence[int], better: Settled) -> list[int]:
    """Return the methods so that none is above one that is better.

    Args:
        by_rate: All of them, by their rates: of those that nobody who is left is better than, the first one is next.
        better: Of :func:`settled`.
    """
    left, placed = list(by_rate), []
    while left:
        chosen = next(item for item in left if not any((other, item) in better for other in left))
        placed.append(chosen)
        left.remove(chosen)
    return placed


def tiers(count: int, better: Settled) -> list[tuple[int, ...]]:
    """Return the groups of methods that are not separated, as in a critical-difference diagram.

    Methods are numbered in their order. A tier is a maximal set in which no two are separated, so a method
    can be in several: "a and b, b and c" says that b is level with both while a and c differ. Unlike the bars of such
    a diagram (Demšar 2006, JMLR 7, section 3.2.4) a tier need not be an unbroken stretch of the order, because paired tests
    of unequal power can separate neighbours and not the ends.

    Args:
        count: How many methods.
        better: Of :func:`settled`.

    Returns:
        The tiers, each in order of rank; sorted. A method that is separated from all others is a tier of its own. None
        where there would be more than :data:`MOST_TIERS`.
    """
    apart = {frozenset(pair) for pair in better}
    level = [{other for other in range(count) if other != item and frozenset((item, other)) not in apart}
             for item in range(count)]  # fmt: skip
    found: list[tuple[int, ...]] = []

    def grow(chosen: set[int], open_: set[int], seen: set[int]) -> None:  # Bron & Kerbosch 1973, with a pivot
        if len(found) > MOST_TIERS:
            return
        if not open_ and not seen:
            if chosen:
                found.append(tuple(sorted(chosen)))
            return
        pivot = max(sorted(open_ | seen), key=lambda item: len(open_ & level[item]))
        for item in sorted(open_ - level[pivot]):
            grow(chosen | {item}, open_ & level[item], seen & level[item])
            open_, seen = open_ - {item}, seen | {item}

    grow(set(), set(range(count)), set())
    return sorted(found) if len(found) <= MOST_TIERS else []
