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
    learnt = [(numbers[pair.learns_more], numbers[pair.learns_less]) for pair in inside if pair.mixed]
    better = settled(len(by_rate), claims)
    held = better | settled(len(by_rate), [*claims, *learnt])  # in no circle, as the one is, or is between its circles
    order = in_order(range(len(by_rate)), held)
    places = {number: place for place, number in enumerate(order)}
    return [by_rate[number] for number in order], frozenset((places[one], places[other]) for one, other in better)


def chained(pairs: Sequence[Pair], order: Sequence[str], better: Settled) -> list[Pair]:
    """Return pairs with the claims on others that separate their ranks, where what is claimed of the two does not.

    Args:
        pairs: All pairs.
        order: Of :func:`ordered`.
        better: Likewise.
    """
    places = {name: place for place, name in enumerate(order)}
    claims: Claims = {}
    found: list[Pair] = []
    for above, below in _claims(order, pairs):
        claims.setdefault(above, []).append(below)
    for pair in pairs:
        first, second = sorted(places.get(name, -1) for name in (pair.first, pair.second))
        apart = pair.apart is None and (first, second) in better
        found.append(replace(pair, chain=_chain(order[first], order[second], claims)) if apart else pair)
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
