"""``ganbench profile``: where does the time of a trial go?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganbench.harness.commands.common import DataOption, PluginOption, SuiteArgument, catalog, say, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganbench.harness.planning.suite import Suite
    from ganbench.harness.profiling import Part, Profile

LEAST_SHARE = 0.001
"""Of a trial, below which a part has no row."""


def profile(
    suite: SuiteArgument,
    cell: Annotated[int, typer.Option("--cell", help="Which cell, numbered from 1 as `ganbench plan` lists them.")] = 1,
    steps: Annotated[
        int | None, typer.Option(min=20, help="How many steps to make. [default: as many as take a few seconds]")
    ] = None,
    plugin: PluginOption = None,
    gpus: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of a GPU; 0: CPU. [default: the suite's own]")
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the step, as `ganbench run --compile`.")] = False,
    data_dir: DataOption = None,
    out: Annotated[Path, typer.Option(help="Where to write the trace of some steps.")] = Path("profile.json"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; times are in seconds.")] = False,
) -> None:
    """Show where the time of a trial goes, as a table and a trace file. No ledger is written."""
    import json
    import os
    import time

    os.environ.setdefault(
        "KINETO_LOG_LEVEL", "99"
    )  # PyTorch's profiler reports itself, and the GPU that it did not find
    begun = time.perf_counter()

    import torch  # noqa: F401  what its import takes is told

    imported = time.perf_counter() - begun

    from rich.console import Console

    from ganbench.harness.cells.cell import Trial
    from ganbench.harness.data.store import Store
    from ganbench.harness.errors import InputError
    from ganbench.harness.planning.readiness import check_data
    from ganbench.harness.planning.suite import load_suite
    from ganbench.harness.profiling import profile as measure
    from ganbench.harness.stability import load_definition
    from ganbench.harness.steps.ways import COMPILED, PLAIN
    from ganbench.harness.training.devices import device_of

    found = catalog(plugin, tolerant=True)
    read = load_suite(suite, catalog=found).with_gpus(gpus)
    started = {
        "importing PyTorch": imported,
        "importing the rest, reading the suite": time.perf_counter() - begun - imported,
    }
    if not 1 <= cell <= len(read.cells):
        raise InputError(
            f"--cell {cell}: suite {read.name!r} has cells 1 to {len(read.cells)} (ganbench plan lists them)"
        )
    _refuse_missing_folder(out)
    chosen = read.cells[cell - 1]
    store = Store.find(data_dir)
    check_data([chosen], store)
    with Console(stderr=True).status("measuring"):
        measured = measure(
            Trial(chosen, read.seed, 0),
            found,
            store,
            load_definition(read.definition),
            number=cell,
            device=device_of(chosen.resources),
            way=COMPILED if compiled else PLAIN,
            steps=steps,
            out=out,
            started=started,
        )
    if as_json:
        print(json.dumps({**measured.to_json(), "suite": read.name, "trace": str(out)}, indent=1, ensure_ascii=False))
    else:
        _say(read, measured, out)


def _refuse_missing_folder(out: Path) -> None:
    """Refuse before the measuring what could not be written after it."""
    from ganbench.harness.errors import InputError

    if not out.parent.is_dir() or out.is_dir():
        raise InputError(f"--out {out}: expected a file in a folder that is there")


def _say(suite: Suite, found: Profile, out: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    console = terminal()
    say(
        f"suite {suite.name}, cell {found.number}: {found.title}; seed {found.seed}, {found.mode} steps on {found.device}"
    )
    shares = ", ".join(f"{found.share(part):.0%} {part.name}" for part in found.parts if found.share(part) >= 0.005)
    say(f"a trial of {found.steps} steps takes about {_words(found.seconds)}: {shares}")
    say(f"(from {found.measured} of its steps; start-up is apart, below)\n")
    table = Table("part", box=None)
    for title in ("times", "ms each", "ms per step", "in a trial", "share"):
        table.add_column(title, justify="right")
    for depth, part in _rows(found, found.parts):
        table.add_row(
            Text("  " * depth + part.name),
            f"{part.times:.0f}",
            f"{1000 * part.seconds / part.times:.3f}" if part.times else "",
            f"{1000 * part.seconds / found.steps:.3f}",
            _words(part.seconds),
            f"{found.share(part):.1%}",
        )
    console.print(table)
    startup = sum(found.startup.values())
    say(f"\nstart-up, {_words(startup)} (of a process; only networks and first steps are of each trial):")
    starting = Table("part", box=None, show_header=False)
    starting.add_column(justify="right")
    for name, seconds in found.startup.items():
        starting.add_row(Text(f"  {name}"), _words(seconds))
    console.print(starting)
    say(
        f"\na step takes {1000 * found.step_seconds:.3f} ms, and {1000 * found.watched_seconds:.3f} ms while its parts are"
        " timed; the parts stand in the proportion of the second, and add up to the first"
    )
    if found.replayed_seconds is not None:
        say(
            f"replayed, as `ganbench run` makes it by itself, the same step takes {1000 * found.replayed_seconds:.3f} ms;"
            " the table is of the plain one, which is `ganbench run --exact`"
        )
    for note in found.notes:
        say(note, "yellow")
    say(f"trace of some steps: {out} (open it at https://ui.perfetto.dev, or in Chrome at chrome://tracing)")
    say(f"\n{found.advice()}")


def _rows(found: Profile, parts: tuple[Part, ...], depth: int = 0) -> Iterator[tuple[int, Part]]:
    """Yield the parts that are large enough for a row, each before its own parts."""
    for part in parts:
        if found.share(part) >= LEAST_SHARE:
            yield depth, part
            yield from _rows(found, part.parts, depth + 1)


def _words(seconds: float) -> str:
    """Return a duration for people: ``3.1 ms``, ``2.4 s``, ``2 min 10 s``, ``3.1 h``."""
    from ganbench.harness.durations import duration

    if seconds < 1:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return "{} min {} s".format(*divmod(round(seconds), 60))
    return duration(seconds)
