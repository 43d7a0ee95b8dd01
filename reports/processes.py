"""Reading the parts of a large ledger in several processes: the same results, in the same order, sooner.

A child is a plain interpreter that is told the ledger's folder, its parts and what to do with each; a script that calls
the reports needs no guard for it, and nothing is forked from a process with threads. Should a child be lost, or meet an
error, its parts are done here, so that errors are those of a single process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import IO, Any

from harness.ledger import Ledger

Task = Callable[[Ledger, str], Any]
"""From a ledger and the name of one of its parts to a result; it can be pickled, and so can the result."""

PAYS = 4000
"""Records that one process reads sooner than another one starts."""

MOST = 4
"""More processes than this wait for the disk, and for the one that puts things together."""


def each_part(ledger: Ledger, task: Task) -> Iterator[Any]:
    """Yield what a task makes of every part, in the order in which parts count.

    Raises:
        LedgerError: A part or a record is damaged.
    """
    sizes = ledger.parts.sizes()
    names = list(sizes)
    share = _share(names, sizes, 1 if ledger.folder is None else min(MOST, _cores(), sum(sizes.values()) // PAYS))
    with ExitStack() as stack:
        children = [stack.enter_context(_Child(ledger, theirs, task)) for theirs in share[1:]]
        found = {name: task(ledger, name) for name in share[0]}
        for child in children:
            found |= child.results()
    for name in names:
        yield found.pop(name)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _share(names: Sequence[str], sizes: dict[str, int], processes: int) -> list[list[str]]:
    """Deal parts out, the largest first, always to whoever has least."""
    shares: list[list[str]] = [[] for _ in range(max(1, min(processes, len(names))))]
    loads = [0] * len(shares)
    for name in sorted(names, key=lambda name: (-sizes[name], name)):
        least = loads.index(min(loads))
        shares[least].append(name)
        loads[least] += sizes[name]
    return shares


class _Child:
    """Another interpreter that does a task for some parts."""

    def __init__(self, ledger: Ledger, names: Sequence[str], task: Task) -> None:
        self._ledger, self._names, self._task = ledger, names, task
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: IO[bytes] = tempfile.TemporaryFile()

    def __enter__(self) -> _Child:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reports.processes"],
                stdin=subprocess.PIPE, stdout=self._answers, stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )  # fmt: skip
            assert self._process.stdin is not None
            with self._process.stdin as pipe:
                pickle.dump((self._ledger.where, self._names, self._task), pipe)
        except OSError:
            pass  # then its parts are done here
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def results(self) -> dict[str, Any]:
        """Wait for the results, by part."""
        if self._process is not None and self._process.wait() == 0:
            self._answers.seek(0)
            return {name: pickle.load(self._answers) for name in self._names}  # noqa: S301  our own child wrote it
        return {name: self._task(self._ledger, name) for name in self._names}


def _main() -> None:
    where, names, task = pickle.load(sys.stdin.buffer)  # noqa: S301  from the process that started this one
    ledger = Ledger(where)
    for name in names:
        pickle.dump(task(ledger, name), sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main()
