"""The command ``ganbench ledger``: looking after committed trials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import LedgerArgument, say

ledger = typer.Typer(name="ledger", help="Verify, compact, merge and export ledgers.", no_args_is_help=True)

DAMAGED = 2
DIFFERENT = 2


@ledger.command()
def verify(directory: LedgerArgument) -> None:
    """Read every record and check it against its checksum."""
    from harness.ledger import read_ledger

    found = read_ledger(directory).verify()
    for problem in found.problems:
        say(problem, style="red")
    words = f"{found.whole} records are whole, {len(found.problems)} problems"
    if found.duplicates:
        words += f"; {found.duplicates} trials were committed again, {found.unequal} of them with another result"
    say(words)
    if found.problems:
        say("`ganbench run` sets damaged records aside and repeats their trials")
        raise typer.Exit(DAMAGED)


@ledger.command()
def compact(directory: LedgerArgument) -> None:
    """Move single records into one Parquet part, which is faster to read."""
    from harness.ledger import read_ledger

    moved = read_ledger(directory).compact()
    say(f"{moved} records moved into a part")


@ledger.command()
def merge(
    directories: Annotated[list[Path], typer.Argument(help="Ledgers of one suite.")],
    into: Annotated[Path, typer.Option(help="The ledger that gets all records; it may exist.")],
) -> None:
    """Bring the records of several ledgers of one suite into one."""
    from harness.ledger import Ledger, read_ledger
    from harness.ledger.merging import merge as bring_together

    done = bring_together([read_ledger(directory) for directory in directories], Ledger(into))
    say(f"{done.added} trials added to {into}; {done.equal} were there already, equal")
    if done.different:
        shown = ", ".join(done.different[:5]) + (" ..." if len(done.different) > 5 else "")
        say(
            f"{len(done.different)} trials have another result there, and were left as they are: {shown}",
            style="yellow",
        )
        raise typer.Exit(DIFFERENT)


@ledger.command()
def export(
    directory: LedgerArgument,
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file: a row for every trial.")],
) -> None:
    """Write one table with a row for every trial: labels, verdict, times, measures."""
    from harness.errors import InputError
    from harness.ledger import read_ledger
    from harness.ledger.export import trials_table

    writers = {".parquet": "to_parquet", ".csv": "to_csv"}
    if out.suffix not in writers:
        raise InputError(f"--out {out}: expected a name that ends with {' or '.join(writers)}")
    table = trials_table(read_ledger(directory))
    try:
        getattr(table, writers[out.suffix])(out, index=False)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error})") from error
    say(f"{len(table)} trials in {out}")
