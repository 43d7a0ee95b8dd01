"""The order of the normalizers, as far as the data settle it.

Ranks are intervals: all the ranks that the corrected tests leave possible. As the chance of even one false rejection is
at most 5 %, all intervals hold at once (in the manner of Mogstad, Romano, Shaikh & Wilhelm 2024,
doi:10.1093/restud/rdad006).
"""

from __future__ import annotations

from collections.abc import Sequence


def rank_intervals(count: int, worse: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranks that each of several methods may have, 1 being the most stable.

    Args:
        count: How many methods.
        worse: (better, worse) for every pair that the corrected tests separate.
    """
    return [(1 + sum(item == loser for _, loser in worse), count - sum(item == winner for winner, _ in worse))
            for item in range(count)]  # fmt: skip


def tiers(count: int, separated: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return the groups of methods that the corrected tests do not separate, as in a critical-difference diagram.

    Methods are numbered in the order of their rates. A tier is a maximal set in which no two are separated, so a method
    can be in several: "a and b, b and c" says that b is level with both while a and c differ. Unlike the bars of such
    a diagram (Demšar 2006, JMLR 7, section 3.2.4) a tier need not be an unbroken stretch of the order, because paired tests
    of unequal power can separate neighbours and not the ends.

    Args:
        count: How many methods.
        separated: The pairs that are separated, in either order.

    Returns:
        The tiers, each in order of rank; sorted. A method that is separated from all others is a tier of its own.
    """
    apart = {frozenset(pair) for pair in separated}
    level = [{other for other in range(count) if other != item and frozenset((item, other)) not in apart}
             for item in range(count)]  # fmt: skip
    found: list[tuple[int, ...]] = []

    def grow(chosen: set[int], open_: set[int], seen: set[int]) -> None:  # Bron & Kerbosch 1973, with a pivot
        if not open_ and not seen:
            if chosen:
                found.append(tuple(sorted(chosen)))
            return
        pivot = max(sorted(open_ | seen), key=lambda item: len(open_ & level[item]))
        for item in sorted(open_ - level[pivot]):
            grow(chosen | {item}, open_ & level[item], seen & level[item])
            open_, seen = open_ - {item}, seen | {item}

    grow(set(), set(range(count)), set())
    return sorted(found)
