"""Are the data here? Asked once, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable

from harness.cell import Cell, canonical_json
from harness.data.store import Store
from harness.errors import InputError


def check_data(cells: Iterable[Cell], store: Store) -> None:
    """Load the data of cells, and see that there is enough for their metrics.

    What has to be made from files once is made here, so that workers find it.

    Args:
        cells: What is about to run.
        store: Where data sets stand on this machine.

    Raises:
        InputError: Data are absent, damaged, or too few; one line each.
    """
    by_dataset: dict[str, list[Cell]] = {}
    for cell in cells:
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
    if problems:
        raise InputError(dict.fromkeys(problems))
