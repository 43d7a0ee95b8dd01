"""``ganbench report``, ``diff``, ``badge``, ``relabel``, ``label`` and ``power``: what can be said of trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ganbench.harness.commands.common import LedgerArgument, PluginOption, catalog, escaped, say, terminal

if TYPE_CHECKING:
    from ganbench.harness.ledger.relabelling import Changes
    from ganbench.harness.stability import Detector

DetectorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="A detector that looks beside the definition's, and warns; with parameters as '{name: NAME, KEY: VALUE}';"
        " repeatable.",
    ),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="RULE.PARAMETER=VALUE",
        help="Another threshold than the definition's (loss.factor=1.5); repeatable. Such verdicts are not those of the"
        " published definition, and say so.",
    ),
]


def report(
    directories: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIRECTORY...",
            help="Ledgers: folders, or addresses (s3://BUCKET/PREFIX, gs://...). Several: one page.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write. [default: DIRECTORY/leaderboard; for anything else ./SUITE-leaderboard]"),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="The normalizer that the others are compared with, instead of the one that the suite declares."
        ),
    ] = None,
    checks: Annotated[
        Path | None,
        typer.Option(help="What `ganbench check --json` printed. [default: DIRECTORY/checks.json, if it is there]"),
    ] = None,
    from_mlflow: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="URI EXPERIMENT", help="Instead of ledgers, what `ganbench sync` wrote there. Without samples."
        ),
    ] = None,
) -> None:
    """Write the leaderboard: a page, its tables as markdown, CSV, Parquet and LaTeX, and its figures."""
    from ganbench.harness.errors import InputError
    from ganbench.reports import leaderboard, leaderboard_from_mlflow

    if bool(directories) == bool(from_mlflow):
        found = "both" if from_mlflow else "neither"
        raise InputError(f"report: expected either ledgers or --from-mlflow URI EXPERIMENT, found {found}")
    if from_mlflow:
        page = leaderboard_from_mlflow(*from_mlflow, baseline=baseline)
    else:
        page = leaderboard(*directories or [], baseline=baseline, checks=checks)
    place = out or page.place()
    page.write(place)
    beside = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(place.iterdir())]
    say(page.headline())
    say(str(place / "leaderboard.html"))
    say(f"beside it: {', '.join(name for name in beside if name != 'leaderboard.html')}")


def diff(
    first: Annotated[str, typer.Argument(metavar="DIR_A", help="A ledger's folder or address: what was before.")],
    second: Annotated[str, typer.Argument(metavar="DIR_B", help="Another's: what is now.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say what changed from one leaderboard to another, and whether it is more than noise."""
    import json

    from rich.table import Table

    from ganbench.harness.ledger import read_ledger
    from ganbench.reports.differences.comparing import compare
    from ganbench.reports.differences.sides import read_sides
    from ganbench.reports.differences.words import COLUMNS, answer, details, rows
    from ganbench.reports.formatting import plain

    sides = read_sides((first, read_ledger(first)), (second, read_ledger(second)))
    difference = compare(*sides)
    if as_json:
        print(json.dumps({"answer": answer(difference), **difference.to_json()}))
        return
    say(answer(difference), style="bold")
    say(f"A is {plain(first)}, B is {plain(second)}.")
    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in rows(difference):
        table.add_row(*(escaped(text) for text in row))
    console = terminal()
    console.print()
    console.print(table, highlight=False)
    for title, lines in details(difference):
        say(f"\n{title}", style="bold")
        for line in lines:
            say(f"  {line}")


def badge(
    directory: LedgerArgument,
    normalizer: Annotated[
        str | None, typer.Argument(help="A normalizer as the leaderboard names it. [default: the suite's badge]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The .svg file to write. [default: standard output]")] = None,
) -> None:
    """Make an SVG badge for a README: how often a normalizer fails, its rank, and how it stands to the baseline."""
    from ganbench.harness.errors import InputError
    from ganbench.reports import leaderboard
    from ganbench.reports.formats.badge import badge as make

    found = leaderboard(directory)
    text = make(found.evidence, found.board, normalizer, found.reversed_claims)
    if out is None:
        print(text, end="")
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(text.encode())
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error})") from error
    say(str(out))


def relabel(
    directory: LedgerArgument,
    definition: Annotated[int | None, typer.Option(help="Version of the definition of instability.")] = None,
    detector: DetectorOption = None,
    settings: SetOption = None,
    plugin: PluginOption = None,
) -> None:
    """Judge a ledger's trials by another definition or more detectors; nothing is trained, and records stay as they are."""
    from ganbench.harness.errors import InputError
    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.ledger.relabelling import relabel as again

    if settings:
        if detector:
            raise InputError("relabel: --set writes nothing, and --detector does; expected one of them, found both")
        ledger = read_ledger(directory)
        version = ledger.plan()["definition"] if definition is None else definition
        _say_moved(again(ledger, definition, settings=settings), f"definition {version} with {', '.join(settings)}")
        say("nothing was written: a ledger is judged by published definitions only")
        return
    if definition is None and not detector:
        options = "--definition VERSION, --detector NAME, both of them, or --set RULE.PARAMETER=VALUE"
        raise InputError(f"relabel: expected {options}; found none")
    changes = again(read_ledger(directory), definition, _detectors(detector, plugin))
    for label, looked in changes.looked.items():
        found = ", ".join(f"{words} in {trials}" for words, trials in sorted(looked.items())) or "no trial has a trace"
        say(f"{label}: {found}")
        if label in changes.broken:
            say(f"  {changes.broken[label]}", style="yellow")
    if definition is None:
        say(f"{changes.trials} trials were looked at again, and no verdict changed; next: ganbench report {directory}")
        return
    _say_moved(changes, f"definition {definition}")
    say(f"next: ganbench report {directory}")


def _say_moved(changes: Changes, words: str) -> None:
    """Say how many trials have each outcome, before and now, and which have another verdict than before."""
    from rich.table import Table

    from ganbench.harness.stability.verdict import OUTCOMES

    outcomes = Table("outcome", "before", escaped(f"by {words}"), box=None)
    for outcome in OUTCOMES:
        if changes.before[outcome] or changes.after[outcome]:
            outcomes.add_row(outcome.replace("_", " "), str(changes.before[outcome]), str(changes.after[outcome]))
    terminal().print(outcomes)
    table = Table("before", escaped(f"by {words}"), "trials", box=None)
    for (before, after), trials in sorted(changes.moved.items()):
        table.add_row(before, after, str(trials))
    if changes.moved:
        terminal().print(table)
    say(f"{changes.trials} trials judged by {words}, {sum(changes.moved.values())} of them differently")


def label(
    traces: Annotated[
        Path, typer.Argument(help="Logs of trainings, .parquet or .csv: columns run, step and measures.")
    ],
    definition: Annotated[
        int | None, typer.Option(help="Version of the definition of instability. [default: the newest]")
    ] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Planned steps. [default: each run's last]")] = None,
    bar: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEASURE=VALUE",
            help="What a training must reach to have learnt: a distance to get below (fid=30), or a score to get above"
            " (inception_score=6); repeatable. [default: half, or twice, what the untrained generator has at step 0]",
        ),
    ] = None,
    fine_tuned: Annotated[
        bool, typer.Option("--fine-tuned", help="Step 0 is a trained generator: only --bar says when it has learnt.")
    ] = False,
    settings: SetOption = None,
    detector: DetectorOption = None,
    plugin: PluginOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object per run instead of a table.")] = False,
) -> None:
    """Judge anybody's training logs: outcome, failure modes, the step of the first, and what decided."""
    import json
    import sys

    from rich.table import Table

    from ganbench.harness.stability.external_logs import label_file, rows
    from ganbench.reports.formatting import plain

    labelled = label_file(
        traces,
        definition,
        budget=budget,
        bars=_bars(bar),
        fine_tuned=fine_tuned,
        settings=settings or (),
        detectors=_detectors(detector, plugin),
    )
    if as_json:
        for row in rows(labelled):
            print(json.dumps(row))
        for note in labelled.notes:
            print(note, file=sys.stderr)
        return
    console = terminal()
    table = Table("run", "verdict", "first", "evaluations", "what decided", box=None)
    for row in rows(labelled):
        first = "" if row["failed_at"] is None else f"step {row['failed_at']:,}"
        seen = str(row["evaluations"]) + (f" ({row['after_learning']} after learning)" if row["after_learning"] else "")
        why = escaped(plain(_why(row)))
        table.add_row(escaped(plain(row["run"])), row["verdict"].replace("_", " "), first, seen, why)
    console.print(table)
    for note in labelled.notes:
        say(note, style="yellow")
    say(labelled.summary())


def _why(row: dict[str, Any]) -> str:
    """Return in words what decided a verdict, what would decide it, and how small a loss would have been found."""
    from ganbench.harness.stability.outcomes import FAR

    found = "; ".join(f"{item['mode'].replace('_', ' ')}: {item['reason']}" for item in row["findings"])
    parts = [found or row["reason"]]
    parts += [f"needs {row['needs']}"] if row["needs"] else []
    if row["least_loss"] is not None:
        least = f"from x{row['least_loss']:.2g} on" if row["least_loss"] <= FAR else f"of over x{FAR}"
        parts.append(f"a lasting loss {least} would have been found in 19 of 20 cases")
    parts += [f"warning, {item['mode'].replace('_', ' ')}: {item['reason']}" for item in row["warnings"]]
    return "; ".join(part for part in parts if part)


def _bars(given: list[str] | None) -> dict[str, float]:
    """Return the bars that options give, by measure."""
    from ganbench.harness.errors import InputError

    found: dict[str, float] = {}
    for bar in given or []:
        said, _, value = bar.partition("=")
        name = said.strip()
        if name in found:
            raise InputError(f"--bar {bar}: expected one bar of {name!r}, found {found[name]:g} too")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise InputError(f"--bar {bar}: expected MEASURE=VALUE, such as fid=30") from error
    return found


def _detectors(specs: list[str] | None, plugin: list[str] | None) -> list[Detector]:
    """Return the detectors that options name."""
    import yaml

    from ganbench.harness.errors import InputError

    known = catalog(plugin)
    found: dict[str, Detector] = {}
    for spec in specs or []:
        try:
            said = yaml.safe_load(spec) if spec.lstrip().startswith("{") else spec
        except yaml.YAMLError as error:
            told = " ".join(str(error).split())
            raise InputError(f"--detector {spec}: expected a name or '{{name: NAME, KEY: VALUE}}' ({told})") from error
        detector = cast("Detector", known.create("detector", said))
        found[detector.label()] = detector
    return list(found.values())


def power(
    first: Annotated[float, typer.Argument(min=0, max=1, help="Failure rate of one normalizer, from 0 to 1.")],
    second: Annotated[float, typer.Argument(min=0, max=1, help="Failure rate of another.")],
    settings: Annotated[int, typer.Option(min=1, help="Settings in which each normalizer runs.")] = 16,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds in each setting.")] = 8,
    normalizers: Annotated[int, typer.Option(min=2, help="How many normalizers are compared, each with each.")] = 2,
    agreement: Annotated[
        float, typer.Option(min=0, max=1, help="How much the seeds of a setting agree: 0 not at all, 1 always.")
    ] = 0.8,
    alpha: Annotated[float, typer.Option(help="Chance of a false claim in all comparisons together.")] = 0.05,
    chance: Annotated[float, typer.Option("--power", help="Wanted chance of telling the two apart.")] = 0.8,
) -> None:
    """Say how many settings and seeds tell two normalizers apart, and how settings and seeds trade off."""
    from ganbench.reports.power import power_in_words

    console = terminal()
    for line in power_in_words(
        first, second, settings=settings, seeds=seeds, normalizers=normalizers, agreement=agreement, alpha=alpha,
        power=chance,
    ):  # fmt: skip
        console.print(line, highlight=False, soft_wrap=True)
