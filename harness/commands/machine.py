"""``ganbench doctor``: is this machine ready?"""

from __future__ import annotations

from pathlib import Path

import typer

from harness.commands.common import BAD_INPUT, catalog, escaped, terminal


def doctor() -> None:
    """Look at versions, devices, Ray, MLflow, free disk and data sets."""
    from harness.doctor import examine

    console = terminal()
    bad = 0
    for finding in examine(catalog(), Path.cwd()):
        mark = "[green]ok [/]" if finding.good else "[red]BAD[/]"
        console.print(f"{mark} {finding.subject}: {escaped(finding.state)}", highlight=False)
        bad += not finding.good
    if bad:
        raise typer.Exit(BAD_INPUT)
