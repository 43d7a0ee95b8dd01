"""``ganbench plan``, ``run``, ``status``, ``stop`` and ``sync``: a sweep, from before its start to its runs in MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganbench.harness.commands.common import (
    INCOMPLETE,
    DataOption,
    LedgerArgument,
    PluginOption,
    ResultsOption,
    SeedsOption,
    SuiteArgument,
    catalog,
    escaped,
    say,
    shown,
    terminal,
)
from ganbench.harness.process import cores
from ganbench.harness.training.checkpoint import EVERY_SECONDS
from ganbench.harness.worker.watch import HANG_SECONDS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ganbench.harness.cells.cell import Cell
    from ganbench.harness.ledger import Ledger
    from ganbench.harness.steps.execution_mode import ExecutionMode

WATCH_SECONDS = 3.0

TrackingOption = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri", help="MLflow's URI, or 'off'. [default: $MLFLOW_TRACKING_URI, or mlflow.db beside the ledger]"
    ),
]


def plan(
    suite: SuiteArgument,
    results: ResultsOption = None,
    plugin: PluginOption = None,
    seeds: SeedsOption = None,
    data_dir: DataOption = None,
) -> None:
    """Show what would run: cells, trials, done, missing, what to fetch first, and the cost as far as it is known."""
    from collections import Counter

    from rich.table import Table

    from ganbench.harness.data.store import Store
    from ganbench.harness.ledger import Ledger
    from ganbench.harness.planning.estimate import cost_in_words, measured_by_cell
    from ganbench.harness.planning.readiness import seldom_evaluated, to_fetch
    from ganbench.harness.planning.suite import load_suite
    from ganbench.harness.stability import load_definition
    from ganbench.harness.sweeps.sweep import changed_plugins, default_results, wanted_trials

    found = catalog(plugin, tolerant=True)
    read = load_suite(suite, catalog=found).with_seeds(seeds)
    ledger = Ledger(results or default_results(read))
    wanted, missing = wanted_trials(read, ledger)
    for line in (*found.troubles(), *changed_plugins(ledger, wanted, missing)):
        say(line, style="yellow")
    asked = Counter(trial.cell.id for trial in wanted)
    table = Table("cell", "dataset", "architecture", "setting", "normalizer", "steps", "done", "missing", box=None)
    left = Counter(trial.cell.id for trial in missing)
    for number, cell in enumerate(read.cells, 1):
        names = (str(number), cell.dataset.label(), cell.architecture.label(), cell.setting, cell.normalizer.label())
        table.add_row(*names, str(cell.steps), str(asked[cell.id] - left[cell.id]), str(left[cell.id]))
    console = terminal()
    console.print(table)
    for drawn in _drawn(read.cells):
        console.print(drawn)
    seeds_each = f"{read.seeds} seeds" if read.sequential is None else read.sequential.words()
    console.print(
        f"suite {read.name} version {read.version}: {len(read.cells)} cells x {seeds_each} = {len(wanted)} trials"
        f"{'' if read.sequential is None else ' so far'}, {len(wanted) - len(missing)} done, {len(missing)} missing"
    )
    seldom = seldom_evaluated(read.cells, load_definition(read.definition))
    if seldom is not None:
        say(seldom, style="yellow")
    if missing:
        needed = [cell for cell in read.cells if left[cell.id]]
        store = Store.find(data_dir)
        for line in to_fetch(needed, store):
            say(f"to fetch first: {line}", style="yellow")
        with terminal().status("timing steps") as status:
            measured = measured_by_cell(
                needed,
                ledger,
                found,
                progress=lambda count: status.update(f"timing steps: {count} of {len(needed)} cells"),
            )
        for line in cost_in_words(needed, left, measured, cores()):
            say(line)


def _drawn(cells: Iterable[Cell]) -> Iterator[Table]:
    """Yield a table of the settings that were drawn: one for all data sets and architectures with the same ones."""
    from rich.table import Table

    from ganbench.harness.planning.draws import value_at

    settings: dict[tuple[str, ...], dict[tuple[str, ...], None]] = {}
    for cell in cells:
        if cell.drawn:
            block = (f"{cell.dataset.label()} · {cell.architecture.label()}", "setting", *cell.drawn)
            spec = cell.spec()
            row = (cell.setting, *(_short(value_at(spec, key)) for key in cell.drawn))
            settings.setdefault(block, {})[row] = None
    tables: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for (title, *head), rows in settings.items():
        tables.setdefault((tuple(head), *rows), []).append(title)
    for (heads, *lines), titles in tables.items():
        table = Table(
            *map(escaped, heads), box=None, title=escaped(f"drawn for {', '.join(titles)}"), title_justify="left"
        )
        for line in lines:
            table.add_row(*map(escaped, line))
        yield table


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def run(
    suite: SuiteArgument,
    results: ResultsOption = None,
    address: Annotated[
        str, typer.Option(help="local: a Ray of our own; inline: this process, no Ray; else a Ray cluster's address.")
    ] = "local",
    tracking_uri: TrackingOption = None,
    plugin: PluginOption = None,
    seeds: SeedsOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Run at most this many trials now.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Train in at most this many processes at once. [default: all there is room for]"),
    ] = None,
    gpus: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of a GPU per trial; 0: CPU. [default: the suite's own]")
    ] = None,
    data_dir: DataOption = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, help="Seconds between two checkpoints of a training.")
    ] = EVERY_SECONDS,
    hang_after: Annotated[
        float, typer.Option(min=0, help="Seconds without progress that end an attempt, at least; 0: never.")
    ] = HANG_SECONDS,
    metrics: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Serve metrics for Prometheus; on loopback without HOST.")
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Make every step plainly, from Python, instead of replaying or compiling it."),
    ] = False,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the step: faster for long trials, equal up to rounding.")
    ] = False,
    tf32: Annotated[bool, typer.Option("--tf32", help="Let a GPU round products to TF32, as PyTorch may.")] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Keep a GPU to kernels that make the same numbers every time.")
    ] = False,
    pack: Annotated[
        str,
        typer.Option(
            metavar="auto|N|off",
            help="Trials that one process trains side by side, to fill a GPU; auto: as many as --gpus allows, 1 on a CPU.",
        ),
    ] = "off",
) -> None:
    """Run a suite's missing trials. The same command again continues."""
    from ganbench.harness.ledger import Ledger
    from ganbench.harness.planning.suite import load_suite
    from ganbench.harness.stability import METHOD_ERROR
    from ganbench.harness.sweeps.progress import status_line
    from ganbench.harness.sweeps.prometheus import served
    from ganbench.harness.sweeps.sweep import default_results
    from ganbench.harness.sweeps.sweep import run as sweep

    console = terminal()
    execution = _how(exact, compiled, pack=_pack(pack), tf32=tf32, deterministic=deterministic)
    read = load_suite(suite, catalog=catalog(plugin, tolerant=True))
    folder = results or default_results(read)
    if tracking_uri != "off":
        _check_tracking(tracking_uri)
    with shown(console) as display, served(metrics) as watch:
        report = sweep(
            read,
            folder,
            address=address,
            plugins=plugin or [],
            seeds=seeds,
            limit=limit,
            jobs=jobs,
            gpus=gpus,
            execution=execution,
            data_dir=data_dir,
            checkpoint_every=checkpoint_every,
            hang_after=hang_after,
            on_event=display,
            metrics=watch,
        )
    console.print(status_line(report), highlight=False, soft_wrap=True)
    if tracking_uri != "off":
        _sync(Ledger(folder), tracking_uri, console, must=False)
    if report.missing:
        given_up = ", ".join(f"{name} {count}" for name, count in report.given_up.most_common())
        said = f"; given up: {given_up}, for the reasons above" if given_up else ""
        say(f"{report.missing} trials are missing{said}; the same command continues", style="yellow")
        raise typer.Exit(INCOMPLETE)
    failed = report.outcomes[METHOD_ERROR]
    remark = f", but in {failed} of {report.committed} new trials the method could not run, as above" if failed else ""
    say(f"complete{remark}; next: ganbench report {folder}", style="yellow" if failed else None)


def _check_tracking(said: str | None) -> None:
    """Refuse a tracking URI that cannot be one before anything trains.

    Raises:
        InputError: It cannot.
    """
    import os

    from ganbench.harness.errors import InputError
    from ganbench.harness.tracking import AddressError, check_uri
    from ganbench.harness.tracking.feed import VARIABLE

    try:
        if uri := said or os.environ.get(VARIABLE):
            check_uri(uri)
    except AddressError as error:
        raise InputError(f"--tracking-uri: {error}") from error


def _pack(said: str) -> int | Literal["auto"]:
    """Return how many trials are to be trained side by side."""
    from ganbench.harness.errors import InputError
    from ganbench.harness.steps.execution_mode import AUTO, MOST_LANES

    if said in ("off", AUTO):
        return 1 if said == "off" else AUTO
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= MOST_LANES):
        raise InputError(f"--pack {said}: expected auto, off, or from 1 to {MOST_LANES} trials side by side")
    return int(said)


def _how(exact: bool, compiled: bool, pack: int | Literal["auto"], **gpu: bool) -> ExecutionMode:
    """Return how trials are to be run."""
    from ganbench.harness.errors import InputError
    from ganbench.harness.steps.execution_mode import ExecutionMode
    from ganbench.harness.steps.ways import AUTO, COMPILED, PLAIN

    if exact and compiled:
        raise InputError("--exact runs steps as they are written and --compile does not; give one of them")
    return ExecutionMode(PLAIN if exact else COMPILED if compiled else AUTO, pack, **gpu)


def status(
    directory: LedgerArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until it is complete.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object instead of sentences.")] = False,
) -> None:
    """Say how a sweep stands, from its ledger alone; it may be running anywhere."""
    import json
    import time

    from rich.live import Live

    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.sweeps.status import in_words
    from ganbench.harness.sweeps.status import status as look

    ledger = read_ledger(directory)
    if as_json:
        typer.echo(json.dumps(look(ledger).to_json()))
        return
    if not watch:
        say("\n".join(in_words(look(ledger))))
        return
    with Live(console=terminal(), auto_refresh=False) as live:
        while True:
            found = look(ledger)
            live.update("\n".join(map(escaped, in_words(found))), refresh=True)
            if found.done >= found.planned:
                return
            time.sleep(WATCH_SECONDS)


def stop(
    directory: LedgerArgument,
    wait: Annotated[float, typer.Option(min=0, help="Seconds that trainings have to end in; 0: do not wait.")] = 120.0,
) -> None:
    """Ask a running sweep to leave checkpoints and end, and say what did not; `ganbench run` goes on from there."""
    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.sweeps.status import ended, still_in_words
    from ganbench.harness.worker.interruption import ask_to_stop

    ledger = read_ledger(directory)
    ask_to_stop(ledger.storage)
    if not wait:
        say("trainings under way end after their step; the same `ganbench run` goes on from there")
        return
    left = ended(ledger, wait)
    for item in left:
        say(
            f"trial {item.trial_id} on {item.host} did not end within {wait:g} seconds{still_in_words(item)}",
            style="yellow",
        )
    if left:
        say("they may hang: end their processes there; what is committed is kept", style="yellow")
        raise typer.Exit(INCOMPLETE)
    say("no training is under way any more; the same `ganbench run` goes on from there")


def sync(
    directory: LedgerArgument,
    tracking_uri: Annotated[
        str | None,
        typer.Option(help="MLflow's URI. [default: $MLFLOW_TRACKING_URI, or mlflow.db beside the ledger]"),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on while the sweep runs, until it is complete.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks of --watch.")] = 10.0,
) -> None:
    """Bring the ledger into MLflow. Doing it twice changes nothing."""
    from ganbench.harness.ledger import read_ledger

    ledger = read_ledger(directory)
    if watch:
        _watch(ledger, tracking_uri, every)
    else:
        _sync(ledger, tracking_uri, terminal(), must=True)


def _watch(ledger: Ledger, tracking_uri: str | None, seconds: float) -> None:
    """Bring a running sweep into MLflow until it is complete or somebody has seen enough."""
    from ganbench.harness.tracking import SyncReport, TrackingError, watch

    said: list[str] = []

    def on_round(done: SyncReport) -> None:
        said.clear()
        say(f"MLflow: {done.trials_created} trials added, {done.done} of {done.planned} are at {done.uri}")

    def on_outage(error: TrackingError) -> None:
        if str(error) not in said:  # an outage of a night is said once
            said.append(str(error))
            say(f"{error}\ntrying again every {seconds:g} s", style="yellow")

    try:
        watch(ledger, tracking_uri, seconds=seconds, on_round=on_round, on_outage=on_outage)
    except KeyboardInterrupt:
        say(f"ended before the sweep was complete; later: ganbench sync {ledger.folder or ledger.where}")
        raise typer.Exit(INCOMPLETE) from None


def _sync(ledger: Ledger, tracking_uri: str | None, console: Console, *, must: bool) -> None:
    """Bring a ledger into MLflow; unless it must, an unreachable server is a warning: nothing is lost."""
    from ganbench.harness.errors import GanbenchError
    from ganbench.harness.tracking import BusyError, sync

    try:
        with console.status("bringing the ledger into MLflow") as line:
            done = sync(
                ledger,
                tracking_uri,
                on_progress=lambda done, total: line.update(f"bringing the ledger into MLflow: {done} of {total}"),
            )
    except Exception as error:  # whatever MLflow comes up with, the sweep's results stand
        if must:
            raise
        kind = "" if isinstance(error, GanbenchError) else f"{type(error).__name__}: "
        what = "MLflow is being written by another sync" if isinstance(error, BusyError) else "MLflow was not reached"
        say(f"{what}: {kind}{error}\nlater: ganbench sync {ledger.folder or ledger.where}", style="yellow")
        return
    updated = f" {done.trials_updated} brought up to date," if done.trials_updated else ""
    say(f"MLflow: {done.trials_created} trials added,{updated} experiment {done.experiment!r} at {done.uri}")
