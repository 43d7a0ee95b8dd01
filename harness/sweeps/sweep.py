"""A sweep: running a suite's missing trials."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.harness.cells.cell import PLUGIN_KINDS, Cell, Trial
from ganbench.harness.data.store import Store
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.names import PLAN
from ganbench.harness.ledger.running import left_behind
from ganbench.harness.planning.readiness import check_data, check_machine
from ganbench.harness.planning.seeding import Sequential, seeds_wanted, whether_failed
from ganbench.harness.planning.suite import Suite, load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.process import disk
from ganbench.harness.scheduling.drive import Execute, Round
from ganbench.harness.scheduling.duration import Durations
from ganbench.harness.scheduling.endings import Done, Ending, Event, Lost, Note, Retried
from ganbench.harness.scheduling.task import Task
from ganbench.harness.stability import load_definition
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.ways import AUTO
from ganbench.harness.sweeps.signals import stopping
from ganbench.harness.sweeps.unfit import UnfitNodes
from ganbench.harness.sweeps.ways import ways_of, with_ways
from ganbench.harness.training.checkpoint import EVERY_SECONDS
from ganbench.harness.worker.interruption import ask_to_stop, go_on, is_asked_to_stop, now_and_then
from ganbench.harness.worker.watch import HANG_SECONDS

if TYPE_CHECKING:
    from ganbench.harness.sweeps.prometheus import SweepMetrics

COMPACT_FROM = 1000
"""Single records that a sweep moves into a part: from there on they would slow every reader down."""

LOCAL = "local"
INLINE = "inline"


@dataclass
class SweepReport:
    """What a sweep did, and what is left.

    Attributes:
        planned: Trials of the suite; where seeds are sequential, those wanted so far.
        before: Of these, committed before the sweep.
        committed: Committed by it.
        outcomes: Of the committed trials, how many had each outcome.
        failures: How often each failure mode was found.
        retried: Attempts that infrastructure took away.
        lost: Trials that were not brought to a commit, with the reason.
        given_up: How many these are of each normalizer, by its label.
        set_aside: Damaged records that were moved out of the way.
        seconds: Duration.
    """

    planned: int
    before: int
    committed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    given_up: Counter[str] = field(default_factory=Counter)
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
            self.outcomes[event.outcome] += 1
            self.failures.update(event.modes)
        elif isinstance(event, Retried):
            self.retried += 1
        elif isinstance(event, Lost):
            self.lost[event.trial_id] = event.reason
            self.given_up.update([event.normalizer] if event.normalizer else [])


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
    jobs: int | None = None,
    gpus: float | None = None,
    execution: ExecutionMode | None = None,
    data_dir: str | Path | None = None,
    checkpoint_every: float = EVERY_SECONDS,
    hang_after: float = HANG_SECONDS,
    on_event: OnEvent | None = None,
    metrics: SweepMetrics | None = None,
) -> SweepReport:
    """Run what a suite asks for and the ledger does not hold yet. The same call again continues.

    Args:
        suite: A path, a shipped suite's name, or a suite that was read before (with the same plugins).
        results: The ledger's folder, or an object store's address; ``results/<suite>`` when absent.
        address: ``"local"`` for a Ray of our own, ``"inline"`` for this process, otherwise a Ray cluster's address.
        plugins: Files or modules with further plugins.
        seeds: Trials per cell, instead of the suite's own number.
        limit: Run at most this many trials now.
        jobs: Train in at most this many processes at once, 1 or more; in as many as there is room for when absent.
        gpus: Share of a GPU for every trial, instead of what the suite says; 0 for the CPU.
        execution: How trials are run. Where nothing is said of their steps, the plan says of each cell, from when its sweep
            began, whether they are compiled; see ``ways.py``.
        data_dir: Where data sets stand; GANBENCH_DATA or the user's cache when absent.
        checkpoint_every: Seconds between two checkpoints of a training.
        hang_after: Seconds without progress that end an attempt, at least; ten times the longest wait before, where that is
            more; 0 for never.
        on_event: Progress.
        metrics: What is reported to Prometheus.

    Raises:
        InputError: The suite, a plugin, the address or a data set cannot be used, a metric lacks weights that cannot be
            fetched, or this machine is too small. Nothing was written.
        LedgerError: The results folder cannot be used.
        ClusterError: The cluster was lost, or no node of it is fit.
    """
    catalog = Catalog([PluginSource.read(origin) for origin in plugins], tolerant=True)
    read = suite if isinstance(suite, Suite) else load_suite(suite, catalog=catalog)
    read = read.with_seeds(seeds).with_gpus(gpus)
    place, most = _place(address), disk()
    ledger = Ledger(results if results is not None else default_results(read))
    try:
        committed = ledger.committed()
    except LedgerError:  # a part is damaged: it is set aside below, once it is clear that anything is to run here
        committed = set()
    if address in (LOCAL, INLINE):  # a cluster's machines have resources and data directories of their own
        unfinished = {trial.cell.id: trial.cell for trial in read.trials() if trial.id not in committed}
        check_machine(unfinished.values())
        check_data(unfinished.values(), Store.find(data_dir))
    execution = execution or ExecutionMode(AUTO)
    here = Store.find(data_dir).programs if address in (LOCAL, INLINE) else None
    ways = ways_of(read, ledger.plan() if ledger.storage.exists(PLAN) else None, execution.way, here)
    plan = with_ways(read.plan(), ways)
    ledger.write_plan(plan)
    go_on(ledger.storage)
    # Damaged records first: their trials run again, from the checkpoints that they may have left.
    set_aside = ledger.set_damaged_aside()
    ledger.drop_checkpoints(most)
    wanted, missing = wanted_trials(read, ledger, ledger.committed() if set_aside else committed)
    report = SweepReport(planned=len(wanted), before=len(wanted) - len(missing), set_aside=set_aside)
    tell = on_event or (lambda report, event: None)
    what = {
        "data_dir": None if data_dir is None else str(Path(data_dir).absolute()),
        "checkpoint_every": checkpoint_every,
        "hang_after": hang_after,
        "detectors": tuple(detector.spec() for detector in read.detectors),
    }
    how = {way: replace(execution, way=way) for way in set(ways.values())}
    task_of = partial(_task, read, ledger.where, catalog.sources, lambda cell: how[ways[cell.id]], what)
    durations = _durations(ledger)
    started = time.monotonic()
    unfit = UnfitNodes(ledger.storage)

    def observe(ended: Sequence[Sequence[Ending]], aside: Mapping[str, str]) -> None:
        unfit.observe(ended, aside)
        if metrics is not None:
            metrics.observe(ended, aside)

    if metrics is not None:
        metrics.begin(ledger.storage, lambda: report.missing - len(report.lost))
    tell(report, None)
    for line in (*catalog.troubles(), *changed_plugins(ledger, wanted, missing)):
        tell(report, Note(line))

    def ask() -> None:
        with contextlib.suppress(LedgerError):  # then they end at the deadline, at their last checkpoint
            ask_to_stop(ledger.storage)

    # Inside the connection: Ray has handlers of its own, which end the process without a word.
    with (
        place() as execute,
        _compacting(ledger) as compacting,
        stopping(ask, lambda text: tell(report, Note(text))) as signalled,
    ):
        while chosen := missing[: None if limit is None else limit - report.committed]:
            before = report.committed
            round_ = Round(
                chosen,
                task_of,
                durations,
                stop=_any(
                    signalled, now_and_then(lambda: is_asked_to_stop(ledger.storage), ledger.storage.look_seconds)
                ),
                check=lambda: ledger.write_plan(plan),
                lanes=lambda need: execution.lanes(need.gpus),
                jobs=jobs,
                left=partial(left_behind, ledger.storage),
                observe=observe,
            )
            for event in execute(round_):
                report.add(event)
                report.seconds = time.monotonic() - started
                compacting(report.committed)
                if isinstance(event, Retried | Lost) and most < math.inf:
                    ledger.drop_checkpoints(most)
                tell(report, event)
            if read.sequential is None or report.lost or report.committed == before or signalled():
                break
            if is_asked_to_stop(ledger.storage):
                break
            # What is known now decides which cells get more seeds.
            wanted, missing = wanted_trials(read, ledger)
            report.planned = len(wanted)
    return report


def _any(*questions: Callable[[], bool]) -> Callable[[], bool]:
    return lambda: any(question() for question in questions)


def default_results(suite: Suite) -> Path:
    """Return where a suite's ledger stands unless told otherwise."""
    return Path("results") / suite.name


def wanted_trials(suite: Suite, ledger: Ledger, committed: set[str] | None = None) -> tuple[list[Trial], list[Trial]]:
    """Return the trials that a suite asks for by now, and those of them that a ledger does not hold, in its order.

    Where seeds are sequential, more may be wanted once these are committed.

    Args:
        suite: The suite.
        ledger: The ledger.
        committed: What it holds, where that is known already.
    """
    committed = ledger.committed() if committed is None else committed
    wanted = suite.trials(None if suite.sequential is None else _seeds_wanted(suite, suite.sequential, ledger))
    return wanted, [trial for trial in wanted if trial.id not in committed]


def changed_plugins(ledger: Ledger, wanted: Sequence[Trial], missing: Sequence[Trial]) -> list[str]:
    """Return a line for every plugin whose source is another than that of trials that are committed, under one version.

    For every normalizer its first and its last committed trial are looked at: reading all would take as long as a report,
    which looks at all.

    Args:
        ledger: The ledger.
        wanted: The suite's trials.
        missing: Those that are not committed.
    """
    left = {trial.id for trial in missing}
    held: dict[str, list[Trial]] = {}
    for trial in wanted:
        if trial.id not in left:
            held.setdefault(trial.cell.normalizer.label(), []).append(trial)
    changed = {
        item for trials in held.values() for trial in (trials[0], trials[-1]) for item in _changed(ledger, trial)
    }
    return [
        f"the source of {kind} {name} is not the one that trials in this ledger were made with, though both are version"
        f" {version}; if results differ, raise `version` in its class: its trials then run anew, with a row of their own"
        for kind, name, version in sorted(changed)
    ]


def _changed(ledger: Ledger, trial: Trial) -> Iterator[tuple[str, str, str]]:
    """Yield kind, name and version of the plugins of a committed trial whose source is another one now."""
    try:
        made = ledger.read(trial.id).provenance.get("sources") or {}
    except LedgerError:  # damaged: a sweep sets it aside
        return
    for kind in PLUGIN_KINDS:
        plugin = getattr(trial.cell, kind)
        if made.get(kind, plugin.source()) != plugin.source():
            yield kind, plugin.label(), plugin.version


def _seeds_wanted(suite: Suite, sequential: Sequential, ledger: Ledger) -> dict[str, int]:
    definition = load_definition(suite.definition)
    failed: dict[str, dict[int, bool | None]] = {}
    for record in ledger.records():
        if record.spec["suite_seed"] == suite.seed:
            failed.setdefault(record.cell_id, {})[record.seed] = whether_failed(record.judged_by(definition))
    return seeds_wanted(suite.places(), sequential, failed)


def _task(
    suite: Suite,
    ledger: str,
    sources: tuple[PluginSource, ...],
    execution: Callable[[Cell], ExecutionMode],
    what: Mapping[str, Any],
    trial: Trial,
) -> Task:
    about = (trial.id, trial.spec(), trial.cell.setting, sources, suite.definition, ledger)
    return Task(*about, execution=execution(trial.cell), **what)


def _durations(ledger: Ledger) -> Durations:
    durations = Durations()
    for row in ledger.summary():
        durations.add(row["cell"], row["seconds"])
    return durations


@contextlib.contextmanager
def _compacting(ledger: Ledger) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how much is committed, and has it compacted beside the sweep when it is enough."""
    started, thread = 0, None

    def compact() -> None:
        # Another driver may be at it, or the disk be full: single records do as well.
        with contextlib.suppress(LedgerError):
            Ledger(ledger.storage).compact(least=COMPACT_FROM)

    def tell(committed: int) -> None:
        nonlocal started, thread
        if committed - started >= COMPACT_FROM and (thread is None or not thread.is_alive()):
            started, thread = committed, threading.Thread(target=compact)
            thread.start()

    try:
        yield tell
    finally:
        if thread is not None:
            thread.join()
        compact()


def _place(address: str) -> Callable[[], contextlib.AbstractContextManager[Execute]]:
    if address == INLINE:
        from ganbench.harness.worker.inline import run_inline

        return lambda: contextlib.nullcontext(run_inline)
    from ganbench.harness.cluster.connection import check_address
    from ganbench.harness.cluster.executor import on_ray

    check_address(address)
    return partial(on_ray, address)
