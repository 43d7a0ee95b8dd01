"""Is what a sweep needs here: data, weights, cores, memory, GPUs? Asked once, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ganbench.harness.canonical import canonical_json
from ganbench.harness.cells.cell import Cell
from ganbench.harness.cells.resources import Resources
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.process import cores

if TYPE_CHECKING:
    from ganbench.harness.metrics.metric import Metric
    from ganbench.harness.stability import Definition


def to_fetch(cells: Iterable[Cell], store: Store) -> list[str]:
    """Return a line for everything that cells need and that is not on this machine; nothing is loaded or made.

    Args:
        cells: What may run.
        store: Where data sets stand on this machine.
    """
    asked = list(cells)
    absent = [cell.dataset.missing(store) for cell in asked]
    absent += [part.missing(store) for part in metrics_of(asked)]
    return list(dict.fromkeys(line for line in absent if line is not None))


def seldom_evaluated(cells: Iterable[Cell], definition: Definition) -> str | None:
    """Say of cells that they are evaluated too seldom for any trial to be stable; None where all are often enough.

    Args:
        cells: What may run.
        definition: By which trials are judged.
    """
    if definition.evidence is None:
        return None
    needed, asked = definition.evidence.after_learning, list(cells)
    seldom = [cell for cell in asked if cell.evaluations <= needed]
    if not seldom:
        return None
    return (
        f"{len(seldom)} of {len(asked)} cells have at most {max(cell.evaluations for cell in seldom)} evaluations, and"
        f" definition {definition.version} needs {needed} after a training has learnt: none of their trials can be called"
        f" stable, or lose what it had; evaluations: {2 * needed} or more leave room to learn in"
    )


def metrics_of(cells: Iterable[Cell]) -> list[Metric]:
    """Return the metrics of cells, those of a combination one by one, each of them once."""
    return list({part.label(): part for cell in cells for part in cell.metric.parts()}.values())


def check_data(cells: Iterable[Cell], store: Store) -> None:
    """Load the data of cells, see that there is enough for their metrics, and fetch what these need.

    What has to be made from files or downloaded once is made here, so that workers find it.

    Args:
        cells: What is about to run.
        store: Where data sets stand on this machine.

    Raises:
        InputError: Data are absent, damaged, or too few, or metrics lack what cannot be fetched; one line each.
    """
    asked = list(cells)
    by_dataset: dict[str, list[Cell]] = {}
    for cell in asked:
        by_dataset.setdefault(canonical_json(cell.dataset.spec()), []).append(cell)
    problems: list[str] = []
    for group in by_dataset.values():
        dataset = group[0].dataset
        absent = dataset.missing(store)
        if absent is not None:
            problems.append(absent)
            continue
        try:
            data = dataset.load(store)
        except InputError as error:
            problems += error.problems
            continue
        reasons = {f"metric {cell.metric.label()!r} {reason}" for cell in group if (reason := cell.metric.fits(data))}
        problems += [f"dataset {dataset.label()!r}: {reason}" for reason in sorted(reasons)]
    for metric in metrics_of(asked):
        try:
            metric.fetch(store)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))


def check_machine(cells: Iterable[Cell]) -> None:
    """See that every trial has room on this machine, for sweeps that stay on it.

    Args:
        cells: What is about to run.

    Raises:
        InputError: A cell needs more than there is; one line for each amount that is asked for.
    """
    asked: dict[Resources, Cell] = {}
    for cell in cells:
        asked.setdefault(cell.resources, cell)
    has = this_machine(gpus=any(need.gpus for need in asked))
    problems = []
    for need, cell in sorted(asked.items(), key=lambda item: item[0]):
        if not has.slots(need):
            hint = "; --gpus 0 trains on the CPU" if need.gpus > has.gpus else ""
            problems.append(f"{cell.title()}: a trial needs {need.words()}, and this machine has {has.words()}{hint}")
    if problems:
        raise InputError(problems)


def this_machine(gpus: bool) -> Resources:
    """Return what this machine has.

    Args:
        gpus: Whether GPUs matter; finding them imports PyTorch.
    """
    count = 0
    if gpus:
        import torch

        count = torch.cuda.device_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Resources(cores(), count, round(memory, 1))
