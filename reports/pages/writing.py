"""The pages beside the leaderboard, as files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ganbench.harness.errors import InputError
from ganbench.harness.ledger.processes import processes, shares, started
from ganbench.reports.board import Board, Row
from ganbench.reports.evidence import Evidence, Group
from ganbench.reports.evidence.packing import Packed, pack, unpack
from ganbench.reports.figures.pictures import few, mosaic, png, reach, scatter
from ganbench.reports.pages.names import (
    CELLS,
    NORMALIZERS,
    SAMPLES,
    SETTINGS,
    STYLESHEET,
    cell_href,
    normalizer_href,
    samples_href,
    setting_href,
)
from ganbench.reports.pages.panels import seeds
from ganbench.reports.pages.rendering import renderer
from ganbench.reports.pages.view import Cell, cells_of

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
    with pages_beside(evidence, board, samples, out) as written:
        pass
    return written


@contextmanager
def pages_beside(evidence: Evidence, board: Board, samples: ReadSamples, out: str | Path) -> Iterator[list[Path]]:
    """Do what :func:`write_pages` does while the body does something else; all is written when it is left.

    Yields:
        The files.

    Raises:
        InputError: The folder cannot be written.
        LedgerError: Samples cannot be read.
    """
    folder = Path(out)
    cells = cells_of(evidence, board)
    pictures = _pictures(cells, samples)
    shown = {trial: samples_href(trial, "png" if values.ndim == 4 else "svg") for trial, values in pictures.items()}
    tasks = _tasks(folder, evidence, board, cells, pictures, shown)
    found = renderer(evidence, board.all_rows, cells, shown)
    addresses = [
        STYLESHEET,
        *map(normalizer_href, found.rows),
        *map(setting_href, evidence.groups),
        *map(cell_href, cells),
    ]
    with _told(folder):
        for name in (CELLS, SETTINGS, NORMALIZERS, SAMPLES):
            (folder / name).mkdir(parents=True, exist_ok=True)
        _write(folder, STYLESHEET, found.stylesheet())
    with started(tasks) as results:
        yield [folder / address for address in [*addresses, *sorted(shown.values())]]
        with _told(folder):
            sparks = {identity: svg for some in results() for identity, svg in some.items()}
            for name in found.rows:
                _write(folder, normalizer_href(name), found.normalizer(name, sparks, board.standing))


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say of a folder that it cannot be written."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error})") from error


def _tasks(
    folder: Path,
    evidence: Evidence,
    board: Board,
    cells: Mapping[str, Cell],
    pictures: Mapping[str, NDArray[Any]],
    shown: Mapping[str, str],
) -> list[_Groups]:
    """Return what writes the pages of cells and settings, in as many shares as there are to be processes."""
    limits = _limits(cells, pictures)
    material = replace(evidence, results={})  # the cells have them
    sizes = [sum(len(cells[identity].trials) for identity in group.cells.values()) for group in evidence.groups]
    tasks = []
    for some in shares(sizes, processes(sum(sizes))):
        groups = tuple(evidence.groups[index] for index in some)
        own = {identity: cells[identity] for group in groups for identity in group.cells.values()}
        wanted = [result.trial_id for cell in own.values() for _, result in cell.examples]
        seen = {trial: pictures[trial] for trial in wanted if trial in pictures}
        seen_at = {trial: shown[trial] for trial in seen}
        tasks.append(_Groups(folder, material, board.all_rows, groups, own, seen, limits, seen_at))
    return tasks


@dataclass(frozen=True)
class _Groups:
    """Writes the pages of some groups, of their cells, and the pictures on them."""

    folder: Path
    evidence: Evidence
    rows: Sequence[Row]
    groups: Sequence[Group]
    cells: Mapping[str, Cell]
    pictures: Mapping[str, NDArray[Any]]
    limits: Mapping[str, float]
    shown: Mapping[str, str]

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process with the results as columns."""
        bare = {identity: replace(cell, trials=()) for identity, cell in self.cells.items()}
        results = pack([result for cell in self.cells.values() for result in cell.trials])
        counts = [len(cell.trials) for cell in self.cells.values()]
        rest = (self.pictures, self.limits, self.shown)
        return _arrived, (self.folder, self.evidence, self.rows, self.groups, bare, rest, results, counts)

    def __call__(self) -> dict[str, str]:
        """Write them, and return the small charts of the cells."""
        found = renderer(self.evidence, self.rows, self.cells, self.shown)
        sparks = {}
        for group in self.groups:
            drawn = {}
            for identity in group.cells.values():
                cell = self.cells[identity]
                drawn[identity] = seeds(cell)
                sparks[identity] = drawn[identity].spark
                _write(self.folder, cell_href(identity), found.cell(cell, drawn[identity]))
                for _, result in cell.examples:
                    if result.trial_id in self.pictures:
                        self._draw(result.trial_id, self.limits.get(group.dataset, 1.0))
            _write(self.folder, setting_href(group), found.setting(group, drawn))
        return sparks

    def _draw(self, trial: str, limit: float) -> None:
        values = self.pictures[trial]
        _write(self.folder, self.shown[trial], png(mosaic(values)) if values.ndim == 4 else scatter(values, limit))


def _arrived(
    folder: Path, evidence: Evidence, rows: Sequence[Row], groups: Sequence[Group], bare: Mapping[str, Cell], rest: Any,
    results: Packed, counts: Sequence[int],
) -> _Groups:  # fmt: skip
    """Undo what :meth:`_Groups.__reduce__` does."""
    trials = iter(unpack(results))
    cells = {identity: replace(cell, trials=tuple(islice(trials, count)))
             for (identity, cell), count in zip(bare.items(), counts, strict=True)}  # fmt: skip
    return _Groups(folder, evidence, rows, groups, cells, *rest)


def _write(folder: Path, address: str, content: str | bytes) -> None:
    (folder / address).write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))


def _pictures(cells: Mapping[str, Cell], samples: ReadSamples) -> dict[str, NDArray[Any]]:
    """Return the samples that the pages show, as many of each trial as a picture has."""
    wanted = {result.trial_id for cell in cells.values() for _, result in cell.examples}
    return {trial: few(values) for trial, values in samples(wanted) if len(values) and values.ndim in (2, 4)}


def _limits(cells: Mapping[str, Cell], pictures: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """Return where the axes of points are cut, by data set."""
    of = {result.trial_id: cell.group.dataset for cell in cells.values() for _, result in cell.examples}
    points: dict[str, list[NDArray[Any]]] = {}
    for trial in sorted(pictures):
        if pictures[trial].ndim == 2:
            points.setdefault(of[trial], []).append(pictures[trial])
    return {dataset: reach(those) for dataset, those in points.items()}
