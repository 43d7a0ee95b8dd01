"""``ganbench list`` and ``check``: what a suite can name, and whether it is fit to run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import BAD_INPUT, PluginOption, catalog, escaped, terminal


class What(StrEnum):
    """What can be listed."""

    normalizers = "normalizers"
    datasets = "datasets"
    architectures = "architectures"
    losses = "losses"
    optimizers = "optimizers"
    metrics = "metrics"
    suites = "suites"


def list_(what: Annotated[What, typer.Argument(help="What to list.")], plugin: PluginOption = None) -> None:
    """List what a suite can name, with a line on each."""
    from rich.table import Table

    from harness.registry import KINDS
    from harness.suite import shipped_suites

    console = terminal()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    if what == What.suites:
        for name, path in shipped_suites().items():
            table.add_row(name, _suite_line(path))
    else:
        kind = next(kind for kind, group in KINDS.items() if group == f"ganbench.{what}")
        for listed in catalog(plugin).listing(kind):
            if listed.plugin is None:
                table.add_row(listed.name, f"[red]cannot be loaded:[/] {escaped(listed.error)}", "")
            else:
                table.add_row(listed.name, escaped(listed.plugin.summary), escaped(listed.plugin.paper))
    console.print(table)


def check(
    normalizer: Annotated[str, typer.Argument(help="A normalizer's name, or a .py file with one or several.")],
    plugin: PluginOption = None,
) -> None:
    """Check whether a normalizer is fit to run."""
    from harness.conformance import check_normalizer

    console = terminal()
    is_file = normalizer.endswith(".py")
    found = catalog([*(plugin or []), *([normalizer] if is_file else [])])
    installed = set(catalog(plugin).names("normalizer"))
    names = [name for name in found.names("normalizer") if name not in installed] if is_file else [normalizer]
    failed = 0
    for name in names:
        checked = found.create("normalizer", name)
        console.print(f"[bold]{escaped(checked.label())}[/]")
        for outcome in check_normalizer(checked, found):  # type: ignore[arg-type]
            mark = "[green]passed[/]" if outcome.passed else "[red]FAILED[/]"
            console.print(
                f"  {mark}  {outcome.claim}" + (f"\n          {escaped(outcome.detail)}" if outcome.detail else "")
            )
            failed += not outcome.passed
    if failed:
        raise typer.Exit(BAD_INPUT)


def _suite_line(path: Path) -> str:
    from harness.yaml_source import read_yaml

    return escaped(" ".join(str(read_yaml(path).content.get("description", "")).split()))
