"""``ganbench doctor --cluster``: is every node of a cluster ready?"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.harness.cluster.connection import LOCAL, check_address, connected
from ganbench.harness.cluster.environment import HEALTH, QUIET
from ganbench.harness.doctor import fitness, nodes, probe
from ganbench.harness.doctor.machine import PACKAGES, Examined
from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.planning.readiness import metrics_of
from ganbench.harness.plugins.registry import offering

if TYPE_CHECKING:
    from ganbench.harness.planning.suite import Suite
    from ganbench.harness.plugins.source import PluginSource


@dataclass(frozen=True)
class NodeReport:
    """What there is to say of a node, or of the cluster.

    Attributes:
        title: Whom it is about.
        findings: In the order in which they are told.
    """

    title: str
    findings: tuple[Examined, ...]


def examine_cluster(
    address: str,
    *,
    results: str | None = None,
    suite: Suite | None = None,
    plugins: Sequence[PluginSource] = (),
    data_dir: str | Path | None = None,
    seconds: float = nodes.ANSWER_SECONDS,
) -> list[NodeReport]:
    """Ask every node of a cluster what it is like, and compare it with this machine.

    Args:
        address: ``"auto"``, ``host:port`` or ``ray://host:port``.
        results: The results folder or its URI: is it the same everywhere? A file is written there, and taken away.
        suite: Its data sets, and the weights of its metrics, must be on every node.
        plugins: They must be usable on every node.
        data_dir: Where data sets stand; the place that each node says when absent.
        seconds: How long a node may take to answer.

    Returns:
        The cluster's block, then one for every node that is alive, the head first.

    Raises:
        InputError: The cluster cannot be reached.
        LedgerError: The results folder cannot be reached or written from here.
    """
    if address == LOCAL:
        raise InputError("--cluster local: that is this machine; `ganbench doctor` without --cluster looks at it")
    check_address(address)
    question = probe.Question(
        packages=(*PACKAGES, *offering()),
        settings=(*QUIET, *HEALTH),
        results=results if results is None or "://" in results else str(Path(results).absolute()),
        nonce=secrets.token_hex(8),
        needed=_needed(suite),
        plugins=tuple((source.origin, source.files, source.wrong) for source in plugins),
        data_dir=None if data_dir is None else str(Path(data_dir).absolute()),
    )
    with _letter(question), connected(address) as ray:
        here = probe.gather(question)["facts"]
        answers = nodes.ask(ray, nodes.alive(ray), question, seconds)
    blocks = [NodeReport(f"cluster {address}", tuple(fitness.of_the_cluster(answers)))]
    driver = {**here, "asked": question}
    return blocks + [NodeReport(_title(answer.node), tuple(fitness.of_a_node(answer, driver))) for answer in answers]


def _needed(suite: Suite | None) -> tuple[tuple[str, dict[str, object]], ...]:
    if suite is None:
        return ()
    datasets = {cell.dataset.label(): cell.dataset.spec() for cell in suite.cells}.values()
    metrics = (metric.spec() for metric in metrics_of(suite.cells))
    return (*(("dataset", spec) for spec in datasets), *(("metric", spec) for spec in metrics))


def _title(node: nodes.Node) -> str:
    words = ["head"] if node.is_head else []
    words += [f"{node.resources.get(kind, 0):g} {kind}" for kind in ("CPU", "GPU")]
    words += [node.market] if node.market else []
    return f"node {node.address} {node.host} ({', '.join(words)})"


@contextmanager
def _letter(question: probe.Question) -> Iterator[None]:
    """Leave a file in the results folder for as long as the nodes look for it; the folder is left as it was."""
    if question.results is None:
        yield
        return
    from ganbench.harness.storage import open_storage

    place = question.results
    folder = None if "://" in place else Path(place)
    existed = folder is None or folder.exists()
    try:
        storage = open_storage(place)
        storage.write(question.letter, question.nonce.encode())
    except OSError as error:
        raise LedgerError(f"--results {place}: cannot be written from here ({error})") from error
    try:
        yield
    finally:
        with suppress(OSError, LedgerError):
            storage.delete(question.letter)
            if folder is not None and not existed:
                folder.rmdir()
