"""What the pages look at: a cell with everything that belongs to it, found once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability.verdict import NOT_LEARNT, UNDECIDED
from ganbench.reports.board import Board, CellRow, ranked
from ganbench.reports.evidence import Evidence, Group, Layout, Result
from ganbench.reports.figures.alignment import Block
from ganbench.reports.figures.chart import Line
from ganbench.reports.formatting import first_failure, mode, setting_value


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        identity: Its identity.
        normalizer: Its normalizer's label.
        place: The normalizer's place in the plan, which decides on its colour.
        row: What the leaderboard says about it.
        spec: Its specification.
        trials: Its committed trials, by seed.
    """

    identity: str
    normalizer: str
    place: int
    row: CellRow
    spec: Mapping[str, Any]
    trials: Sequence[Result]

    @property
    def group(self) -> Group:
        """The cells that differ from this one in the normalizer only."""
        return self.row.group

    @cached_property
    def order(self) -> list[Result]:
        """The trials from the best final quality to the worst, failures being worst."""
        return ranked(list(self.trials), self.group.protocol)

    @property
    def typical(self) -> Result | None:
        """The one in the middle of the order; the better one of two."""
        return self.order[(len(self.order) - 1) // 2] if self.order else None

    @property
    def examples(self) -> list[tuple[str, Result]]:
        """The best, the median and the worst trial, with these words; a trial that is several of them is there once."""
        typical = self.typical
        if typical is None:
            return []
        roles = (("best", self.order[0]), ("median", typical), ("worst", self.order[-1]))
        found: dict[str, tuple[list[str], Result]] = {}
        for word, result in roles:
            found.setdefault(result.trial_id, ([], result))[0].append(word)
        return [(" and ".join(words).capitalize(), result) for words, result in found.values()]

    @cached_property
    def traced(self) -> list[Result]:
        """The trials that logged something."""
        return [result for result in self.trials if result.curves is not None]

    @cached_property
    def layouts(self) -> list[tuple[Layout, list[int], NDArray[np.float32]]]:
        """The layouts of those traces, which of the trials have each, and their numbers."""
        found: dict[Any, tuple[Layout, list[int]]] = {}
        for row, result in enumerate(self.traced):
            assert result.curves is not None
            layout = result.curves.layout
            found.setdefault(layout.key, (layout, []))[1].append(row)
        numbers = [result.curves.numbers for result in self.traced if result.curves is not None]
        return [(layout, rows, np.array([numbers[row] for row in rows])) for layout, rows in found.values()]

    def blocks(self, kind: str, layer: str = "") -> list[Block]:
        """Return one series of all trials that logged something, one row each."""
        found = []
        for layout, rows, numbers in self.layouts:
            place = layout.places.get((kind, layer), slice(0, 0))
            found.append(Block(rows, layout.steps.get((kind, layer), np.empty(0, np.float32)), numbers[:, place]))
        return found

    @property
    def budget(self) -> float:
        """Planned steps."""
        return max((float(layout.budget) for layout, _, _ in self.layouts), default=0.0)

    @cached_property
    def lines(self) -> list[Line]:
        """What the charts say about each of them."""
        return [
            Line(
                f"seed {result.seed}: {outcome(result)}",
                f"s{result.seed} {marks(result)}".strip(),
                result.verdict.failed_at if result.verdict.failed else None,
                failed=result.verdict.failed,
            )
            for result in self.traced
        ]


@dataclass(frozen=True)
class Item:
    """One line of a specification.

    Attributes:
        term: What it is.
        value: Its value, or the name of the plugin.
        details: The plugin's version and parameters.
    """

    term: str
    value: str
    details: tuple[str, ...] = ()


def cells_of(evidence: Evidence, board: Board) -> dict[str, Cell]:
    """Return all cells, by identity, in the plan's order."""
    specs = {cell["id"]: cell["spec"] for cell in evidence.plan["cells"]}
    places = {name: place for place, name in enumerate(evidence.normalizers)}
    found = {}
    for row in board.cells:
        identity, name = row.group.cells[row.normalizer], row.normalizer
        trials = evidence.of(row.group, name)
        found[identity] = Cell(identity, name, places[name], row, specs.get(identity, {}), trials)
    return found


def marks(result: Result) -> str:
    """Return the class that the style sheet knows a trial by that is neither stable nor failed; empty for others."""
    return {NOT_LEARNT: "unlearnt", UNDECIDED: "undecided"}.get(result.verdict.outcome, "")


def outcome(result: Result) -> str:
    """Return what became of a trial: ``mode collapse at step 300``; ``diverged, mode collapse; first at step 5``."""
    if not result.verdict.failed:
        return mode(result.verdict.outcome)
    modes = [mode(name) for name in result.verdict.modes] or [mode(result.verdict.outcome)]
    step = result.verdict.failed_at
    if step is None:
        return ", ".join(modes)
    since = first_failure(step) if step == 0 else f"at {first_failure(step)}"
    return f"{modes[0]} {since}" if len(modes) == 1 else f"{', '.join(modes)}; first {since}"


_WORDS = {
    "dataset": "data set",
    "lr_g": "learning rate of G",
    "lr_d": "learning rate of D",
    "n_dis": "D steps per G step",
    "log_points": "logged points",
    "lr_decay_from": "learning rates fall from",
    "clip_norm": "gradients clipped to",
    "penalty_every": "penalties every",
    "ema": "moving average of G",
    "simultaneous": "simultaneous updates",
}
_HIDDEN = {"identity_version"}


def specification(spec: Mapping[str, Any], *, without: Sequence[str] = ()) -> list[Item]:
    """Return a specification in readable lines.

    Args:
        spec: Of a cell.
        without: Keys that are left out.
    """
    plugins = [_plugin(key, value) for key, value in spec.items() if isinstance(value, Mapping) and key not in without]
    values = [
        Item(_words(key), setting_value(value))
        for key, value in spec.items()
        if not isinstance(value, Mapping) and key not in _HIDDEN and key not in without
    ]
    return plugins + values


def _plugin(kind: str, spec: Mapping[str, Any]) -> Item:
    details = [
        f"{_words(key)}: {setting_value(value)}" for key, value in spec.items() if key not in ("name", "version")
    ]
    version = [f"version {spec['version']}"] if "version" in spec else []
    return Item(_words(kind), str(spec.get("name", "")), (*version, *details))


def _words(key: str) -> str:
    return _WORDS.get(key, key.replace("_", " "))
