"""Which trials of two ledgers are compared, and whether they differ: pairs, or trials that share nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.harness.canonical import digest
from ganbench.harness.stability import NOT_LEARNT, UNSTABLE, Verdict
from ganbench.harness.statistics import mcnemar, mean_rate
from ganbench.harness.statistics.unpaired import unpaired_p
from ganbench.reports.differences.plan_changes import CellPair
from ganbench.reports.differences.sides import Side, alike
from ganbench.reports.evidence import Result

Results = tuple[tuple[Result, ...], tuple[Result, ...]]
"""The trials of one cell, in the first and in the second ledger, by seed."""

Counted = tuple[tuple[bool | None, ...], tuple[bool | None, ...]]
"""Whether they count; None is left out."""


@dataclass(frozen=True)
class Compared:
    """A comparison before it is corrected.

    Attributes:
        normalizer: Its label.
        what: What is compared.
        cells: Of each cell the trials of both sides, by seed.
        equal: How many pairs are the same training.
        paired: Whether they are pairs.
    """

    normalizer: str
    what: str
    cells: tuple[Results, ...]
    equal: int = 0
    paired: bool = True

    def side(self, side: int) -> list[Result]:
        """Return all trials of a side."""
        return [result for cell in self.cells for result in cell[side]]

    def counted(self, undecided: bool | None) -> list[Counted]:
        """Return whether trials count, and undecided ones as is said."""

        def of(results: Sequence[Result]) -> tuple[bool | None, ...]:
            return tuple(_counts(self.what, item.verdict) if item.verdict.decided else undecided for item in results)

        return [(of(first), of(second)) for first, second in self.cells]

    def tested(self) -> tuple[float, str]:
        """Return the p-value of the claim that the rates differ, and which side has more; empty where none has.

        Undecided trials count in both ways, and the decided ones alone must lean to the same side.
        """
        alone = self._test(self.counted(None))
        if all(item.verdict.decided for side in (0, 1) for item in self.side(side)):
            return alone
        found = [self._test(self.counted(way)) for way in (True, False)]
        if {more for _, more in found} != {alone[1]}:
            return 1.0, ""
        return max(p for p, _ in found), alone[1]

    def against(self, more: str) -> bool:
        """Return whether the rates, which are means over cells, do not lean to the side that has more.

        Args:
            more: The side; empty where none has.
        """
        first, second = (mean_rate([(sum(cell), len(cell)) for cell in self.decided(side)])[0] for side in (0, 1))
        ahead = {"A": first - second, "B": second - first}
        return more in ahead and ahead[more] < 1e-9

    def decided(self, side: int) -> list[list[bool]]:
        """Return of each cell which of a side's decided trials count."""
        return [[item for item in cell[side] if item is not None] for cell in self.counted(None)]

    def _test(self, counted: Sequence[Counted]) -> tuple[float, str]:
        if self.paired:
            _, first, second, _ = discordant(counted)
            return mcnemar(first, second), "A" if first > second else "B" if second > first else ""
        first, trials, second, others = table(counted)
        more = "A" if first * others > second * trials else "B" if second * trials > first * others else ""
        return unpaired_p(first, trials, second, others), more


def compared_trials(first: Side, second: Side, normalizer: str, pairs: Sequence[CellPair]) -> list[Compared]:
    """Return a normalizer's pairs of trials, and its trials that share nothing; what is empty is left out.

    Args:
        first: The one ledger.
        second: The other.
        normalizer: A label.
        pairs: The cells that take each other's place.
    """
    paired: list[Results] = []
    unpaired: list[Results] = []
    equal = 0
    for pair in pairs:
        if pair.first["normalizer"] != normalizer:
            continue
        ours, theirs = first.results_of(pair.first), second.results_of(pair.second)
        seeds = sorted(ours.keys() & theirs.keys())
        if seeds and _streams(first, pair.first) == _streams(second, pair.second):
            paired.append((_chosen(ours, seeds), _chosen(theirs, seeds)))
            equal += sum(alike((first, ours[seed]), (second, theirs[seed])) for seed in seeds)
        elif ours and theirs:
            unpaired.append((_chosen(ours, sorted(ours)), _chosen(theirs, sorted(theirs))))
    kinds = [(tuple(paired), equal, True), (_balanced(unpaired) if unpaired else (), 0, False)]
    return [
        Compared(normalizer, what, cells, same, pairs)
        for what in (UNSTABLE, NOT_LEARNT)
        for cells, same, pairs in kinds
        if cells and (what == UNSTABLE or _happened(what, cells))
    ]


def _happened(what: str, cells: Sequence[Results]) -> bool:
    return any(_counts(what, item.verdict) for cell in cells for side in cell for item in side)


def _chosen(results: Mapping[int, Result], seeds: Sequence[int]) -> tuple[Result, ...]:
    return tuple(results[seed] for seed in seeds)


def _streams(side: Side, cell: Any) -> tuple[str, Any]:
    """Return what a trial's random streams depend on, beside its seed (``Cell.group``)."""
    return digest({key: value for key, value in cell["spec"].items() if key != "normalizer"}), side.plan.get("seed")


def _balanced(cells: Sequence[Results]) -> tuple[Results, ...]:
    """Return the trials of cells that weigh the same on both sides, so that pooling them compares like with like."""
    sizes = [(len(first), len(second)) for first, second in cells]
    a, b = sizes[0]
    if all(one * b == other * a for one, other in sizes):
        return tuple(cells)
    return tuple((first[: min(size)], second[: min(size)]) for (first, second), size in zip(cells, sizes, strict=True))


def _counts(what: str, verdict: Verdict) -> bool:
    return verdict.failed if what == UNSTABLE else verdict.outcome == what


def table(counted: Sequence[Counted]) -> tuple[int, int, int, int]:
    """Return how many count, and of how many trials, on both sides.

    Args:
        counted: Of each cell whether its trials count.
    """
    first, second = ([item for cell in counted for item in cell[side] if item is not None] for side in (0, 1))
    return sum(first), len(first), sum(second), len(second)


def discordant(counted: Sequence[Counted]) -> tuple[int, int, int, int]:
    """Return the pairs in which both count, only the first, only the second, and neither.

    Args:
        counted: Of each cell whether its trials count.
    """
    pairs = [pair for first, second in counted for pair in zip(first, second, strict=True)]
    return (
        pairs.count((True, True)),
        pairs.count((True, False)),
        pairs.count((False, True)),
        pairs.count((False, False)),
    )
