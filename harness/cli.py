"""The command ``ganbench``. Thin: every verb reads its arguments and calls a function that Python users can call."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.data_cli import data
from harness.ledger_cli import ledger

if TYPE_CHECKING:
    from rich.console import Console

    from harness.ledger import Ledger
    from harness.registry import Catalog

OK = 0
BAD_INPUT = 2
INCOMPLETE = 3
WATCH_SECONDS = 3.0

app = typer.Typer(
    name="ganbench",
    help="How often does GAN training fail, under which normalizer, and how sure is that?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data)
app.add_typer(ledger)

SuiteArgument = Annotated[str, typer.Argument(help="A suite file, or a shipped suite's name (ganbench list suites).")]
ResultsOption = Annotated[Path | None, typer.Option("--results", help="The ledger's folder. [default: results/SUITE]")]
PluginOption = Annotated[
    list[str] | None, typer.Option("--plugin", help="A .py file or a module with further plugins; repeatable.")
]
SeedsOption = Annotated[int | None, typer.Option("--seeds", min=1, help="Trials per cell, instead of the suite's own.")]
DataOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Where data sets stand. [default: $GANBENCH_DATA, or a cache folder]")
]
TrackingOption = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="MLflow's URI, or 'off'. [default: mlflow.db beside the ledger]"),
]


class What(StrEnum):
    """What can be listed."""

    normalizers = "normalizers"
    datasets = "datasets"
    architectures = "architectures"
    losses = "losses"
    optimizers = "optimizers"
    metrics = "metrics"
    suites = "suites"


@app.command()
def plan(
    suite: SuiteArgument,
    results: ResultsOption = None,
    plugin: PluginOption = None,
    seeds: SeedsOption = None,
    data_dir: DataOption = None,
) -> None:
    """Show what would run: cells, trials, done, missing, and an estimate."""
    import os
    from collections import Counter

    from rich.table import Table

    from harness.data.store import Store
    from harness.estimate import seconds_by_cell
    from harness.ledger import Ledger
    from harness.progress import duration
    from harness.suite import load_suite
    from harness.sweep import default_results, wanted_trials

    catalog = _catalog(plugin)
    read = load_suite(suite, catalog=catalog).with_seeds(seeds)
    ledger = Ledger(results or default_results(read))
    wanted, missing = wanted_trials(read, ledger)
    asked = Counter(trial.cell.id for trial in wanted)
    table = Table("dataset", "architecture", "setting", "normalizer", "steps", "done", "missing", box=None)
    left = Counter(trial.cell.id for trial in missing)
    for cell in read.cells:
        names = (cell.dataset.label(), cell.architecture.label(), cell.setting, cell.normalizer.label())
        table.add_row(*names, str(cell.steps), str(asked[cell.id] - left[cell.id]), str(left[cell.id]))
    console = _console()
    console.print(table)
    seeds_each = f"{read.seeds} seeds" if read.sequential is None else read.sequential.words()
    console.print(
        f"suite {read.name} version {read.version}: {len(read.cells)} cells x {seeds_each} = {len(wanted)} trials"
        f"{'' if read.sequential is None else ' so far'}, {len(wanted) - len(missing)} done, {len(missing)} missing"
    )
    if missing:
        needed = [cell for cell in read.cells if left[cell.id]]
        seconds = seconds_by_cell(needed, ledger, catalog, Store.find(data_dir))
        work = sum(left[cell.id] * seconds[cell.id] for cell in needed)
        cores = os.cpu_count() or 1
        console.print(f"about {duration(work)} of computing, {duration(work / cores)} on this machine's {cores} cores")


@app.command()
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
    data_dir: DataOption = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the step: faster for long trials, equal up to rounding.")
    ] = False,
) -> None:
    """Run a suite's missing trials. The same command again continues."""
    from harness.errors import LedgerError
    from harness.ledger import Ledger
    from harness.progress import SweepDisplay, status_line
    from harness.registry import PluginSource
    from harness.suite import load_suite
    from harness.sweep import default_results
    from harness.sweep import run as sweep

    console = _console()
    read = load_suite(suite, plugins=[PluginSource.read(origin) for origin in plugin or []])
    folder = results or default_results(read)
    with SweepDisplay(console) as display:
        try:
            report = sweep(
                read,
                folder,
                address=address,
                plugins=plugin or [],
                seeds=seeds,
                limit=limit,
                compiled=compiled,
                data_dir=data_dir,
                on_event=display,
            )
        except (KeyboardInterrupt, LedgerError) as error:
            if not display.began:
                raise
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            console.print(f"{reason}\ncommitted trials are kept, and the same command continues", markup=False)
            raise typer.Exit(INCOMPLETE) from None
    console.print(status_line(report), highlight=False, soft_wrap=True)
    if tracking_uri != "off":
        _sync(Ledger(folder), tracking_uri, console, must=False)
    if report.missing:
        console.print(f"{report.missing} trials are missing; the same command continues", style="yellow")
        raise typer.Exit(INCOMPLETE)
    console.print(f"complete; next: ganbench report {folder}")


@app.command()
def status(
    directory: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until it is complete.")] = False,
) -> None:
    """Say how a sweep stands, from its ledger alone; it may be running anywhere."""
    import time

    from rich.live import Live

    from harness.ledger import read_ledger
    from harness.status import in_words
    from harness.status import status as look

    ledger, console = read_ledger(directory), _console()
    if not watch:
        console.print("\n".join(in_words(look(ledger))), highlight=False, soft_wrap=True, markup=False)
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            found = look(ledger)
            live.update("\n".join(map(_escaped, in_words(found))), refresh=True)
            if found.done >= found.planned:
                return
            time.sleep(WATCH_SECONDS)


@app.command()
def stop(directory: Annotated[Path, typer.Argument(help="The ledger's folder.")]) -> None:
    """Let a running sweep leave checkpoints and end; `ganbench run` goes on from there."""
    from harness.interruption import ask_to_stop
    from harness.ledger import read_ledger

    ask_to_stop(read_ledger(directory).root)
    _console().print("trainings under way end after their step; the same `ganbench run` goes on from there")


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    out: Annotated[Path | None, typer.Option(help="Where to write. [default: DIRECTORY/leaderboard]")] = None,
) -> None:
    """Write leaderboard.md, leaderboard.html and leaderboard.csv."""
    from harness.ledger import read_ledger
    from reports import leaderboard

    console = _console()
    for path in leaderboard(read_ledger(directory)).write(out or directory / "leaderboard"):
        console.print(str(path), highlight=False, soft_wrap=True)


@app.command()
def relabel(
    directory: Annotated[Path, typer.Argument(help="The ledger's folder.")],
    definition: Annotated[int, typer.Option(help="Version of the definition of instability.")],
) -> None:
    """Judge a ledger's trials by another definition; nothing is trained, and the records stay as they are."""
    from rich.table import Table

    from harness.ledger import read_ledger
    from harness.relabelling import relabel as again

    changes = again(read_ledger(directory), definition)
    console = _console()
    table = Table("before", "by definition " + str(definition), "trials", box=None)
    for (before, after), trials in sorted(changes.moved.items()):
        table.add_row(before, after, str(trials))
    if changes.moved:
        console.print(table)
    console.print(
        f"{changes.trials} trials judged by definition {definition}, {sum(changes.moved.values())} of them differently;"
        f" next: ganbench report {directory}"
    )


@app.command()
def label(
    traces: Annotated[
        Path, typer.Argument(help="Logs of trainings, .parquet or .csv: columns run, step and measures.")
    ],
    definition: Annotated[
        int | None, typer.Option(help="Version of the definition of instability. [default: the newest]")
    ] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Planned steps. [default: each run's last]")] = None,
    fid_ceiling: Annotated[
        float | None, typer.Option(min=0, help="A Frechet distance that a training must get below.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per run instead of a table.")] = False,
) -> None:
    """Judge anybody's training logs: verdict, failure modes, the step of the first, and the figure that decided."""
    import json

    from rich.table import Table

    from harness.labelling import label_file, rows

    labelled = label_file(traces, definition, budget=budget, fid_ceiling=fid_ceiling)
    if as_json:
        for row in rows(labelled):
            print(json.dumps(row))
        return
    console = _console()
    table = Table("run", "verdict", "first", "what decided", box=None)
    for row in rows(labelled):
        first = "" if row["failed_at"] is None else f"step {row['failed_at']}"
        reasons = "; ".join(f"{item['mode'].replace('_', ' ')}: {item['reason']}" for item in row["findings"])
        reasons += "".join(f" (warning: {item['reason']})" for item in row["warnings"])
        table.add_row(_escaped(row["run"]), row["verdict"], first, _escaped(reasons.strip()))
    console.print(table)
    for note in labelled.notes:
        console.print(note, style="yellow", highlight=False, soft_wrap=True, markup=False)
    console.print(labelled.summary(), highlight=False, soft_wrap=True)


@app.command()
def sync(
    directory: Annotated[Path, typer.Argument(help="The ledger's folder.")], tracking_uri: TrackingOption = None
) -> None:
    """Bring the ledger into MLflow. Doing it twice changes nothing."""
    from harness.ledger import read_ledger

    _sync(read_ledger(directory), tracking_uri, _console(), must=True)


@app.command(name="list")
def list_(what: Annotated[What, typer.Argument(help="What to list.")], plugin: PluginOption = None) -> None:
    """List what a suite can name, with a line on each."""
    from rich.table import Table

    from harness.registry import KINDS
    from harness.suite import shipped_suites

    console = _console()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    if what == What.suites:
        for name, path in shipped_suites().items():
            table.add_row(name, _suite_line(path))
    else:
        kind = next(kind for kind, group in KINDS.items() if group == f"ganbench.{what}")
        for listed in _catalog(plugin).listing(kind):
            if listed.plugin is None:
                table.add_row(listed.name, f"[red]cannot be loaded:[/] {_escaped(listed.error)}", "")
            else:
                table.add_row(listed.name, _escaped(listed.plugin.summary), _escaped(listed.plugin.paper))
    console.print(table)


@app.command()
def check(
    normalizer: Annotated[str, typer.Argument(help="A normalizer's name, or a .py file with one or several.")],
    plugin: PluginOption = None,
) -> None:
    """Check whether a normalizer is fit to run."""
    from harness.conformance import check_normalizer

    console = _console()
    is_file = normalizer.endswith(".py")
    catalog = _catalog([*(plugin or []), *([normalizer] if is_file else [])])
    installed = set(_catalog(plugin).names("normalizer"))
    names = [name for name in catalog.names("normalizer") if name not in installed] if is_file else [normalizer]
    failed = 0
    for name in names:
        checked = catalog.create("normalizer", name)
        console.print(f"[bold]{_escaped(checked.label())}[/]")
        for outcome in check_normalizer(checked, catalog):  # type: ignore[arg-type]
            mark = "[green]passed[/]" if outcome.passed else "[red]FAILED[/]"
            console.print(
                f"  {mark}  {outcome.claim}" + (f"\n          {_escaped(outcome.detail)}" if outcome.detail else "")
            )
            failed += not outcome.passed
    if failed:
        raise typer.Exit(BAD_INPUT)


@app.command()
def power(
    first: Annotated[float, typer.Argument(min=0, max=1, help="Failure rate of one normalizer, from 0 to 1.")],
    second: Annotated[float, typer.Argument(min=0, max=1, help="Failure rate of another.")],
    cells: Annotated[int, typer.Option(min=1, help="Cells of each normalizer, which are pooled.")] = 1,
    normalizers: Annotated[int, typer.Option(min=2, help="How many normalizers are compared.")] = 2,
    baseline_only: Annotated[
        bool, typer.Option("--baseline-only", help="Count comparisons with a baseline only, instead of all pairs.")
    ] = False,
    alpha: Annotated[float, typer.Option(help="Chance of a false claim in all comparisons together.")] = 0.05,
    chance: Annotated[float, typer.Option("--power", help="Wanted chance of telling the two apart.")] = 0.8,
) -> None:
    """Say how many seeds per cell it takes to tell two normalizers apart."""
    from reports.power import seeds_in_words

    console = _console()
    for line in seeds_in_words(
        first, second, cells=cells, normalizers=normalizers, baseline_only=baseline_only, alpha=alpha, power=chance
    ):
        console.print(line, highlight=False, soft_wrap=True)


@app.command()
def doctor() -> None:
    """Look at versions, devices, Ray, MLflow, free disk and data sets."""
    from harness.doctor import examine

    console = _console()
    bad = 0
    for finding in examine(_catalog(None), Path.cwd()):
        mark = "[green]ok [/]" if finding.good else "[red]BAD[/]"
        console.print(f"{mark} {finding.subject}: {_escaped(finding.state)}", highlight=False)
        bad += not finding.good
    if bad:
        raise typer.Exit(BAD_INPUT)


def main() -> None:
    """Run the command, turning our own errors into one message and an exit code."""
    from harness.errors import GanbenchError

    try:
        app()
    except GanbenchError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _console() -> Console:
    from rich.console import Console

    return Console()


def _catalog(plugins: list[str] | None) -> Catalog:
    from harness.registry import Catalog, PluginSource

    return Catalog([PluginSource.read(origin) for origin in plugins or []])


def _sync(ledger: Ledger, tracking_uri: str | None, console: Console, *, must: bool) -> None:
    """Bring a ledger into MLflow; unless it must, an unreachable server is a warning: nothing is lost."""
    from harness.tracking import TrackingError, sync

    try:
        with console.status("bringing the ledger into MLflow"):
            done = sync(ledger, tracking_uri)
    except TrackingError as error:
        if must:
            raise
        console.print(f"MLflow was not reached: {error}\nlater: ganbench sync {ledger.root}", style="yellow")
        return
    text = f"MLflow: {done.trials_created} trials added, experiment {done.experiment!r} at {done.uri}"
    console.print(text, soft_wrap=True, highlight=False)


def _suite_line(path: Path) -> str:
    from harness.yaml_source import read_yaml

    return _escaped(" ".join(str(read_yaml(path).content.get("description", "")).split()))


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


if __name__ == "__main__":
    main()
