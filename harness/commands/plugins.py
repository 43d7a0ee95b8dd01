"""``ganbench list`` and ``check``: what a suite can name, and whether it is fit to run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from harness.commands.common import BAD_INPUT, PluginOption, catalog, escaped, say, terminal
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.conformance import Check
    from harness.normalizer import Normalizer
    from harness.registry import Catalog


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
    broken: list[str] = []
    if what == What.suites:
        for name, path in shipped_suites().items():
            table.add_row(name, _suite_line(path))
    else:
        kind = next(kind for kind, group in KINDS.items() if group == f"ganbench.{what}")
        for listed in catalog(plugin, tolerant=True).listing(kind):
            if listed.plugin is None:
                broken.append(listed.error)
            else:
                table.add_row(listed.name, escaped(listed.plugin.summary), escaped(listed.plugin.paper))
    console.print(table)
    for error in broken:
        say(f"cannot be used: {error}", style="red")


def check(
    normalizer: Annotated[
        str | None, typer.Argument(help="A normalizer's name, or a .py file with one or several.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Check all normalizers of a suite, with its parameters, instead.")
    ] = None,
    plugin: PluginOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: `ganbench report --checks` puts it on the page.")
    ] = False,
) -> None:
    """Check whether a normalizer is fit to run."""
    import json

    from harness.conformance import check_normalizer, conformance

    found, chosen = _to_check(normalizer, suite, plugin)
    results = []
    for checked in chosen:
        if not as_json:
            terminal().print(f"[bold]{escaped(checked.label())}[/]")
        outcomes = []
        for outcome in check_normalizer(checked, found):
            outcomes.append(outcome)
            if not as_json:
                _print_outcome(outcome)
        results.append(conformance(checked, outcomes))
    if as_json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    if any(result["failed"] for result in results):
        raise typer.Exit(BAD_INPUT)


def _to_check(normalizer: str | None, suite: str | None, plugin: list[str] | None) -> tuple[Catalog, list[Normalizer]]:
    from harness.suite import load_suite

    if (normalizer is None) == (suite is None):
        raise InputError("name a normalizer, a .py file, or a suite with --suite: one of them")
    if suite is not None:
        found = catalog(plugin)
        cells = load_suite(suite, catalog=found).cells
        return found, list({cell.normalizer.label(): cell.normalizer for cell in cells}.values())
    assert normalizer is not None
    is_file = normalizer.endswith(".py")
    found = catalog([*(plugin or []), *([normalizer] if is_file else [])])
    installed = set(catalog(plugin).names("normalizer"))
    names = [name for name in found.names("normalizer") if name not in installed] if is_file else [normalizer]
    return found, [cast("Normalizer", found.create("normalizer", name)) for name in names]


def _print_outcome(outcome: Check) -> None:
    mark = "[yellow]skipped[/]" if outcome.skipped else "[green]passed[/]" if outcome.passed else "[red]FAILED[/]"
    detail = f"\n          {escaped(outcome.detail)}" if outcome.detail else ""
    terminal().print(f"  {mark}{' ' * (1 + (not outcome.skipped))}{outcome.claim}{detail}")


def _suite_line(path: Path) -> str:
    from harness.yaml_source import read_yaml

    return escaped(" ".join(str(read_yaml(path).content.get("description", "")).split()))
