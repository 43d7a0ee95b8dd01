"""The pages beside the leaderboard, as files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from harness.errors import InputError
from reports.board import Board
from reports.evidence import Evidence
from reports.figures.pictures import few, mosaic, png, reach, scatter
from reports.pages.names import (
    CELLS,
    NORMALIZERS,
    SAMPLES,
    SETTINGS,
    cell_href,
    normalizer_href,
    samples_href,
    setting_href,
)
from reports.pages.rendering import renderer
from reports.pages.view import Cell, cells_of

ReadSamples = Callable[[Collection[str]], Iterator[tuple[str, NDArray[Any]]]]
"""From trials to their samples, in any order; trials without samples are left out."""


def write_pages(evidence: Evidence, board: Board, samples: ReadSamples, out: str | Path) -> list[Path]:
    """Write a page for every cell, every setting and every normalizer, and pictures of samples beside them.

    The same evidence gives the same bytes. Nothing else in those folders is touched.

    Args:
        evidence: What the ledger holds.
        board: The numbers.
        samples: Reads the samples of many trials at once.
        out: The folder of ``leaderboard.html``.

    Returns:
        The files.

    Raises:
        InputError: The folder cannot be written.
        LedgerError: Samples cannot be read.
    """
    folder = Path(out)
    cells = cells_of(evidence, board)
    try:
        for name in (CELLS, SETTINGS, NORMALIZERS, SAMPLES):
            (folder / name).mkdir(parents=True, exist_ok=True)
        shown = _write_samples(cells, samples, folder)
        found = renderer(evidence, board, cells, shown)
        written = [folder / address for address in sorted(shown.values())]
        pages: list[tuple[str, Callable[[], str]]] = [
            *((normalizer_href(name), lambda name=name: found.normalizer(name)) for name in found.rows),  # type: ignore[misc]
            *((setting_href(group), lambda group=group: found.setting(group)) for group in evidence.groups),  # type: ignore[misc]
            *((cell_href(cell.identity), lambda cell=cell: found.cell(cell)) for cell in cells.values()),  # type: ignore[misc]
        ]
        for address, page in pages:
            (folder / address).write_bytes(page().encode("utf-8", errors="replace"))
            written.append(folder / address)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error})") from error
    return written


def _write_samples(cells: Mapping[str, Cell], samples: ReadSamples, folder: Path) -> dict[str, str]:
    """Write the pictures that the pages show, and return their addresses by trial."""
    of = {result.trial_id: cell for cell in cells.values() for _, result in cell.examples}
    shown: dict[str, str] = {}
    points: dict[str, dict[str, NDArray[Any]]] = {}
    for trial, values in samples(of.keys()):
        if not len(values) or values.ndim not in (2, 4):
            continue
        kept = few(values)
        if values.ndim == 4:
            shown[trial] = samples_href(trial, "png")
            (folder / shown[trial]).write_bytes(png(mosaic(kept)))
        else:
            points.setdefault(of[trial].group.dataset, {})[trial] = kept
    for those in points.values():  # of one data set all have the same axes
        limit = reach(those[trial] for trial in sorted(those))
        for trial, values in those.items():
            shown[trial] = samples_href(trial, "svg")
            (folder / shown[trial]).write_text(scatter(values, limit), encoding="utf-8")
    return shown
