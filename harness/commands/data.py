"""The command ``ganbench data``: what data sets there are on this machine, getting them, checking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.harness.commands.common import DataOption, escaped, say, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from ganbench.harness.data.dataset import Dataset
    from ganbench.harness.data.download import Progress

data = typer.Typer(name="data", help="List, fetch and check data sets.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A data set's name (ganbench data list).")]


@data.command(name="list")
def list_(data_dir: DataOption = None) -> None:
    """List all data sets: whether they are here, the size of their images, and a line on each."""
    from rich.table import Table

    from ganbench.harness.data.image_files import state_of
    from ganbench.harness.data.store import Store
    from ganbench.harness.plugins.registry import Catalog

    store, catalog = Store.find(data_dir), Catalog()
    table = Table("name", "state", "size", "", box=None)
    for listed in catalog.listing("dataset"):
        if listed.plugin is None:
            table.add_row(listed.name, "broken", "", escaped(listed.error))
            continue
        dataset = _dataset(listed.name)
        size = "x".join(map(str, dataset.sample_shape()))
        table.add_row(listed.name, state_of(dataset, store), size, escaped(dataset.summary))
    terminal().print(table)


@data.command()
def fetch(name: NameArgument, data_dir: DataOption = None) -> None:
    """Download a data set, or say what to put where. The same command again continues."""
    from ganbench.harness.data.image_files import FileDataset
    from ganbench.harness.data.store import Store

    store, dataset, console = Store.find(data_dir), _dataset(name), terminal()
    if not isinstance(dataset, FileDataset):
        say(f"{name} needs no files")
        return
    with _bars(console) as progress:
        folder = dataset.fetch(store, progress)
    say(f"{name} is in {folder}")


@data.command()
def verify(name: NameArgument, data_dir: DataOption = None) -> None:
    """Check a data set's files against their published checksums, and the arrays made from them."""
    from ganbench.harness.data.image_files import FileDataset
    from ganbench.harness.data.store import Store

    store, dataset = Store.find(data_dir), _dataset(name)
    checked = dataset.verify(store) if isinstance(dataset, FileDataset) else []
    for path in checked:
        say(f"ok  {path}")
    if not checked:
        say(f"{name}: there is nothing with a checksum yet")


@data.command()
def where(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A data set's name.")] = None,
    data_dir: DataOption = None,
) -> None:
    """Print the data directory, or a data set's folder in it, which need not exist."""
    from ganbench.harness.data.image_files import FileDataset
    from ganbench.harness.data.store import Store

    store = Store.find(data_dir)
    if name is None:
        print(store.root)
        return
    dataset = _dataset(name)
    print(dataset.folder(store) if isinstance(dataset, FileDataset) else store.files(name))


def _dataset(name: str) -> Dataset:
    from ganbench.harness.plugins.registry import Catalog

    return Catalog().create("dataset", name)  # type: ignore[return-value]


@contextmanager
def _bars(console: Console) -> Iterator[Callable[[str], Progress]]:
    """Show a bar for each file; what is given out starts one."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as bars:

        def start(name: str) -> Callable[[int, int | None], None]:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield start
