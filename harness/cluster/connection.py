"""Reaching a Ray cluster, or starting one of our own, and noticing that its head is gone."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ganbench.harness.cluster.environment import joined_cluster, own_cluster
from ganbench.harness.errors import ClusterError, InputError
from ganbench.harness.process import cores, environment

LOCAL = "local"
AUTO = "auto"

OBJECT_STORE_BYTES = 100 * 2**20
"""Results are a few hundred bytes each; Ray's default would claim a third of the memory."""

REACH_SECONDS = 5.0
HEAD_SECONDS = 30.0
"""How long a head may be silent. Ray itself would end the whole process after a minute, without an exception."""

LOOK_SECONDS = 2.0
SHUTDOWN_SECONDS = 20.0


def check_address(address: str) -> None:
    """Knock at a cluster's door before anything is written: Ray itself would go on trying for minutes.

    Args:
        address: ``"local"``, ``"auto"``, ``host:port`` or ``ray://host:port``.

    Raises:
        InputError: It is none of these, or nobody answers.
    """
    if address in (LOCAL, AUTO):
        return
    match = re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d{1,5})", address)
    if match is None:
        raise InputError(
            f"--address {address}: expected 'local', 'inline', 'auto', a Ray cluster's host:port or ray://host:port"
        )
    error = _knock(match[1], int(match[2]), REACH_SECONDS)
    if error is not None:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from error


@contextmanager
def connected(address: str, cpus: int | None = None) -> Iterator[Any]:
    """Yield Ray, connected to a cluster; one connection serves a whole sweep.

    Args:
        address: ``"local"`` for a Ray of our own on this machine, otherwise a running cluster's address.
        cpus: Slots of a local Ray; all cores when absent.

    Raises:
        InputError: The cluster cannot be reached.
    """
    with environment(own_cluster() if address == LOCAL else joined_cluster()):
        import ray

        # Always an explicit address: without one Ray joins whatever cluster a file in its temporary folder names.
        options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
        if address == LOCAL:
            options |= {
                "num_cpus": cpus or cores(),
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
            }
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            hint = "" if address == LOCAL else "; does it ask for a token that RAY_AUTH_TOKEN_PATH here does not name?"
            raise InputError(f"--address {address}: cannot connect to Ray ({error}){hint}") from error
        try:
            yield ray
        finally:
            # Without its head it would wait for it, and then end the whole process.
            Asked(ray.shutdown).answered(SHUTDOWN_SECONDS)


class Asked:
    """Something that Ray was asked, in a thread of its own: without its head it does not answer.

    Args:
        question: What to call.

    Attributes:
        answer: What it returned.
    """

    def __init__(self, question: Callable[[], Any]) -> None:
        self.answer: Any = None
        self._error: BaseException | None = None
        self._question = question
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self.answer = self._question()
        except BaseException as error:
            self._error = error

    def answered(self, seconds: float) -> bool:
        """Wait a little, and say whether there is an answer.

        Raises:
            Exception: What the question raised.
        """
        self._thread.join(seconds)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()


class HeadWatch:
    """Says that a cluster's head is gone, before Ray ends the process without a word.

    Args:
        address: ``host:port`` of the head; None where it cannot be known, and nothing is watched.
        clock: Monotonic, in seconds.
    """

    def __init__(self, address: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._address, self._clock = address, clock
        self._heard = self._looked = clock()

    def look(self) -> None:
        """Knock, if it is time for it.

        Raises:
            ClusterError: It has not answered for a while.
        """
        now = self._clock()
        if self._address is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        host, _, port = self._address.rpartition(":")
        if _knock(host.strip("[]"), int(port), 1.0) is None:
            self._heard = self._clock()
        elif now - self._heard >= HEAD_SECONDS:
            raise ClusterError(
                f"the cluster's head at {self._address} has not answered for {HEAD_SECONDS:.0f} seconds;"
                " start the cluster again and repeat the command"
            )


def _knock(host: str, port: int, seconds: float) -> Exception | None:
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except (OSError, OverflowError) as error:
        return error
    return None
