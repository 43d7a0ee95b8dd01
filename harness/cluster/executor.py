"""Execution on Ray: one task per trial, a bounded window, and retries that are ours. The only module that imports Ray."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from harness.cluster.connection import connected
from harness.errors import Interrupted, LedgerError
from harness.execution import Event, Lost, Retried, fault
from harness.interruption import is_asked_to_stop
from harness.worker import Done, Task, execute

ATTEMPTS = 5
"""How often infrastructure may take a trial away before it is given up for this sweep."""

POLL_SECONDS = 0.5


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
    with connected(address, cpus) as ray:
        yield from _Sweep(ray, tasks).events()


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
            if self._waiting and is_asked_to_stop(self._waiting[0].ledger):
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
            if is_asked_to_stop(task.ledger):
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
