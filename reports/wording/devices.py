"""Which normalizers ran on other devices than those that they are compared with."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import listing, named

SHARE = 0.5
"""Of the pairs of trials that two normalizers share: from so many on different devices on, it is said."""


def devices(evidence: Evidence, board: Board) -> str:
    """Say which normalizers of the order ran on which devices, where two that are compared ran on different ones."""
    names = board.standing.names
    on: dict[str, Counter[str]] = {name: Counter() for name in names}
    known = [
        "",
        *sorted({result.device for results in evidence.results.values() for result in results.values()} - {""}),
    ]
    if len(known) < 3:
        return ""
    coded = np.zeros((len(names), len(evidence.groups), evidence.seeds), int)
    for row, name in enumerate(names):
        for column, group in enumerate(evidence.groups):
            for result in evidence.of(group, name):
                coded[row, column, result.seed] = known.index(result.device)
                on[name][result.device] += 1
    for one in range(len(names)):
        both = (coded > 0) & (coded[one] > 0)
        shared = both.sum(axis=(1, 2))
        differ = (both & (coded != coded[one])).sum(axis=(1, 2))
        if (differ[shared > 0] >= SHARE * shared[shared > 0]).any():
            break
    else:
        return ""
    where: dict[str, list[str]] = {}
    for name in names:
        for device, _ in on[name].most_common(1):
            where.setdefault(device or "an unknown device", []).append(named(name))
    said = "; ".join(f"{listing(some)} on {device}" for device, some in sorted(where.items()))
    return f"They did not all run on the same device: most trials of {said}. A difference between them may be the devices'."
