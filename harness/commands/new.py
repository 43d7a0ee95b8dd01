"""``ganbench new``: a package of one's own to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganbench.harness.commands.common import say


def new(
    kind: Annotated[str, typer.Argument(help="What to begin: normalizer.")],
    name: Annotated[str, typer.Argument(help="What suites are to call it, as my_norm.")],
    into: Annotated[Path, typer.Option(help="The folder that gets the package's folder.")] = Path(),
) -> None:
    """Begin a normalizer of your own: a package with code, tests, a small suite and a README, ready to install."""
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.plugins.scaffold.package import check_kind, write_package

    check_kind(kind)
    written = write_package(kind, name, into, Catalog().names(kind))
    say(f"{written.folder}: {', '.join(written.files)}")
    say("\nnext:", style="bold")
    for line in written.advice.splitlines():
        say(f"  {line}")
