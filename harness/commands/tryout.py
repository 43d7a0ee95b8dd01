"""``ganbench try``: is a new normalizer more stable than a suite's baseline?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.harness.commands.common import (
    INCOMPLETE,
    DataOption,
    PluginOption,
    SeedsOption,
    chosen_normalizers,
    shown,
)

if TYPE_CHECKING:
    from rich.console import Console

    from ganbench.harness.ledger import Ledger
    from ganbench.harness.planning.suite import Suite
    from ganbench.harness.sweeps.tryout import TakenOver, TrySuite
    from ganbench.reports import Leaderboard
    from ganbench.reports.tryout import TryoutFinding


def try_(
    normalizer: Annotated[
        str,
        typer.Argument(
            help="A .py file with one or several, a name, or as a suite writes it: '{name: bssn, scale: 1.2}'."
        ),
    ],
    suite: Annotated[
        str, typer.Option(help="A suite file, or a shipped suite's name: its settings, and its declared baseline.")
    ] = "quick",
    seeds: SeedsOption = None,
    results: Annotated[
        str | None,
        typer.Option(
            "--results", help="The try's own ledger. [default: results/try/SUITE/NAME-..., another for every source]"
        ),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="A ledger that has trials of the baseline, which are reused; repeatable. [default: results/SUITE]",
        ),
    ] = None,
    reuse: Annotated[bool, typer.Option(help="Whether committed trials of the baseline are reused.")] = True,
    address: Annotated[
        str, typer.Option(help="local: a Ray of our own; inline: this process, no Ray; else a Ray cluster's address.")
    ] = "local",
    plugin: PluginOption = None,
    gpus: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of a GPU per trial; 0: CPU. [default: the suite's own]")
    ] = None,
    data_dir: DataOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; what is on the way goes to standard error.")
    ] = False,
) -> None:
    """Try a normalizer: more stable than a suite's baseline, less stable, or not enough seeds to say?"""
    import json

    from rich.console import Console

    from ganbench.harness.ledger import Ledger
    from ganbench.harness.planning.suite import load_suite
    from ganbench.harness.sweeps.sweep import run
    from ganbench.harness.sweeps.tryout import against_baseline, begin, default_results, known_ledgers, timed_apart
    from ganbench.reports import leaderboard
    from ganbench.reports.tryout import findings

    console = Console(stderr=as_json)
    found, tried = chosen_normalizers(normalizer, plugin)
    read = load_suite(suite, catalog=found).with_seeds(seeds).with_gpus(gpus)
    wanted = against_baseline(read, tried, _command(normalizer, suite, seeds, plugin))
    place = results if results is not None else default_results(read, tried)
    ledger = Ledger(place)
    sources = _sources(read, from_) if reuse else []
    if reuse and results is None:
        sources += known_ledgers(Path(place))
    _check_ready(wanted, [ledger, *sources], address, data_dir)
    _say_plan(console, read, wanted, begin(wanted, ledger, sources))
    with shown(console) as display:
        report = run(
            wanted,
            place,
            address=address,
            plugins=[source.origin for source in found.sources],
            data_dir=data_dir,
            on_event=display,
        )
    page = leaderboard(ledger)
    _refuse_other_data(page, ledger)
    out = ledger.beside("leaderboard")
    page.write(out)
    answers = findings(page, timed_apart=timed_apart(wanted, ledger))
    if as_json:
        print(json.dumps(_json(wanted, page, answers, ledger, out, report.committed), indent=1, ensure_ascii=False))
    else:
        _say_findings(console, page, answers, out)
    if report.missing:
        console.print(f"{report.missing} trials are missing; the same command continues", style="yellow")
        raise typer.Exit(INCOMPLETE)


def _sources(suite: Suite, named: list[str] | None) -> list[Ledger]:
    """Return the ledgers that may have the baseline's trials: those that were named, or the suite's own if it is there."""
    from ganbench.harness.ledger import Ledger, read_ledger
    from ganbench.harness.ledger.names import PLAN
    from ganbench.harness.sweeps.sweep import default_results

    if named:
        return [read_ledger(item) for item in named]
    usual = default_results(suite)
    return [Ledger(usual)] if (usual / PLAN).is_file() else []


def _check_ready(suite: TrySuite, ledgers: list[Ledger], address: str, data_dir: Path | None) -> None:
    """Refuse what this machine cannot run before anything is written; a cluster's machines are looked at later."""
    from ganbench.harness.data.store import Store
    from ganbench.harness.planning.readiness import check_data, check_machine
    from ganbench.harness.sweeps.sweep import INLINE, LOCAL
    from ganbench.harness.sweeps.tryout import unfinished

    if address in (LOCAL, INLINE):
        cells = unfinished(suite, ledgers)
        check_machine(cells)
        check_data(cells, Store.find(data_dir))
    else:
        from ganbench.harness.cluster.connection import check_address

        check_address(address)


def _say_plan(console: Console, read: Suite, wanted: TrySuite, taken: TakenOver) -> None:
    from ganbench.reports.formatting import plain

    def tell(text: str, style: str | None = None) -> None:
        console.print(plain(text), style=style, highlight=False, soft_wrap=True, markup=False)

    if read.sequential is not None:
        tell(
            f"suite {read.name} adds seeds while comparisons are open; a try has its least, {wanted.seeds}, or --seeds"
        )
    for line in wanted.left_out:
        tell(f"left out: {line}", "yellow")
    for path in taken.set_aside:
        tell(f"damaged record set aside, its trial runs again: {path}", "yellow")
    for where, trials in taken.trials.items():
        tell(f"{trials} committed trials reused from {where}")
    for where, trials in taken.stale.items():
        tell(f"{trials} trials in {where} are of another source of the same version, and are not reused", "yellow")
    for problem in taken.damaged:
        tell(f"not reused: {problem}", "yellow")


def _say_findings(console: Console, page: Leaderboard, answers: list[TryoutFinding], out: Path) -> None:
    from ganbench.reports.tryout import notes

    console.print()
    for found in answers:
        console.print(found.text, highlight=False, markup=False)
        console.print()
    for note in notes(page):
        console.print(note, style="yellow", highlight=False, markup=False)
    console.print(f"the leaderboard of both: {out / 'leaderboard.html'}", highlight=False, markup=False, soft_wrap=True)


def _json(
    suite: TrySuite, page: Leaderboard, answers: list[TryoutFinding], ledger: Ledger, out: Path, trained: int
) -> dict[str, object]:
    from ganbench.reports.tryout import notes

    return {
        "suite": suite.name,
        "seeds": suite.seeds,
        "complete": page.evidence.committed == page.evidence.planned,
        "trained": trained,
        "committed_before": page.evidence.committed - trained,
        "tried": [found.to_json() for found in answers],
        "left_out": list(suite.left_out),
        "notes": notes(page),
        "results": ledger.where,
        "leaderboard": str(out / "leaderboard.html"),
    }


def _refuse_other_data(page: Leaderboard, ledger: Ledger) -> None:
    from ganbench.harness.errors import InputError
    from ganbench.reports.tryout import other_data

    if found := other_data(page.evidence):
        raise InputError(
            f"{ledger.where}: trials that were reused saw other data under the same name ({', '.join(found)}), so they are"
            " no pairs with the new ones; try again with --no-reuse and another --results"
        )


def _command(normalizer: str, suite: str, seeds: int | None, plugins: list[str] | None) -> str:
    """Return the command as a page shows it: with files' names, and without where they stand on this machine."""
    import shlex

    def name(text: str) -> str:
        return Path(text).name if text.endswith((".py", ".yaml", ".yml")) else text

    words = ["ganbench", "try", name(normalizer)]
    words += ["--suite", name(suite)] if suite != "quick" else []
    words += ["--seeds", str(seeds)] if seeds is not None else []
    words += [word for plugin in plugins or [] for word in ("--plugin", name(plugin))]
    return shlex.join(words)
