"""Which nodes are fit, by what fails on them and what does not: evidence about node, trial or code.

One failure says little: it may be the trial's, the node's or ours. Who else fails decides. A trial that fails on two nodes
in one way speaks for itself and against no node; a node on which one trial after the other fails, none of which fails
elsewhere, is set aside for a while, and for longer if that happens again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ganbench.harness.scheduling.endings import Failed, Kind

STRIKES, AVOID_SECONDS = 3, 600.0
"""A node that fails so many trials gets no more for so long: it fails fast, and would swallow them all."""

LONGEST_AVOIDED = 16 * AVOID_SECONDS


@dataclass
class _Node:
    """What is known of a node.

    Attributes:
        against: Failures that speak against it: of which trial, of which kind.
        until: When it is given trials again; None while it is.
        returns: How often it was given trials again.
        reason: The last failure.
    """

    against: list[tuple[str, Kind]] = field(default_factory=list)
    until: float | None = None
    returns: int = 0
    reason: str = ""

    @property
    def strikes(self) -> int:
        """Those of a kind that is about nodes count each time; of others trials count, not failures."""
        sure = sum(kind.unfit for _, kind in self.against)
        return sure + len({trial for trial, kind in self.against if not kind.unfit})


class NodeHealth:
    """The nodes of a sweep."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._failed_on: dict[str, dict[Kind, set[str]]] = {}
        self.last_reason = ""

    def avoided(self, now: float) -> dict[str, float]:
        """Return the nodes that get no trials now, and until when."""
        for node in self._nodes.values():
            if node.until is not None and node.until <= now:
                node.until, node.against = None, []
                node.returns += 1
        return {name: node.until for name, node in self._nodes.items() if node.until is not None}

    def reason(self, name: str) -> str:
        """Return what failed last on a node."""
        return self._nodes[name].reason

    def failed_on(self, trial: str, kinds: Collection[Kind] | None = None) -> frozenset[str]:
        """Return the nodes on which a trial failed in some ways; without any given, in all that another node may lack."""
        return frozenset(
            node
            for kind, nodes in self._failed_on.get(trial, {}).items()
            if (kind.elsewhere if kinds is None else kind in kinds)
            for node in nodes
        )

    def done(self, trial: str, node: str | None) -> None:
        """A trial was committed: what happened to others on that node before may not be the node's."""
        self._failed_on.pop(trial, None)
        if node in self._nodes:
            found = self._nodes[node]
            found.against = [(other, kind) for other, kind in found.against if kind.unfit]

    def failed(self, trial: str, ending: Failed, now: float, others: Iterable[str]) -> str:
        """Take account of a failure.

        Args:
            trial: Of which.
            ending: How; its node is known.
            now: Seconds.
            others: The other nodes that trials like this one can run on.

        Returns:
            Why its node is set aside from now on; empty where it is not.
        """
        name, kind = str(ending.node), ending.kind
        nodes = self._failed_on.setdefault(trial, {}).setdefault(kind, set())
        nodes.add(name)
        if kind.elsewhere and len(nodes) > 1:
            self._acquit(trial, kind)
            return ""
        node = self._nodes.setdefault(name, _Node())
        node.against.append((trial, kind))
        node.reason = ending.reason
        if kind.unfit:
            self.last_reason = ending.reason
        # On suspicion alone the last node is never set aside.
        sure = sum(item.unfit for _, item in node.against) >= STRIKES
        elsewhere = any(other for other in others if other != name and not self._is_aside(other))
        least = STRIKES if not node.returns else 1
        if node.until is not None or not (sure or (elsewhere and node.strikes >= least)):
            return ""
        seconds = min(AVOID_SECONDS * 2**node.returns, LONGEST_AVOIDED)
        node.until = now + seconds
        return f"node {name} gets no trials for {seconds / 60:.0f} minutes: {ending.reason}"

    def _is_aside(self, name: str) -> bool:
        return name in self._nodes and self._nodes[name].until is not None

    def _acquit(self, trial: str, kind: Kind) -> None:
        """Take back what a trial said against nodes: it fails on others too."""
        for node in self._nodes.values():
            kept = [item for item in node.against if item != (trial, kind)]
            if len(kept) < len(node.against):
                node.against = kept
                if node.until is not None and node.strikes < STRIKES:
                    node.until = None
