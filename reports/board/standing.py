"""Who may stand in one order: normalizers with results in the same settings. One function decides it for every page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganbench.reports.evidence import Evidence, Group

Where = NDArray[np.bool_]
"""[..., groups]"""

MOST = 1000
"""Sets of settings that are looked at. Only where normalizers lack settings in very many ways there are more."""


@dataclass(frozen=True)
class Standing:
    """The normalizers that are compared in one order, and where.

    Attributes:
        names: Those in the order, in the plan's order.
        apart: The others: to rank them would compare rates of different settings.
        settings: The groups in which each of the former has a committed trial; rates, claims and ranks of the order rest on
            these alone.
    """

    names: tuple[str, ...]
    apart: tuple[str, ...]
    settings: tuple[Group, ...]

    def settings_of(self, normalizer: str, evidence: Evidence) -> tuple[Group, ...]:
        """Return the groups that a normalizer's row speaks of.

        Args:
            normalizer: A label.
            evidence: The trials.
        """
        if normalizer in self.names:
            return self.settings
        return tuple(group for group in evidence.groups if normalizer in group.cells)


def standing(evidence: Evidence) -> Standing:
    """Decide which normalizers stand in one order.

    Of all sets of settings the one is chosen with the most cells: settings times normalizers that have a trial in each of
    them; of several the one with more normalizers, and then by their names. What became of the trials has no part in it:
    to leave out settings in which trials are undecided would choose by outcome.

    Args:
        evidence: The trials.
    """
    trials = [[bool(evidence.of(group, name)) for group in evidence.groups] for name in evidence.normalizers]
    ran = np.array(trials, dtype=bool).reshape(len(evidence.normalizers), len(evidence.groups))
    shared = _intersections(ran)
    cells = _cells(shared, ran)
    return min(
        (_chosen(evidence, ran, shared[place]) for place in np.flatnonzero(cells == cells.max(initial=1))),
        key=lambda found: (-len(found.names), sorted(found.names), sorted(group.title for group in found.settings)),
        default=Standing((), evidence.normalizers, ()),
    )


def _chosen(evidence: Evidence, ran: Where, shared: Where) -> Standing:
    """Return the standing over some settings."""
    inside = ran[:, shared].all(axis=1)
    names, apart = (
        tuple(evidence.normalizers[place] for place in np.flatnonzero(inside == stands)) for stands in (True, False)
    )
    return Standing(names, apart, tuple(evidence.groups[place] for place in np.flatnonzero(shared)))


def _cells(shared: Where, ran: Where) -> NDArray[np.int64]:
    """Return how many cells each choice of settings has: settings times normalizers with a trial in each of them."""
    lacking = shared.astype(np.float32) @ (~ran).T.astype(np.float32)
    many: NDArray[np.int64] = (lacking == 0).sum(axis=1)
    return many * shared.sum(axis=1)


def _intersections(ran: Where) -> Where:
    """Return what some normalizers have in common, for all choices of them: only that can be what the best ones share.

    Args:
        ran: [normalizers, groups] Where they have a trial.

    Returns:
        [choices, groups]; of more than :data:`MOST` on the way those with the most cells.
    """
    found = np.zeros((0, ran.shape[1]), dtype=bool)
    for own in np.unique(ran, axis=0):
        found = np.unique(np.vstack([found, own[None], found & own]), axis=0)
        if len(found) > MOST:
            found = found[np.argsort(-_cells(found, ran), kind="stable")[:MOST]]
    return found
