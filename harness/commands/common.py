"""What the commands share: options, exit codes, and ways of saying things."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ganbench.harness.normalizer import Normalizer
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.sweeps.progress import SweepDisplay

BAD_INPUT = 2
INCOMPLETE = 3

LedgerArgument = Annotated[
    str, typer.Argument(metavar="DIRECTORY", help="The ledger's folder, or its address (s3://BUCKET/PREFIX, gs://...).")
]
SuiteArgument = Annotated[str, typer.Argument(help="A suite file, or a shipped suite's name (ganbench list suites).")]
ResultsOption = Annotated[
    str | None,
    typer.Option("--results", help="The ledger's folder, or its address (s3://...). [default: results/SUITE]"),
]
PluginOption = Annotated[
    list[str] | None, typer.Option("--plugin", help="A .py file or a module with further plugins; repeatable.")
]
SeedsOption = Annotated[
    int | None, typer.Option("--seeds", min=1, max=100_000, help="Trials per cell, instead of the suite's own.")
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="The data directory. [default: $GANBENCH_DATA, or ganbench in the user's cache]"),
]


def terminal() -> Console:
    """Return where to print."""
    from rich.console import Console

    return Console()


def say(text: str, style: str | None = None) -> None:
    """Print a line as it is: nothing in it is markup, and it is not broken."""
    terminal().print(text, style=style, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def shown(console: Console) -> Iterator[SweepDisplay]:
    """Yield a display of a sweep's progress; what ends it early, once it began, ends the command with exit code 3."""
    from ganbench.harness.errors import ClusterError, LedgerError
    from ganbench.harness.sweeps.progress import SweepDisplay

    with SweepDisplay(console) as display:
        try:
            yield display
        except (KeyboardInterrupt, LedgerError, ClusterError) as error:
            if not display.began:
                raise
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            console.print(f"{reason}\ncommitted trials are kept, and the same command continues", markup=False)
            raise typer.Exit(INCOMPLETE) from None


def escaped(text: str) -> str:
    """Return a text that a table shows as it is."""
    from rich.markup import escape

    return escape(text)


def catalog(plugins: list[str] | None = None, *, tolerant: bool = False) -> Catalog:
    """Return the installed plugins and those of some files and modules.

    Args:
        plugins: As ``--plugin`` has them.
        tolerant: Whether one that cannot be used is left out, to be told of, instead of ending the command.
    """
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.plugins.source import PluginSource

    return Catalog([PluginSource.read(origin) for origin in plugins or []], tolerant=tolerant)


def chosen_normalizers(chosen: str, plugins: list[str] | None = None) -> tuple[Catalog, list[Normalizer]]:
    """Return the plugins, and the normalizers that somebody names.

    Args:
        chosen: A name or a combination, a mapping as a suite writes it (``{name: bssn, scale: 1.2}``), or a ``.py`` file,
            for all normalizers in it.
        plugins: Files and modules with further plugins.

    Raises:
        InputError: There is no such file or normalizer, or the file holds none.
    """
    import yaml

    from ganbench.harness.errors import InputError

    if not chosen.endswith(".py"):
        found = catalog(plugins)
        try:
            said = yaml.safe_load(chosen)
        except yaml.YAMLError:
            said = chosen
        spec = said if isinstance(said, dict | list) else chosen
        return found, [cast("Normalizer", found.create("normalizer", spec))]
    names = _installed_from(Path(chosen))
    if names:
        found = catalog(plugins)
    else:
        before = set(catalog(plugins).names("normalizer"))
        found = catalog([*(plugins or []), chosen])
        names = [name for name in found.names("normalizer") if name not in before]
    if not names:
        raise InputError(f"{chosen}: holds no normalizer (a subclass of Normalizer with a `name`)")
    return found, [cast("Normalizer", found.create("normalizer", name)) for name in names]


def _installed_from(path: Path) -> list[str]:
    """Return the names of installed normalizers whose module is this very file, as after ``pip install -e``."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    if not path.is_file():
        return []
    found = []
    for entry in entry_points(group="ganbench.normalizers"):
        if entry.module.rpartition(".")[2] == path.stem:
            spec = find_spec(entry.module)
            if spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path.resolve():
                found.append(entry.name)
    return sorted(found)
