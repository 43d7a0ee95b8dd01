"""``ganbench list`` and ``check``: what a suite can name, and whether it is fit to run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.harness.commands.common import (
    BAD_INPUT,
    PluginOption,
    catalog,
    chosen_normalizers,
    escaped,
    say,
    terminal,
)
from ganbench.harness.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from ganbench.harness.conformance import Check
    from ganbench.harness.normalizer import Normalizer
    from ganbench.harness.plugins.plugin import Plugin
    from ganbench.harness.plugins.registry import Catalog


class What(StrEnum):
    """What can be listed."""

    normalizers = "normalizers"
    datasets = "datasets"
    architectures = "architectures"
    losses = "losses"
    optimizers = "optimizers"
    metrics = "metrics"
    detectors = "detectors"
    suites = "suites"


def list_(
    what: Annotated[What, typer.Argument(help="What to list.")],
    name: Annotated[str | None, typer.Argument(help="One of them: its parameters with defaults and ranges.")] = None,
    plugin: PluginOption = None,
) -> None:
    """List what a suite can name, with a line on each; or say all that there is to say of one."""
    from rich.table import Table

    from ganbench.harness.planning.suite import shipped_suites
    from ganbench.harness.plugins.registry import KINDS

    console = terminal()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    broken: list[str] = []
    if what == What.suites:
        for suite, path in shipped_suites().items():
            if name in (None, suite):
                table.add_row(suite, _suite_line(path))
        if name is not None and name not in shipped_suites():
            raise UnknownNameError("suite", name, shipped_suites())
    else:
        kind = next(kind for kind, group in KINDS.items() if group == f"ganbench.{what}")
        found = catalog(plugin, tolerant=True)
        if name is not None:
            _say_all(found.get(kind, name))
            return
        for listed in found.listing(kind):
            if listed.plugin is None:
                broken.append(listed.error)
            else:
                table.add_row(listed.name, escaped(listed.plugin.summary), escaped(listed.plugin.paper))
    console.print(table)
    for error in broken:
        say(f"cannot be used: {error}", style="red")
    if what == What.detectors:
        _say_failure_modes()


def _say_all(plugin: type[Plugin]) -> None:
    say(f"{plugin.name}, version {plugin.version}: {plugin.summary}")
    if plugin.paper:
        say(plugin.paper)
    for line in plugin.parameters_in_words() or ["no parameters"]:
        say(f"  {line}")


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
    limit: Annotated[float, typer.Option(min=1, help="Seconds that one check may take.")] = 600.0,
) -> None:
    """Check whether a normalizer is fit to run."""
    import json

    from ganbench.harness.conformance import check_normalizer, conformance

    found, chosen = _to_check(normalizer, suite, plugin)
    results = []
    for checked in chosen:
        if not as_json:
            terminal().print(f"[bold]{escaped(checked.label())}[/]")
        outcomes = []
        for outcome in check_normalizer(checked, found, limit=limit):
            outcomes.append(outcome)
            if not (as_json or outcome.waiting):
                _print_outcome(outcome)
        if not as_json:
            _print_sum(checked.label(), outcomes)
        results.append(conformance(checked, outcomes))
    if as_json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    if any(result["failed"] for result in results):
        raise typer.Exit(BAD_INPUT)


def _say_failure_modes() -> None:
    from ganbench.harness.stability import known_definitions, load_definition
    from ganbench.harness.stability.verdict import OUTCOMES

    newest = load_definition(known_definitions()[-1])
    modes, outcomes = (", ".join(name.replace("_", " ") for name in names) for names in (newest.modes, OUTCOMES))
    say(f"These warn. Definition {newest.version} of instability decides, by failure modes of its own: {modes}.")
    say(f"A trial is one of: {outcomes}.")


def _to_check(normalizer: str | None, suite: str | None, plugin: list[str] | None) -> tuple[Catalog, list[Normalizer]]:
    from ganbench.harness.planning.suite import load_suite

    if (normalizer is None) == (suite is None):
        raise InputError("name a normalizer, a .py file, or a suite with --suite: one of them")
    if suite is not None:
        found = catalog(plugin)
        cells = load_suite(suite, catalog=found).cells
        return found, list({cell.normalizer.label(): cell.normalizer for cell in cells}.values())
    assert normalizer is not None
    return chosen_normalizers(normalizer, plugin)


def _print_outcome(outcome: Check) -> None:
    from rich.padding import Padding
    from rich.table import Table

    mark = "[yellow]skipped[/]" if outcome.skipped else "[green]passed[/]" if outcome.passed else "[red]FAILED[/]"
    detail = f"\n[dim]{escaped(outcome.detail)}[/]" if outcome.detail else ""
    line = Table.grid(padding=(0, 1))
    line.add_column(width=len("skipped"))
    line.add_row(mark, f"{outcome.claim}{detail}")
    terminal().print(Padding(line, (0, 0, 0, 2), expand=False), highlight=False)


def _print_sum(label: str, outcomes: list[Check]) -> None:
    failed, waiting = (sum(getattr(outcome, what) for outcome in outcomes) for what in ("failed", "waiting"))
    passed = sum(outcome.passed for outcome in outcomes)
    rest = len(outcomes) - passed - failed - waiting
    words = f"passes all {passed} checks" if not failed else f"fails {failed} of {passed + failed} checks"
    more = (f"; {waiting} more wait until that is mended" if waiting else "") + (
        f"; {rest} cannot apply" if rest else ""
    )
    terminal().print(f"[bold]{escaped(label)} {words}[/]{more}", highlight=False)


def _suite_line(path: Path) -> str:
    from ganbench.harness.planning.yaml_source import read_yaml

    return escaped(" ".join(str(read_yaml(path).content.get("description", "")).split()))
