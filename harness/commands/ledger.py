"""The command ``ganbench ledger``: looking after committed trials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.harness.commands.common import LedgerArgument, say

ledger = typer.Typer(name="ledger", help="Verify, compact, merge and export ledgers.", no_args_is_help=True)

DAMAGED = 2
DIFFERENT = 2


@ledger.command()
def verify(directory: LedgerArgument) -> None:
    """Read every record and check it against its checksum."""
    from ganbench.harness.ledger import read_ledger

    found = read_ledger(directory).verify()
    for problem in found.problems:
        say(problem, style="red")
    words = f"{found.whole} records are whole, {len(found.problems)} problems"
    if found.duplicates:
        words += f"; {found.duplicates} trials were committed again, {found.unequal} of them with another result"
    say(words)
    if found.problems:
        say("`ganbench ledger repair` sets damaged files aside, and `ganbench run` repeats what is lost")
        raise typer.Exit(DAMAGED)


@ledger.command()
def repair(directory: LedgerArgument) -> None:
    """Save the whole records of damaged parts, and set aside what is damaged; `ganbench run` repeats its trials."""
    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.ledger.audit import repair as mend

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
    from ganbench.harness.errors import InputError
    from ganbench.harness.ledger import read_ledger
    from ganbench.harness.ledger.export import trials_table

    writers = {".parquet": "to_parquet", ".csv": "to_csv"}
    if out.suffix not in writers:
        raise InputError(f"--out {out}: expected a name that ends with {' or '.join(writers)}")
    table = trials_table(read_ledger(directory))
    try:
        getattr(table, writers[out.suffix])(out, index=False)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error})") from error
    say(f"{len(table)} trials in {out}")
