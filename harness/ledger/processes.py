"""Work on a large ledger shared out to several processes: the same results, in the same order, sooner.

A child is a plain interpreter that is handed a task in a file and answers in another: a script that calls it needs
no guard for it, and nothing is forked from a process with threads. Should a child be lost, or meet an error, its task is
done here, so that errors are those of a single process.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from ganbench.harness.ledger.files import LedgerFiles
from ganbench.harness.ledger.memory import Memory
from ganbench.harness.ledger.reading import reading
from ganbench.harness.process import cores

T = TypeVar("T")

PAYS = 4000
"""Trials that one process reads, or writes about, sooner than another one starts."""

MOST = 4
"""More processes than this wait for the disk, and for the one that puts things together."""


def processes(trials: int) -> int:
    """Return how many processes work on so many trials; results do not depend on it."""
    return max(1, min(MOST, cores(), trials // PAYS))


def shares(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Deal things out, the largest first, always to whoever has least.

    Args:
        sizes: Of the things.
        count: How many shares; fewer where there are fewer things.

    Returns:
        The indices of the things in each share, rising.
    """
    dealt: list[list[int]] = [[] for _ in range(max(1, min(count, len(sizes))))]
    loads = [0] * len(dealt)
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        least = loads.index(min(loads))
        dealt[least].append(index)
        loads[least] += sizes[index]
    return [sorted(share) for share in dealt]


def run(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Do tasks, the first one here and each of the others in a process of its own, and return their results.

    Args:
        tasks: At least one. They can be pickled, and so can the results; doing one again does no harm.
    """
    with ExitStack() as stack:
        children = [stack.enter_context(_Child(task)) for task in tasks[1:]]
        return [tasks[0](), *(child.result() for child in children)]


@contextmanager
def started(tasks: Sequence[Callable[[], T]]) -> Iterator[Callable[[], list[T]]]:
    """Have tasks done elsewhere while the body goes on; a single task is done here, when its result is wanted.

    Args:
        tasks: At least one, as for :func:`run`.

    Yields:
        What waits for the results and returns them.
    """
    with ExitStack() as stack:
        children = [stack.enter_context(_Child(task)) for task in tasks] if len(tasks) > 1 else []
        yield lambda: [child.result() for child in children] or [tasks[0]()]


Task = Callable[[LedgerFiles, str], Any]
"""From a ledger and the name of one of its parts to a result; it can be pickled, and so can the result."""


class Lasting(ABC):
    """A task whose results are worth keeping, for they depend on nothing else than what it says."""

    @abstractmethod
    def __call__(self, ledger: LedgerFiles, part: str) -> Any:
        """Return what it makes of a part."""

    @property
    @abstractmethod
    def depends(self) -> str:
        """All that its results depend on, apart from a part's content and the code."""

    @abstractmethod
    def lasts(self, result: Any) -> bool:
        """Say whether a result says nothing of the moment, as of a file that could not be read."""


@dataclass(frozen=True)
class _Parts:
    """A task for some parts of a ledger."""

    where: str
    names: tuple[str, ...]
    task: Task

    def __call__(self) -> list[Any]:
        ledger = LedgerFiles(self.where)
        return [self.task(ledger, name) for name in self.names]


def each_part(ledger: LedgerFiles, task: Task) -> Iterator[Any]:
    """Yield what a task makes of every part, in the order in which parts count.

    Of large ledgers, what a lasting task made of a part before is taken from memory.

    Raises:
        LedgerError: A part or a record is damaged.
    """
    sizes = ledger.parts.sizes()
    if not isinstance(task, Lasting) or ledger.folder is None or sum(sizes.values()) < PAYS:
        yield from _each(ledger, sizes, task)
        return
    memory = Memory()
    with reading(ledger.where):
        keys = {name: memory.key(ledger.folder / name, f"{ledger.where} {name} {task.depends}") for name in sizes}
    known = {name: memory.recall(key) for name, key in keys.items()}
    new = {name: size for name, size in sizes.items() if known[name] is None}
    made = _each(ledger, new, task)
    for name in sizes:
        result = known.pop(name)
        if name in new:
            result = next(made)
            if task.lasts(result):
                memory.keep(keys[name], result)
        yield result
    if new:
        memory.tidy()


def _each(ledger: LedgerFiles, sizes: Mapping[str, int], task: Task) -> Iterator[Any]:
    """Yield what a task makes of some parts, in their order."""
    names = list(sizes)
    # Who talks to an object store may do so with what only this process knows.
    count = 1 if ledger.folder is None else processes(sum(sizes.values()))
    if count == 1:
        yield from (task(ledger, name) for name in names)
        return
    share = shares(list(sizes.values()), count)
    done = run([_Parts(ledger.where, tuple(names[index] for index in some), task) for some in share])
    found = {
        index: result
        for some, results in zip(share, done, strict=True)
        for index, result in zip(some, results, strict=True)
    }
    for index in range(len(names)):
        yield found.pop(index)


class _Child:
    """Another interpreter that does a task."""

    def __init__(self, task: Callable[[], Any]) -> None:
        self._task = task
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the child
        self._answer: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the child

    def __enter__(self) -> _Child:
        try:
            pickle.dump(self._task, self._asked, protocol=pickle.HIGHEST_PROTOCOL)
            self._asked.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ganbench.harness.ledger.processes"],
                stdin=self._asked, stdout=self._answer, stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )  # fmt: skip
        except OSError:
            pass  # then it is done here
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._asked.close()
        self._answer.close()

    def result(self) -> Any:
        """Wait for the result."""
        if self._process is not None and self._process.wait() == 0:
            self._answer.seek(0)
            return pickle.load(self._answer)  # noqa: S301  our own child wrote it
        return self._task()


@contextmanager
def uncollected() -> Iterator[None]:
    """Make many objects without a search for cycles among them every now and then; they are in none, and stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _main() -> None:
    gc.disable()
    task = pickle.load(sys.stdin.buffer)  # noqa: S301  from the process that started this one
    pickle.dump(task(), sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main()
