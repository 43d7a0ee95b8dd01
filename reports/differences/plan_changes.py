"""What differs in what two ledgers planned: the suite's own facts, and its cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganbench.harness.canonical import canonical_json

FACTS = ("suite", "version", "hash", "definition", "seed", "seeds", "sequential", "baseline")
"""What a plan says of the suite as a whole."""

ABSENT = "absent"

Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One thing that is not the same.

    Attributes:
        key: What; of a cell's specification the dotted key.
        before: In the first ledger.
        after: In the second.
    """

    key: str
    before: str
    after: str


@dataclass(frozen=True)
class CellsChanged:
    """Cells of the same labels whose specifications differ in the same things.

    Attributes:
        changes: In what.
        cells: Which, by title.
    """

    changes: tuple[Change, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True)
class CellPair:
    """A cell of the first ledger and the one of the second that takes its place.

    Attributes:
        first: The first's entry of the plan.
        second: The second's.
    """

    first: Cell
    second: Cell

    @property
    def same(self) -> bool:
        """Whether they have one identity."""
        return bool(self.first["id"] == self.second["id"])


@dataclass(frozen=True)
class CellChanges:
    """How the cells of two plans belong together.

    Attributes:
        pairs: Those of one identity, and those of the same labels, in the first plan's order.
        same: How many have one identity.
        changed: Those of the same labels and another identity, with what differs.
        only_first: Titles of cells that only the first has.
        only_second: That only the second has.
    """

    pairs: tuple[CellPair, ...]
    same: int
    changed: tuple[CellsChanged, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def plan_changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return in what two plans differ, beside their cells."""
    return tuple(
        Change(key, _text(first.get(key)), _text(second.get(key))) for key in FACTS if first.get(key) != second.get(key)
    )


def cell_changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> CellChanges:
    """Match the cells of two plans: by identity, then by labels, then by names and the suite's word for the setting.

    Labels that several cells of one plan have match nothing: which takes the place of which would be a guess.
    """
    cells, others = list(first["cells"]), list(second["cells"])
    pairs: dict[str, CellPair] = {}
    for key in (_identity, _labels, _names):
        left = _by(key, [cell for cell in cells if cell["id"] not in pairs])
        taken = {pair.second["id"] for pair in pairs.values()}
        right = _by(key, [cell for cell in others if cell["id"] not in taken])
        pairs |= {cell["id"]: CellPair(cell, right[name]) for name, cell in left.items() if name in right}
    ordered = tuple(pairs[cell["id"]] for cell in cells if cell["id"] in pairs)
    taken = {pair.second["id"] for pair in ordered}
    return CellChanges(
        pairs=ordered,
        same=sum(pair.same for pair in ordered),
        changed=_changed([pair for pair in ordered if not pair.same]),
        only_first=tuple(cell_title(cell) for cell in cells if cell["id"] not in pairs),
        only_second=tuple(cell_title(cell) for cell in others if cell["id"] not in taken),
    )


def cell_title(cell: Cell) -> str:
    """Return a cell's labels in one text."""
    parts = (cell["dataset"], cell["architecture"], cell["setting"], cell["normalizer"])
    return " · ".join(str(part) for part in parts if part)


def _identity(cell: Cell) -> tuple[str, ...]:
    return (cell["id"],)


def _labels(cell: Cell) -> tuple[str, ...]:
    return cell["dataset"], cell["architecture"], cell["normalizer"], cell["setting"]


def _names(cell: Cell) -> tuple[str, ...]:
    spec = cell["spec"]
    return spec["dataset"]["name"], spec["architecture"]["name"], cell["normalizer"], cell["setting"]


def _by(key: Any, cells: list[Cell]) -> dict[tuple[str, ...], Cell]:
    often = Counter(key(cell) for cell in cells)
    return {key(cell): cell for cell in cells if often[key(cell)] == 1}


def _changed(pairs: list[CellPair]) -> tuple[CellsChanged, ...]:
    found: dict[tuple[Change, ...], list[str]] = {}
    for pair in pairs:
        changes = tuple(_spec_changes(pair.first["spec"], pair.second["spec"]))
        found.setdefault(changes, []).append(cell_title(pair.first))
    return tuple(CellsChanged(changes, tuple(cells)) for changes, cells in found.items())


def _spec_changes(first: Any, second: Any, key: str = "") -> Iterator[Change]:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for name in sorted(first.keys() | second.keys()):
            dotted = f"{key}.{name}" if key else str(name)
            yield from _spec_changes(first.get(name, ABSENT), second.get(name, ABSENT), dotted)
    elif first != second:
        yield Change(key, _text(first), _text(second))


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else canonical_json(value)
