"""The nodes that a sweep has set aside, and why: a line whenever one gets no more trials, and when it does again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.duplicates import json_lines
from ganbench.harness.ledger.names import UNFIT_NODES
from ganbench.harness.storage import Storage

if TYPE_CHECKING:
    from ganbench.harness.scheduling.endings import Ending


@dataclass(frozen=True)
class UnfitNode:
    """A line about a node.

    Attributes:
        node: Its identity in its cluster.
        host: Its name; empty where it is not known.
        since: In seconds since 1970, by the driver's clock.
        reason: What failed there last; empty where it gets trials again.
    """

    node: str
    host: str
    since: float
    reason: str


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
                self._storage.append(UNFIT_NODES, canonical_json(asdict(line)))
            except OSError:
                return
        self._aside = dict(aside)


def unfit_nodes(storage: Storage) -> list[UnfitNode]:
    """Return all lines, in the order of their times.

    Raises:
        LedgerError: They cannot be read.
    """
    found = []
    try:
        for line in json_lines(storage, UNFIT_NODES):
            with suppress(KeyError, TypeError, ValueError):
                found.append(UnfitNode(str(line["node"]), str(line["host"]), float(line["since"]), str(line["reason"])))
    except OSError as error:
        raise LedgerError(f"{storage.where}: cannot be read ({error})") from error
    return sorted(found, key=lambda line: (line.since, line.node))


def nodes_aside(storage: Storage) -> Collection[UnfitNode]:
    """Return the nodes that get no trials now, as far as the ledger says."""
    last = {line.node: line for line in unfit_nodes(storage)}
    return [line for line in last.values() if line.reason]
