"""The page, as a pure function of what was measured: no number in it is written by hand but the targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from performance.page import sections
from performance.page.numbers import table
from performance.page.targets import Row, rows

COMMAND = "python benchmarks/performance.py"

HEAD = """
# Performance

Written by

    {command}

which measured everything on the CPU in one run of {minutes:.0f} minutes; no number is written by hand but the targets. The
machine: {processor}, {cores} cores, {system}, {gpu}, {compiler} a C++ compiler; load {load} when the run began.
Python {python}, torch {torch}, ganbench {ganbench}.

Numbers are medians, with quartiles in brackets. Ratios are those of rounds in which both sides ran in turns in one process,
on one thread.

{counted}
"""

READING = """
A step is one discriminator and one generator update of `ganbench.harness.training.training.Training.advance`, which
draws its batch; it is not logged. The usual loop is the same training in plain eager PyTorch: modules with torch's own
parametrizations, `torch.optim.Adam`, a `DataLoader`, both losses read each step. All cells are under spectral
normalization. Neither side's start, no following of a step and no compilation is in a ratio.
"""


def page(measured: dict[str, Any]) -> str:
    """Write the page.

    Args:
        measured: What :func:`performance.running.everything` found on the CPU, and whatever it did on a GPU.
    """
    found = rows(measured)
    parts = [
        HEAD.format(**about(measured)),
        table(("what", "target", "reached", "of the target", ""), [_line(row) for row in found]),
        READING,
        _misses(found),
        sections.steps(measured),
        sections.jax(measured),
        sections.gpu(measured),
        sections.parts(measured),
        sections.first_steps(measured),
        sections.trials(measured),
        sections.same(measured),
        sections.suite(measured),
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def about(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the run and its machine in words."""
    machine, suite = measured["machine"], measured.get("suite")
    command = f"{COMMAND} --repeats {len(measured['start'])} --quick-suite {suite['seeds'] if suite else 0}"
    said = {"gpu": machine["gpu"] or "no GPU", "compiler": "with" if machine["compiler"] else "without"}
    return {**machine, **said, "command": command, "counted": _counted(measured), "minutes": measured["minutes"]}


def _counted(measured: dict[str, Any]) -> str:
    rounds = [
        f"`{name}` {len(found['times']['plain'])} rounds of {found['block']} steps"
        for name, found in measured["cells"].items()
    ]
    trials = {len(found["parts"]["whole"]) for ways in measured["trials"].values() for found in ways.values()}
    return (
        f"Counted are, after one of each to warm up: {', '.join(rounds)}; {' or '.join(map(str, sorted(trials)))} whole"
        f" trials. Starts are {len(measured['start'])}, all counted."
    )


def _line(row: Row) -> tuple[str, ...]:
    target = "" if row.target is None else f"at {'least' if row.least else 'most'} {row.form.format(row.target)}"
    if row.reached is None:
        return row.what, target, row.why, "", row.verdict
    note = f"; {row.why}" if row.why else ""
    share = "" if row.share is None else f"{row.share:.2f}"
    return row.what, target, row.reached.text(row.form) + note, share, row.verdict


def _misses(found: Sequence[Row]) -> str:
    missed = [row for row in found if row.verdict == "**missed**"]
    if not missed:
        return ""
    lines = ["## What was missed, and where the time goes"]
    # Rows of one trial have the same causes.
    for causes in dict.fromkeys(tuple(row.missed) for row in missed):
        said = [_miss(row) for row in missed if tuple(row.missed) == causes]
        lines.append(f"{'; '.join(said)}. {' '.join(causes)}".strip())
    return "\n\n".join(lines)


def _miss(row: Row) -> str:
    assert row.reached is not None
    assert row.target is not None
    return f"**{row.what}**: {row.reached.text(row.form)}, and {row.form.format(row.target)} was wanted"
