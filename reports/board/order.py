"""The order of the table: by rate, with none above one that learns significantly more often."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def ordered(by_rate: Sequence[str], learns_more: Collection[tuple[str, str]]) -> list[str]:
    """Return the order of the rows.

    Again and again the first one by its rate is placed of those that nobody who is left learns significantly more often
    than. Where each of those who are left has such another, some of them learn more often in a circle, and the first one by
    its rate of a circle that nobody outside it learns more often than is placed.

    Args:
        by_rate: The normalizers by their rates.
        learns_more: (the one that learns significantly more often, the other), for each such pair.
    """
    above: dict[str, set[str]] = {name: set() for name in by_rate}
    for more, less in learns_more:
        above[less].add(more)
    left, placed = list(by_rate), []
    while left:
        chosen = next((name for name in left if not above[name]), None)
        if chosen is None:
            reach = {name: _all_above(name, above) for name in left}
            chosen = next(name for name in left if all(name in reach[other] for other in reach[name]))
        placed.append(chosen)
        left.remove(chosen)
        for others in above.values():
            others.discard(chosen)
    return placed


def _all_above(name: str, above: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    open_ = [name]
    while open_:
        new = above[open_.pop()] - found
        found |= new
        open_ += new
    return found
