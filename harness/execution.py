"""Where tasks are executed: the words that schedulers share, and execution in this very process."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.errors import Interrupted, LedgerError
from harness.worker import Done, Task, execute


@dataclass(frozen=True)
class Lost:
    """A trial that could not be brought to a commit. It is not a result: it is missing, and runs again next time.

    Attributes:
        trial_id: Which one.
        reason: What happened.
    """

    trial_id: str
    reason: str


@dataclass(frozen=True)
class Retried:
    """An attempt that infrastructure took away; the trial was queued again.

    Attributes:
        trial_id: Which one.
        reason: What happened.
    """

    trial_id: str
    reason: str


Event = Done | Lost | Retried
Execute = Callable[[Sequence[Task]], Iterator[Event]]


def run_inline(tasks: Sequence[Task]) -> Iterator[Event]:
    """Execute tasks one after the other in this process, without Ray.

    Raises:
        LedgerError: The results folder cannot be written; going on would be of no use.
    """
    for task in tasks:
        try:
            yield execute(task)
        except LedgerError:
            raise
        except Interrupted as error:
            yield Lost(task.trial_id, f"{error}; it goes on from there")
            return
        except Exception as error:
            yield Lost(task.trial_id, fault(error))


def fault(error: BaseException) -> str:
    """Describe an exception that is no verdict in one line, with the place in our code where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
