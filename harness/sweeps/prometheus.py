"""What a sweep reports to Prometheus: what became of its trials and attempts, by host."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger.running import under_way
from ganbench.harness.scheduling.endings import Done, Ending
from ganbench.harness.storage import Storage

LOOPBACK = "127.0.0.1"
UNKNOWN = "unknown"
"""The host of a process that was killed before it had begun a trial."""

T = TypeVar("T", CounterMetricFamily, GaugeMetricFamily)


class SweepMetrics(Collector):
    """Counts what has ended; what is under way is stored in the ledger, and is read at every scrape."""

    def __init__(self) -> None:
        self._committed: Counter[tuple[str, ...]] = Counter()
        self._lost: Counter[tuple[str, ...]] = Counter()
        self._hosts: dict[str, str] = {}
        self._aside: frozenset[str] = frozenset()
        self._last = time.time()
        self._storage: Storage | None = None
        self._missing: Callable[[], int] = lambda: 0

    def begin(self, storage: Storage, missing: Callable[[], int]) -> None:
        """A sweep begins.

        Args:
            storage: Its ledger's.
            missing: How many trials are waiting or under way.
        """
        self._storage, self._missing = storage, missing

    def observe(self, ended: Sequence[Sequence[Ending]], aside: Collection[str] = ()) -> None:
        """Take account of attempts that have ended, by process, and of the nodes that are set aside."""
        for endings in ended:
            there = next((ending.host for ending in endings if ending.host), UNKNOWN)
            for ending in endings:
                host = ending.host or there
                self._hosts |= {ending.node: host} if ending.node else {}
                if isinstance(ending, Done):
                    self._committed[host, ending.outcome] += 1
                    self._last = time.time()
                elif not ending.kind.ends:
                    self._lost[host, ending.kind.name] += 1
        self._aside = frozenset(aside)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield all metrics."""
        training: Counter[tuple[str, ...]] = Counter()
        if self._storage is not None:
            with suppress(LedgerError):
                training.update((item.host,) for item in under_way(self._storage))
        hosts = {host for host, _ in (*self._committed, *self._lost)} - {UNKNOWN}
        set_aside: dict[tuple[str, ...], int] = {(host,): 0 for host in hosts}
        set_aside |= {(self._hosts[node],): 1 for node in self._aside if node in self._hosts}
        waiting = max(0, self._missing() - training.total())
        counter, gauge = CounterMetricFamily, GaugeMetricFamily
        yield _family(counter, "trials_committed", self._committed, "host", "outcome")
        yield _family(counter, "attempts_lost", self._lost, "host", "kind")
        yield _family(gauge, "node_set_aside", set_aside, "host")
        yield _family(gauge, "trials_running", training, "host")
        yield _family(gauge, "trials_waiting", {(): waiting})
        yield _family(gauge, "last_commit_timestamp_seconds", {(): self._last})


def _family(kind: type[T], name: str, values: Mapping[tuple[str, ...], float], *labels: str) -> T:
    family = kind(f"ganbench_{name}", name.replace("_", " "), labels=labels)
    for key, value in dict(values).items():  # a copy: the sweep goes on
        family.add_metric(key, value)
    return family


@contextmanager
def served(where: str | None) -> Iterator[SweepMetrics | None]:
    """Serve a sweep's metrics over HTTP within the block.

    Args:
        where: ``PORT`` or ``HOST:PORT``; None for nothing.

    Raises:
        InputError: That cannot be listened to.
    """
    if where is None:
        yield None
        return
    metrics, registry = SweepMetrics(), CollectorRegistry()
    registry.register(metrics)
    host, _, port = where.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]") or LOOPBACK, registry)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"--metrics {where}: expected a free PORT or HOST:PORT of this machine ({error})") from error
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
