"""How each cell of a sweep runs: decided when its sweep begins, kept in the plan, and not asked again.

Compiled steps make other roundings than replayed ones, so a cell's trials must all run one way, and so should those that
are compared with it. What decides is what is asked for, what is compiled already, and how many steps there are: never how
long anything took.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganbench.harness.cells.cell import Cell
from ganbench.harness.cells.work import work_of
from ganbench.harness.errors import InputError
from ganbench.harness.planning.suite import Suite
from ganbench.harness.steps.compiled_before import is_compiled
from ganbench.harness.steps.ways import AUTO, COMPILED, REPLAYED

WORTH = 100_000
"""Steps of cells that share a program, from which it is compiled for them. Compiling takes ten seconds of a processor and
more, and a compiled step of the smallest networks saves a third of a millisecond."""


def ways_of(suite: Suite, plan: Mapping[str, Any] | None, asked: str, folder: Path | None) -> dict[str, str]:
    """Return how each cell runs, by its identity.

    Args:
        suite: The suite.
        plan: That of the ledger; None where there is none yet.
        asked: A way, or ``"auto"``.
        folder: Where programs are kept on this machine; None where trials run elsewhere.

    Raises:
        InputError: The plan says otherwise than is asked for.
    """
    before = {} if plan is None else {cell["id"]: cell.get("way") == COMPILED for cell in plan["cells"]}
    new = [cell for cell in suite.cells if cell.id not in before]
    chosen = _chosen(new, suite.seeds, folder) if asked == AUTO else {cell.id: asked for cell in new}
    kept = {cell.id: before[cell.id] for cell in suite.cells if cell.id in before}
    if asked != AUTO:
        other = [compiled for compiled in kept.values() if compiled != (asked == COMPILED)]
        if other:
            was = "compiled" if other[0] else "not compiled"
            raise InputError(
                f"steps are asked to be {asked}, and the sweep began with steps of {len(other)} cells {was}: their trials"
                " could not be compared. Leave the option out, or choose another folder with --results"
            )
    exact = REPLAYED if asked in (AUTO, COMPILED) else asked
    return chosen | {cell: COMPILED if compiled else exact for cell, compiled in kept.items()}


def with_ways(plan: Mapping[str, Any], ways: Mapping[str, str]) -> dict[str, Any]:
    """Return a plan that says which cells are compiled."""
    cells = [cell | ({"way": COMPILED} if ways[cell["id"]] == COMPILED else {}) for cell in plan["cells"]]
    return {**plan, "cells": cells}


def _chosen(cells: Sequence[Cell], seeds: int, folder: Path | None) -> dict[str, str]:
    """Compile those that are compared with each other if all are compiled already, or all are worth it."""
    blocks: dict[str, list[Cell]] = defaultdict(list)
    steps: dict[str, int] = defaultdict(int)
    for cell in cells:
        blocks[f"{cell.dataset.label()} {cell.architecture.label()}"].append(cell)
        steps[work_of(cell)] += seeds * cell.steps
    return {
        cell.id: COMPILED if folder is not None and _are_compiled(block, steps, folder) else REPLAYED
        for block in blocks.values()
        for cell in block
    }


def _are_compiled(block: Sequence[Cell], steps: Mapping[str, int], folder: Path) -> bool:
    if any(cell.resources.gpus or not cell.normalizer.runs(COMPILED) for cell in block):
        return False
    kinds = {work_of(cell) for cell in block}
    if min(steps[work] for work in kinds) >= WORTH and _has_compiler():
        return True
    return all(is_compiled(folder, work) for work in kinds)


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX") or "g++", "clang++"))
