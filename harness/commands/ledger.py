"""The command ``ganbench ledger``: looking after committed trials."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.harness.commands.common import DataOption, LedgerArgument, PluginOption, say

if TYPE_CHECKING:
    from ganbench.harness.ledger import Ledger

ledger = typer.Typer(name="ledger", help="Look after ledgers: verify, compact, merge, export.", no_args_is_help=True)

DAMAGED = 2
DIFFERENT = 2

SHOWN = 5
"""Trials that are named."""


@ledger.command()
def verify(
    directory: LedgerArgument,
    rerun: Annotated[
        int, typer.Option(min=0, help="Train so many trials again, drawn at random, and compare them bit for bit.")
    ] = 0,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
) -> None:
    """Compute again what can be: identities, checksums, verdicts, the plan; with --rerun, whole trials."""
    from ganbench.harness.ledger import Ledger

    opened = Ledger(directory)
    found = opened.verify()
    for problem in found.problems:
        say(problem, style="red")
    words = f"{found.whole} records are whole, {len(found.problems)} problems"
    if found.duplicates:
        words += f"; {found.duplicates} trials were committed again, {found.unequal} of them with another result"
    if found.forgotten:
        words += f"; {found.forgotten} trials were forgotten"
    if found.outside:
        words += f"; {len(found.outside)} are not of the plan, and in no row ({', '.join(found.outside[:SHOWN])})"
    say(words)
    for (first, second), trials in found.alike.items():
        say(f"{trials} trials of {first} and {second} are one training: the two do the same there, or one is a copy")
    if found.problems:
        say("`ganbench ledger repair` sets damaged files aside, and `ganbench run` repeats what is lost")
        raise typer.Exit(DAMAGED)
    if rerun and not _reran(opened, rerun, plugin, data_dir):
        raise typer.Exit(DIFFERENT)


def _reran(ledger: Ledger, count: int, plugins: list[str] | None, data_dir: Path | None) -> bool:
    """Train trials again, say what that showed, and return whether none of them was another one."""
    from ganbench.harness.data.store import Store
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.plugins.source import PluginSource
    from ganbench.harness.sweeps.rerun import DIFFERENT as OTHER
    from ganbench.harness.sweeps.rerun import EQUAL, NEAR
    from ganbench.harness.sweeps.rerun import rerun as train_again

    catalog = Catalog([PluginSource.read(origin) for origin in plugins or ()], tolerant=True)
    found = Counter[str]()
    for trial in train_again(ledger, count, catalog, Store.find(data_dir)):
        found[trial.outcome] += 1
        style = {EQUAL: "green", NEAR: "yellow", OTHER: "red"}[trial.outcome]
        say(f"{trial.trial} ({trial.title}): {trial.words}", style=style)
    say(f"trained again: {found[EQUAL]} equal bit for bit, {found[NEAR]} near, {found[OTHER]} different")
    return not found[OTHER]


@ledger.command()
def forget(
    directory: LedgerArgument,
    why: Annotated[str, typer.Option(help="Why, in a sentence; it is shown with the results.")],
    trial: Annotated[list[str] | None, typer.Option(help="A trial's identity; may be given several times.")] = None,
    host: Annotated[str, typer.Option(help="Trials that ran on this machine.")] = "",
    normalizer: Annotated[str, typer.Option(help="Trials of the normalizer of this name.")] = "",
    since: Annotated[datetime | None, typer.Option(help="Trials begun at this time, UTC, or later.")] = None,
) -> None:
    """Take trials out of a ledger, for instance those of a broken machine; the next `ganbench run` makes them anew."""
    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.ledger.forgetting import Chosen

    moment = None if since is None else since.replace(tzinfo=UTC).timestamp()
    chosen = Chosen(frozenset(trial or ()), host, normalizer, moment)
    gone = read_ledger(directory).forget(chosen, why)
    for line in gone:
        say(f"{line.trial} ({line.normalizer}, seed {line.seed}, on {line.host})")
    say(f"{len(gone)} trials were taken out, and are in forgotten/; `ganbench run` makes them anew")


@ledger.command()
def upgrade(directory: LedgerArgument) -> None:
    """Rewrite a ledger of version 1 in today's form, which is smaller and faster to read."""
    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.ledger.upgrading import upgrade as rewrite
    from ganbench.harness.traces.trace import KEPT_IMAGES

    done = rewrite(read_ledger(directory))
    say(f"{done.records} records rewritten: {done.before / 1e6:.1f} MB became {done.after / 1e6:.1f} MB")
    if done.records:
        say(
            f"of each trial's images the first {KEPT_IMAGES} were kept; verdicts are derived from the traces from now on"
        )


@ledger.command()
def repair(directory: LedgerArgument) -> None:
    """Save the whole records of damaged parts, and set aside what is damaged; `ganbench run` repeats its trials."""
    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.ledger.repairing import repair as mend

    done = mend(read_ledger(directory))
    for place in done.aside:
        say(f"set aside: {place}", style="yellow")
    say(f"{len(done.aside)} damaged files; {done.saved} records saved from them, {len(done.lost)} lost")


@ledger.command()
def compact(directory: LedgerArgument) -> None:
    """Move single records into Parquet parts, which are faster to read."""
    from ganbench.harness.ledger import read_ledger

    moved = read_ledger(directory).compact()
    say(f"{moved} records moved into parts")


@ledger.command()
def merge(
    directories: Annotated[list[str], typer.Argument(help="Ledgers of one suite: folders, or addresses.")],
    into: Annotated[str, typer.Option(help="The ledger that gets all records; it may exist.")],
) -> None:
    """Bring the records of several ledgers of one suite into one."""
    from ganbench.harness.ledger import Ledger, read_ledger
    from ganbench.harness.ledger.merging import merge as bring_together

    done = bring_together([read_ledger(directory) for directory in directories], Ledger(into))
    say(f"{done.added} trials added to {into}; {done.equal} were there already, equal")
    if done.forgotten:
        say(f"{len(done.forgotten)} trials were forgotten in one of the ledgers, and were left out")
    for trial, reason in list(done.refused.items())[:SHOWN]:
        say(f"left out, because it does not prove itself: trial {trial}: {reason}", style="red")
    if done.different:
        shown = ", ".join(done.different[:SHOWN]) + (" ..." if len(done.different) > SHOWN else "")
        say(
            f"{len(done.different)} trials have another result there, and were left as they are: {shown}",
            style="yellow",
        )
    if done.refused:
        say(
            f"{len(done.refused)} records were left out; `ganbench ledger verify` of their ledger names all",
            style="red",
        )
    if done.different or done.refused:
        raise typer.Exit(DIFFERENT)


@ledger.command()
def export(
    directory: LedgerArgument,
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file: a row for every trial, or number.")],
    traces: Annotated[bool, typer.Option("--traces", help="Write the traces, a row for every number.")] = False,
) -> None:
    """Write one table: a row for every trial (labels, verdict, times, measures), or with --traces for every number."""
    from ganbench.harness.errors import InputError
    from ganbench.harness.ledger import read_ledger

    writers = {".parquet": "to_parquet", ".csv": "to_csv"}
    if out.suffix not in writers:
        raise InputError(f"--out {out}: expected a name that ends with {' or '.join(writers)}")
    opened = read_ledger(directory)
    table = opened.traces() if traces else opened.trials()
    try:
        getattr(table, writers[out.suffix])(out, index=False)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error})") from error
    say(f"{len(table)} {'numbers' if traces else 'trials'} in {out}")
