"""Execution on Ray: one task per trial, a bounded window, and retries that are ours. The only module that imports Ray."""

from __future__ import annotations

import os
import re
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import InputError, Interrupted, LedgerError
from harness.execution import Event, Lost, Retried, fault
from harness.interruption import is_asked_to_stop
from harness.worker import Done, Task, execute

ATTEMPTS = 5
"""How often infrastructure may take a trial away before it is given up for this sweep."""

POLL_SECONDS = 0.5
OBJECT_STORE_BYTES = 100 * 2**20
"""Results are a few hundred bytes each; Ray's default would claim a third of the memory."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",  # `ray start` posts one record even when disabled
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Without it a local Ray listens on every network interface."""


REACH_SECONDS = 5.0


def check_address(address: str) -> None:
    """Knock at a cluster's door before anything is written: Ray itself would go on trying for minutes.

    Args:
        address: ``"local"``, ``"auto"``, ``host:port`` or ``ray://host:port``.

    Raises:
        InputError: It is none of these, or nobody answers.
    """
    if address in ("local", "auto"):
        return
    match = re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d{1,5})", address)
    if match is None:
        raise InputError(
            f"--address {address}: expected 'local', 'inline', 'auto', a Ray cluster's host:port or ray://host:port"
        )
    try:
        socket.create_connection((match[1], int(match[2])), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from error


def run_on_ray(tasks: Sequence[Task], address: str, cpus: int | None = None) -> Iterator[Event]:
    """Execute tasks on a Ray cluster.

    Tasks are given to Ray in a window of twice the cluster's slots, so that a sweep of any size costs the driver the same
    memory. Ray's own retries are off: only we can tell a lost worker from a result.

    Args:
        tasks: What to run, in order.
        address: ``"local"`` for a Ray of our own on this machine, otherwise a running cluster's address.
        cpus: Slots of a local Ray; all cores when absent.

    Raises:
        InputError: The cluster cannot be reached.
        LedgerError: A worker cannot write the results folder.
    """
    ray = _connect(address, cpus)
    try:
        yield from _Sweep(ray, tasks).events()
    finally:
        ray.shutdown()


def _connect(address: str, cpus: int | None) -> Any:
    for key, value in (QUIET | LOOPBACK if address == "local" else QUIET).items():
        os.environ.setdefault(key, value)
    import ray

    # Always an explicit address: without one Ray joins whatever cluster a file in its temporary folder names.
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        options |= {
            "num_cpus": cpus or os.cpu_count(),
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"--address {address}: cannot connect to Ray ({error})") from error
    return ray


class _Sweep:
    """The window over Ray's queue."""

    def __init__(self, ray: Any, tasks: Sequence[Task]) -> None:
        self._ray = ray
        self._waiting = deque(tasks)
        self._flying: dict[Any, Task] = {}
        # Declared here, not with .options(): only a declaration can say that a worker keeps serving this function.
        self._remote = ray.remote(num_cpus=1, max_retries=0)(execute)

    def events(self) -> Iterator[Event]:
        """Yield what becomes of every task, as it happens."""
        while self._waiting or self._flying:
            if self._waiting and is_asked_to_stop(Path(self._waiting[0].ledger)):
                self._waiting.clear()  # those under way leave checkpoints; the rest is for another time
            if not self._flying and not self._waiting:
                return
            self._fill()
            # With a time limit, because without one Ray returns nothing after eleven days.
            ready, _ = self._ray.wait(list(self._flying), num_returns=len(self._flying), timeout=POLL_SECONDS)
            for reference in ready:
                yield self._finish(self._flying.pop(reference), reference)

    def _fill(self) -> None:
        slots = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        while self._waiting and len(self._flying) < 2 * slots:
            task = self._waiting.popleft()
            self._flying[self._remote.remote(task)] = task

    def _finish(self, task: Task, reference: Any) -> Event:
        errors = self._ray.exceptions
        try:
            done: Done = self._ray.get(reference)
            return done
        except LedgerError:
            raise
        except Interrupted as error:
            # Ray hands over an exception that is both RayTaskError and what was raised.
            reason = str(error.cause if isinstance(error, errors.RayTaskError) else error)
            if is_asked_to_stop(Path(task.ledger)):
                return Lost(task.trial_id, f"{reason}; it goes on from there")
            return self._again(task, f"the machine is being taken away: {reason}")
        except errors.RayTaskError as error:
            return Lost(task.trial_id, fault(error.cause if isinstance(error.cause, Exception) else error))
        except errors.RayError as error:
            return self._again(
                task, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
            )

    def _again(self, task: Task, reason: str) -> Event:
        if task.attempt >= ATTEMPTS:
            return Lost(task.trial_id, f"given up after {ATTEMPTS} attempts; the last: {reason}")
        # Ahead of the queue, so that a pair of seeds is not torn apart by the end of the sweep.
        self._waiting.appendleft(replace(task, attempt=task.attempt + 1))
        return Retried(task.trial_id, reason)
