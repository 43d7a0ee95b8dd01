"""``ganbench findings``: verdicts on published claims."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.harness.commands.common import escaped, say, terminal


def findings(
    directories: Annotated[
        list[str],
        typer.Argument(metavar="DIRECTORY...", help="Ledgers of the papers' suites: folders, or addresses (s3://...)."),
    ],
    notes: Annotated[
        Path | None, typer.Option(help="A .md file with '## NUMBER. TITLE' and text: what else was seen, told apart.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page to write, .md; its figures go beside it.")] = Path("findings.md"),
) -> None:
    """Judge the papers' claims from runs of their suites, by the newest version of the rules."""
    from rich.table import Table

    from ganbench.reports.paper_claims import write_findings

    verdicts = write_findings(directories, out, notes)
    table = Table("claim", "suite", "verdict", box=None)
    for claim, suite, reading in verdicts:
        table.add_row(escaped(claim), escaped(suite), reading.value)
    terminal().print(table, highlight=False)
    say(str(out))
