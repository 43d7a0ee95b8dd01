"""The first detector that is a plugin: oscillation, which definition 2 warns of."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from ganbench.harness.stability.detector import Detector
from ganbench.harness.stability.look import CLEAR, NOTHING_TO_SEE, Look, series_of
from ganbench.harness.stability.medians import median
from ganbench.harness.traces.trace import Trace


class Oscillation(Detector):
    """A Frechet distance that swings in the second half of training; defaults are definition 2's."""

    name: ClassVar[str] = "oscillation"
    summary: ClassVar[str] = "The Frechet distance swings in the second half of training; definition 2 warns of it."

    roughness: float = Field(0.05, gt=0, le=10, description="least median change of the distance's logarithm")
    swing: float = Field(0.1, ge=0, le=10, description="changes of the logarithm from here on are swings")
    turns: int = Field(3, ge=1, le=1000, description="least number of swings that turn their direction")
    least: int = Field(6, ge=2, le=10000, description="fewest evaluations in the second half that say anything")

    def look(self, trace: Trace) -> Look:
        """Look at the Frechet distances after half of the budget."""
        series = series_of(trace, "fid")
        if series is None or not (series.values > 0).all():
            return NOTHING_TO_SEE
        half = series.steps > 0.5 * trace.budget
        if half.sum() < self.least:
            return NOTHING_TO_SEE
        changes = np.diff(np.log(series.values[half]))
        roughness = median(np.abs(changes))
        swings = changes[np.abs(changes) >= self.swing]
        turns = int(np.sum(np.sign(swings[1:]) != np.sign(swings[:-1])))
        if roughness < self.roughness or turns < self.turns:
            return CLEAR
        reason = (
            f"from evaluation to evaluation the Frechet distance changes by {roughness:.0%}, and turns {turns} times"
        )
        return self.found(series.steps[half][0], roughness, self.roughness, reason)
