"""What a suite's missing trials cost: updates, and hours where something was measured.

A cell's time is that of its committed trials, on the device where they ran. A cell without any is timed here (see
``timing``), if it asks for no GPU. Of the others nothing is known, and nothing is made up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ganbench.harness.cells.cell import Cell
from ganbench.harness.ledger import Ledger
from ganbench.harness.planning.timing import PATIENCE, step_seconds
from ganbench.harness.plugins.registry import Catalog


@dataclass(frozen=True)
class Measured:
    """How long one trial of a cell takes.

    Attributes:
        seconds: From its start to its record; of its plain steps alone, where ``steps_only``.
        device: Where that was measured: ``cpu``, or a GPU's model.
        steps_only: Whether a few steps were timed, and no trial.
    """

    seconds: float
    device: str
    steps_only: bool = False


def measured_by_cell(
    cells: Sequence[Cell],
    ledger: Ledger,
    catalog: Catalog,
    patience: float = PATIENCE,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, Measured]:
    """Return how long one trial takes, by the identities of those cells of which something is known.

    Args:
        cells: The cells.
        ledger: Committed trials of a cell give their mean, on the device where most of them ran; it may not exist yet.
        catalog: The plugins.
        patience: Seconds in which cells without any are timed.
        progress: See ``timing.step_seconds``.
    """
    ran: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in ledger.summary():
        ran[row["cell"]][row["device"]].append(row["seconds"])
    found: dict[str, Measured] = {}
    for cell in cells:
        if cell.id in ran:
            device, seconds = max(ran[cell.id].items(), key=lambda item: len(item[1]))
            found[cell.id] = Measured(sum(seconds) / len(seconds), device)
    new = [cell for cell in cells if cell.id not in ran and not cell.resources.gpus]
    for cell, step in step_seconds(new, catalog, patience, progress):
        found[cell.id] = Measured(step * cell.steps, "cpu", steps_only=True)
    return found


def cost_in_words(
    cells: Sequence[Cell], left: Mapping[str, int], measured: Mapping[str, Measured], cores: int
) -> list[str]:
    """Return what missing trials cost, line by line.

    Args:
        cells: Those with missing trials.
        left: How many are missing, by cell.
        measured: How long one takes, by cell, where something is known.
        cores: Of this machine.
    """
    from ganbench.harness.durations import duration

    trainings = sum(left[cell.id] for cell in cells)
    updates = sum(left[cell.id] * cell.steps for cell in cells)
    of_discriminator = sum(left[cell.id] * cell.steps * cell.n_dis for cell in cells)
    lines = [f"to train: {trainings:,} trials, {updates:,} generator and {of_discriminator:,} discriminator updates"]
    work: defaultdict[str, float] = defaultdict(float)
    for cell in cells:
        if cell.id in measured:
            one = measured[cell.id]
            work[one.device] += left[cell.id] * one.seconds * (cell.resources.gpus or 1)
    for device, seconds in sorted(work.items()):
        if device == "cpu":
            here = f"{duration(seconds / cores)} on this machine's {cores} cores"
            lines.append(f"about {duration(seconds)} of computing, {here}")
        else:
            lines.append(f"about {seconds / 3600:,.1f} hours of {device}")
    timed = sum(cell.id in measured and measured[cell.id].steps_only for cell in cells)
    if timed:
        lines.append(
            f"{timed} of these {len(cells)} cells: by a few plain steps on random examples, without their evaluations;"
            " committed trials say more"
        )
    unknown = [cell for cell in cells if cell.id not in measured]
    if unknown:
        count = sum(left[cell.id] for cell in unknown)
        lines.append(
            f"nothing was measured yet of {len(unknown)} of these {len(cells)} cells ({count:,} trials): they have no"
            f" committed trials, and only cells that ask for no GPU are timed, for {PATIENCE:g} s;"
            " `ganbench profile` measures any one"
        )
    return lines
