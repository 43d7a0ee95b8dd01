"""The order of the rows, and which claims it follows from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ganbench.harness.statistics import in_order, settled
from ganbench.harness.statistics.ranks import Settled
from ganbench.reports.board.pair import Pair

Claims = dict[str, list[str]]
"""Who are below whom."""


def ordered(by_rate: Sequence[str], pairs: Sequence[Pair]) -> tuple[list[str], Settled]:
    """Return normalizers in the order of the rows, and which of them are better than which, by their places in it.

    Args:
        by_rate: Those that stand in it, by their rates.
        pairs: All pairs.
    """
    numbers = {name: number for number, name in enumerate(by_rate)}
    claims = [(numbers[above], numbers[below]) for above, below in _claims(by_rate, pairs)]
    inside = [pair for pair in pairs if {pair.first, pair.second} <= numbers.keys()]
    learnt = [(numbers[above], numbers[below]) for above, below in _learnt(inside)]
    better = settled(len(by_rate), claims)
    held = better | settled(len(by_rate), [*claims, *learnt])  # in no circle, as the one is, or is between its circles
    order = in_order(range(len(by_rate)), held)
    places = {number: place for place, number in enumerate(order)}
    return [by_rate[number] for number in order], frozenset((places[one], places[other]) for one, other in better)


def chained(pairs: Sequence[Pair], order: Sequence[str], better: Settled) -> list[Pair]:
    """Return pairs with the claims on others that separate their ranks, or keep what is claimed of the two from doing so.

    Args:
        pairs: All pairs.
        order: Of :func:`ordered`.
        better: Likewise.
    """
    places = {name: place for place, name in enumerate(order)}
    inside = [pair for pair in pairs if {pair.first, pair.second} <= places.keys()]
    found = _claims(order, pairs)
    claims, with_learnt = _below(found), _below([*found, *_learnt(inside)])

    def linked(pair: Pair) -> Pair:
        if not {pair.first, pair.second} <= places.keys():
            return pair
        first, second = sorted((pair.first, pair.second), key=places.__getitem__)
        by_rank = (places[first], places[second]) in better
        if by_rank and pair.apart is None:
            return replace(pair, chain=_chain(first, second, claims))
        if not by_rank and (pair.apart is not None or (pair.mixed and pair.learns_more == second)):
            above, below = pair.apart or (second, first)
            circle = _chain(below, above, with_learnt)
            start = circle.index(min(circle, key=places.__getitem__))
            return replace(pair, circle=circle[start:] + circle[:start])
        return pair

    return [linked(pair) for pair in pairs]


def _below(claims: Sequence[tuple[str, str]]) -> Claims:
    found: Claims = {}
    for above, below in claims:
        found.setdefault(above, []).append(below)
    return found


def _chain(start: str, end: str, claims: Claims) -> tuple[str, ...]:
    """Return the shortest chain of claims, which there is."""
    paths: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while paths[0][-1] != end:
        path = paths.pop(0)
        following = [below for below in claims.get(path[-1], ()) if below not in seen]
        paths += [(*path, below) for below in following]
        seen.update(following)
    return paths[0]


def _claims(names: Sequence[str], pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """Return which of some normalizers is above which by what is claimed of the two."""
    inside = set(names)
    return [pair.apart for pair in pairs if pair.apart is not None and inside.issuperset(pair.apart)]


def _learnt(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """Return who learns more often than whom of those that fail more often."""
    return [(pair.learns_more, pair.learns_less) for pair in pairs if pair.mixed]
