"""``ganbench sensitivity``: how a board depends on thresholds and budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.harness.commands.common import say


def sensitivity(
    directories: Annotated[
        list[str], typer.Argument(metavar="DIRECTORY...", help="Ledgers: folders, or addresses (s3://...).")
    ],
    definition: Annotated[int | None, typer.Option(help="Version of the definition; the newest by default.")] = None,
    out: Annotated[Path, typer.Option(help="The page to write, .md.")] = Path("sensitivity.md"),
) -> None:
    """Judge ledgers by changed thresholds and at a part of the budget, and say what stays of their claims."""
    from ganbench.harness.errors import InputError
    from ganbench.harness.stability import known_definitions
    from ganbench.reports.sensitivity import write_sensitivity

    if not out.resolve().parent.is_dir():
        raise InputError(f"--out {out}: the folder {out.parent} does not exist")
    for line in write_sensitivity(directories, out, known_definitions()[-1] if definition is None else definition):
        typer.echo(line)
    say(str(out))
