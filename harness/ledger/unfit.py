"""The nodes that a sweep has set aside, and why: a line whenever one gets no more trials, and when it does again."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.duplicates import json_lines
from ganbench.harness.ledger.names import UNFIT_NODES
from ganbench.harness.storage import Storage


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


def add_unfit(storage: Storage, line: UnfitNode) -> None:
    """Add a line.

    Raises:
        OSError: It cannot be written.
    """
    storage.append(UNFIT_NODES, canonical_json(asdict(line)))


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
