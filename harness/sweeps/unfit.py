"""Which nodes a sweep has set aside: written to its ledger whenever that changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from ganbench.harness.ledger.unfit import UnfitNode, add_unfit, nodes_aside
from ganbench.harness.scheduling.endings import Ending
from ganbench.harness.storage import Storage


class UnfitNodes:
    """Keeps the lines of one sweep.

    Args:
        storage: The ledger's.
        clock: Seconds since 1970.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.time) -> None:
        self._storage, self._clock = storage, clock
        self._hosts: dict[str, str] = {}
        # A sweep that was killed cannot have said that it is over.
        self._aside = {line.node: line.reason for line in nodes_aside(storage)}

    def observe(self, ended: Sequence[Sequence[Ending]], aside: Mapping[str, str]) -> None:
        """Take account of which nodes are set aside now, and why; what cannot be written is left out.

        Args:
            ended: How attempts have ended, by process: where a node's name is from.
            aside: Reasons by node.
        """
        self._hosts |= {
            ending.node: ending.host for endings in ended for ending in endings if ending.node and ending.host
        }
        for node in sorted(aside.keys() ^ self._aside.keys()):
            line = UnfitNode(node, self._hosts.get(node, ""), round(self._clock(), 3), aside.get(node, ""))
            try:
                add_unfit(self._storage, line)
            except OSError:
                return
        self._aside = dict(aside)
