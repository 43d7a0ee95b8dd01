"""The command ``ganbench ledger``: looking after committed trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

ledger = typer.Typer(name="ledger", help="Verify, compact, merge and export ledgers.", no_args_is_help=True)

DirectoryArgument = Annotated[Path, typer.Argument(help="The ledger's folder.")]
DAMAGED = 2
DIFFERENT = 2


@ledger.command()
def verify(directory: DirectoryArgument) -> None:
    """Read every record and check it against its checksum."""
    from harness.ledger import read_ledger

    console = _console()
    found = read_ledger(directory).verify()
    for problem in found.problems:
        console.print(problem, style="red", highlight=False, soft_wrap=True, markup=False)
    words = f"{found.whole} records are whole, {len(found.problems)} problems"
    if found.duplicates:
        words += f"; {found.duplicates} trials were committed again, {found.unequal} of them with another result"
    console.print(words, highlight=False, soft_wrap=True)
    if found.problems:
        console.print("`ganbench run` sets damaged records aside and repeats their trials")
        raise typer.Exit(DAMAGED)


@ledger.command()
def compact(directory: DirectoryArgument) -> None:
    """Move single records into one Parquet part, which is faster to read."""
    from harness.ledger import read_ledger

    moved = read_ledger(directory).compact()
    _console().print(f"{moved} records moved into a part", highlight=False)


@ledger.command()
def merge(
    directories: Annotated[list[Path], typer.Argument(help="Ledgers of one suite.")],
    into: Annotated[Path, typer.Option(help="The ledger that gets all records; it may exist.")],
) -> None:
    """Bring the records of several ledgers of one suite into one."""
    from harness.ledger import Ledger, read_ledger
    from harness.ledger.merging import merge as bring_together

    console = _console()
    done = bring_together([read_ledger(directory) for directory in directories], Ledger(into))
    console.print(f"{done.added} trials added to {into}; {done.equal} were there already, equal", highlight=False)
    if done.different:
        shown = ", ".join(done.different[:5]) + (" ..." if len(done.different) > 5 else "")
        console.print(
            f"{len(done.different)} trials have another result there, and were left as they are: {shown}",
            style="yellow",
        )
        raise typer.Exit(DIFFERENT)


@ledger.command()
def export(
    directory: DirectoryArgument,
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
    _console().print(f"{len(table)} trials in {out}", highlight=False, soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    return Console()
