"""``ganbench doctor``: is this machine ready, and is every node of a cluster?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.harness.commands.common import BAD_INPUT, DataOption, PluginOption, catalog, escaped, terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from ganbench.harness.doctor.machine import Examined


def doctor(
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", metavar="ADDRESS", help="Ask every node of a Ray cluster instead: auto or HOST:PORT."
        ),
    ] = None,
    results: Annotated[
        str | None, typer.Option("--results", help="With --cluster: is this folder the same on every node?")
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite", help="With --cluster: are this suite's data sets, and its metrics' weights, on every node?"
        ),
    ] = None,
    device_test: Annotated[
        bool,
        typer.Option(
            "--device-test",
            help="Test this machine's GPU instead, for ten minutes at most: captured steps, lanes, memory, precision.",
        ),
    ] = False,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
) -> None:
    """Look at versions, devices, Ray, MLflow, free disk, data sets and metrics; exit code 2 when something is bad."""
    from ganbench.harness.errors import InputError

    console = terminal()
    if device_test:
        if cluster or results or suite or data_dir:
            raise InputError("--device-test asks this machine's GPU, and goes with --plugin only")
        bad = _tell(console, _device(plugin))
    elif cluster is None:
        from ganbench.harness.doctor.machine import examine

        if results or suite or data_dir:
            raise InputError(
                "--results, --suite and --data-dir ask something of a cluster's nodes: add --cluster ADDRESS"
            )
        bad = _tell(console, examine(catalog(plugin), Path.cwd()))
    else:
        bad = _cluster(console, cluster, results, suite, plugin or [], data_dir)
    if bad:
        raise typer.Exit(BAD_INPUT)


def _device(plugin: PluginOption) -> Iterable[Examined]:
    import torch

    from ganbench.harness.doctor.device_bench import Bench
    from ganbench.harness.doctor.device_test import device_test
    from ganbench.harness.errors import InputError

    if not torch.cuda.is_available():
        raise InputError("--device-test: PyTorch finds no GPU on this machine")
    return device_test(Bench(catalog(plugin)))


def _cluster(
    console: Console, address: str, results: str | None, suite: str | None, plugins: list[str], data_dir: Path | None
) -> int:
    from ganbench.harness.doctor.cluster import examine_cluster
    from ganbench.harness.planning.suite import load_suite
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.plugins.source import PluginSource

    sources = [PluginSource.read(origin) for origin in plugins]
    found = Catalog(sources)
    read = None if suite is None else load_suite(suite, catalog=found)
    with console.status("asking every node"):
        blocks = examine_cluster(address, results=results, suite=read, plugins=sources, data_dir=data_dir)
    bad = 0
    for block in blocks:
        console.print(escaped(block.title), highlight=False, soft_wrap=True, style="bold")
        bad += _tell(console, block.findings)
    return bad


def _tell(console: Console, findings: Iterable[Examined]) -> int:
    """Print findings, one a line, and return how many are bad."""
    bad = 0
    for finding in findings:
        mark = "[green]ok [/]" if finding.good else "[red]BAD[/]"
        console.print(f"{mark} {escaped(finding.subject)}: {escaped(finding.state)}", highlight=False, soft_wrap=True)
        bad += not finding.good
    return bad
