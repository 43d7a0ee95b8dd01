"""A sweep: running a suite's missing trials."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from harness.cell import Trial
from harness.data.store import Store
from harness.errors import LedgerError
from harness.execution import Event, Execute, Retried, run_inline
from harness.interruption import go_on, is_asked_to_stop
from harness.ledger import Ledger
from harness.readiness import check_data
from harness.registry import Catalog, PluginSource
from harness.seeding import Sequential, seeds_wanted
from harness.stability import load_definition
from harness.suite import Suite, load_suite
from harness.worker import Done, Task

COMPACT_FROM = 1000
"""Single records that a sweep moves into a part, under way and when it ends: more would slow every reader down."""

LOCAL = "local"
INLINE = "inline"


@dataclass
class SweepReport:
    """What a sweep did, and what is left.

    Attributes:
        planned: Trials of the suite; where seeds are sequential, those wanted so far.
        before: Of these, committed before the sweep.
        committed: Committed by it.
        failures: Of the committed trials, how often each failure mode was found.
        failed: Of the committed trials, how many were unstable or could not run.
        retried: Attempts that infrastructure took away.
        lost: Trials that were not brought to a commit, with the reason.
        set_aside: Damaged records that were moved out of the way.
        seconds: Duration.
    """

    planned: int
    before: int
    committed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    retried: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    set_aside: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def missing(self) -> int:
        """Trials of the suite that are not committed."""
        return self.planned - self.before - self.committed

    def add(self, event: Event) -> None:
        """Take account of an event."""
        if isinstance(event, Done):
            self.committed += 1
            self.failures.update(event.modes)
            self.failed += bool(event.modes)
        elif isinstance(event, Retried):
            self.retried += 1
        else:
            self.lost[event.trial_id] = event.reason


OnEvent = Callable[[SweepReport, Event | None], None]
"""Called at the start with None, then after every event."""


def run(
    suite: str | Path | Suite,
    results: str | Path | None = None,
    *,
    address: str = LOCAL,
    plugins: Sequence[str] = (),
    seeds: int | None = None,
    limit: int | None = None,
    compiled: bool = False,
    data_dir: str | Path | None = None,
    on_event: OnEvent | None = None,
) -> SweepReport:
    """Run what a suite asks for and the ledger does not hold yet. The same call again continues.

    Args:
        suite: A path, a shipped suite's name, or a suite that was read before (with the same plugins).
        results: The ledger's folder, or an object store's address; ``results/<suite>`` when absent.
        address: ``"local"`` for a Ray of our own, ``"inline"`` for this process, otherwise a Ray cluster's address.
        plugins: Files or modules with further plugins.
        seeds: Trials per cell, instead of the suite's own number.
        limit: Run at most this many trials now.
        compiled: Compile the step; faster for long trials, equal to the plain step up to rounding.
        data_dir: Where data sets stand; GANBENCH_DATA or the user's cache when absent.
        on_event: Progress.

    Raises:
        InputError: The suite, a plugin, the address or a data set cannot be used. Nothing was written.
        LedgerError: The results folder cannot be used.
    """
    sources = [PluginSource.read(origin) for origin in plugins]
    read = suite if isinstance(suite, Suite) else load_suite(suite, catalog=Catalog(sources))
    read = read.with_seeds(seeds)
    execute = _executor(address)
    ledger = Ledger(results if results is not None else default_results(read))
    if address in (LOCAL, INLINE):  # a cluster's machines have data directories of their own
        committed_before = ledger.committed()
        unfinished = {trial.cell.id: trial.cell for trial in read.trials() if trial.id not in committed_before}
        check_data(unfinished.values(), Store.find(data_dir))
    ledger.write_plan(read.plan())
    go_on(ledger.storage)
    ledger.drop_checkpoints()
    set_aside = ledger.set_damaged_aside()
    wanted, missing = wanted_trials(read, ledger)
    report = SweepReport(planned=len(wanted), before=len(wanted) - len(missing), set_aside=set_aside)
    tell = on_event or (lambda report, event: None)
    how = {"sources": tuple(sources), "compiled": compiled, "data_dir": data_dir and str(Path(data_dir).absolute())}
    started = time.monotonic()
    tell(report, None)
    while chosen := missing[: None if limit is None else limit - report.committed]:
        committed = report.committed
        for event in execute(_tasks(read, chosen, ledger, how)):
            report.add(event)
            if isinstance(event, Done) and report.committed % COMPACT_FROM == 0:
                _compact(ledger)
            report.seconds = time.monotonic() - started
            tell(report, event)
        if read.sequential is None or report.lost or report.committed == committed or is_asked_to_stop(ledger.storage):
            break
        # What is known now decides which cells get more seeds.
        wanted, missing = wanted_trials(read, ledger)
        report.planned = len(wanted)
    _compact(ledger)
    return report


def _compact(ledger: Ledger) -> None:
    with contextlib.suppress(LedgerError):  # another driver is at it, or the disk is full: single records do as well
        ledger.compact(least=COMPACT_FROM)


def default_results(suite: Suite) -> Path:
    """Return where a suite's ledger stands unless told otherwise."""
    return Path("results") / suite.name


def wanted_trials(suite: Suite, ledger: Ledger) -> tuple[list[Trial], list[Trial]]:
    """Return the trials that a suite asks for by now, and those of them that a ledger does not hold, in its order.

    Where seeds are sequential, more may be wanted once these are committed.
    """
    committed = ledger.committed()
    wanted = suite.trials(None if suite.sequential is None else _seeds_wanted(suite, suite.sequential, ledger))
    return wanted, [trial for trial in wanted if trial.id not in committed]


def _seeds_wanted(suite: Suite, sequential: Sequential, ledger: Ledger) -> dict[str, int]:
    definition = load_definition(suite.definition)
    failed: dict[str, dict[int, bool]] = {}
    for record in ledger.records():
        if record.spec["suite_seed"] == suite.seed:
            failed.setdefault(record.cell_id, {})[record.seed] = record.judged_by(definition).failed
    return seeds_wanted(suite.places(), sequential, failed)


def _tasks(suite: Suite, trials: Sequence[Trial], ledger: Ledger, how: Mapping[str, Any]) -> list[Task]:
    return [
        Task(trial.id, trial.spec(), trial.cell.setting, definition=suite.definition, ledger=ledger.where, **how)
        for trial in trials
    ]


def _executor(address: str) -> Execute:
    if address == INLINE:
        return run_inline
    from harness.cluster.connection import check_address
    from harness.cluster.executor import run_on_ray

    check_address(address)
    return partial(run_on_ray, address=address)
