"""What a detector returns, and the series that detectors look at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability.definition import Definition
from ganbench.harness.stability.medians import median, window_medians
from ganbench.harness.stability.verdict import Finding
from ganbench.harness.traces.trace import Column, Trace

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """What a detector saw.

    Attributes:
        seen: Whether the trace held what the detector looks at.
        finding: What it found, or None.
    """

    seen: bool
    finding: Finding | None = None


Rule = Callable[[Trace, Definition], Look]
"""A detector of the definitions, whose thresholds stand in them. One of your own is a
``ganbench.harness.stability.Detector``."""

NOTHING_TO_SEE = Look(seen=False)
CLEAR = Look(seen=True)


def found(mode: str, step: float, value: float, threshold: float, reason: str) -> Look:
    """Return a look that found something."""
    return Look(seen=True, finding=Finding(mode, int(step), value, threshold, reason))


@dataclass(frozen=True)
class Series:
    """The evaluations of one measure that could be computed.

    Attributes:
        steps: When, [N].
        values: Finite numbers, [N].
        untrained: Whether the first is that of the untrained generator.
    """

    steps: Column
    values: Column
    untrained: bool

    @property
    def trained(self) -> Column:
        """The evaluations of the trained generator."""
        return self.values[1:] if self.untrained else self.values

    def tail(self, share: float, least: int) -> float:
        """Return the median of the last ``share`` of all evaluations of the trained generator, of at least ``least``."""
        return median(self.trained[-max(least, math.ceil(share * len(self.values))) :])

    def best(self, of: int, sign: int) -> float:
        """Return the best median of ``of`` consecutive evaluations of the trained generator.

        The best single value of a noisy series is far from what the generator can do; the median of three is not.

        Args:
            of: How many evaluations a median is over.
            sign: +1 where lower is better, -1 where higher is.
        """
        trained = sign * self.trained
        return float(sign * window_medians(trained, min(of, len(trained))).min())

    def roughness(self) -> float:
        """Return the median change of the logarithm from evaluation to evaluation, in the second half; 0 if unknown."""
        half = self.trained[len(self.trained) // 2 :]
        if len(half) < 2 or not (half > 0).all():
            return 0.0
        return median(np.abs(np.diff(np.log(half))))

    def since(self, bad: Mask) -> float:
        """Return the step from which evaluations were bad to the end.

        The tail's median may forgive one good evaluation among the last; and the untrained generator, which is bad by
        construction, has not failed yet, so the first step that can be returned is that of the first trained evaluation.

        Args:
            bad: For each evaluation, whether it was bad, [N].
        """
        good = np.flatnonzero(~bad[: len(bad) - 1])
        start = max(int(good[-1]) + 1 if len(good) else 0, int(self.untrained))
        return float(self.steps[min(start, len(bad) - 1)])


MOST_ABSENT = 0.5
"""Share of a measure's evaluations that may be absent; with more, the rest says too little to judge by."""


def series_of(trace: Trace, name: str, *, any_extractor: bool = True) -> Series | None:
    """Return a measure by its name without the extractor: ``fid`` finds ``fid[digits-cnn:1k_full]``.

    With ``any_extractor`` off it must be the literature's, Inception v3: for thresholds that were found with it and mean
    nothing in another space of features, such as those of recall. Its protocol may be any: ``recall[10k_5k]``.

    An evaluation that could not be computed is absent: the others speak. Where more than half are absent, all are.
    """
    key = _key(tuple(trace.evaluations), name, any_extractor)
    if key is None:
        return None
    known: dict[str, Series | None] = trace.__dict__.setdefault("_series", {})  # several detectors ask for one measure
    if key not in known:
        known[key] = _series(trace, key)
    return known[key]


@lru_cache(maxsize=4096)
def _key(keys: tuple[str, ...], name: str, any_extractor: bool) -> str | None:
    """Return the first of some measures that has a name."""
    return next((key for key in keys if key.split("[")[0] == name and (any_extractor or _is_literatures(key))), None)


def _series(trace: Trace, key: str) -> Series | None:
    steps, column = trace.evaluated(key)
    if not len(column):
        return None
    if trace.finite:
        return Series(steps, column, untrained=bool(steps[0] == 0 and not trace.fine_tuned))
    finite = np.isfinite(column)
    count = int(np.count_nonzero(finite))
    if not count or (len(column) - count) / len(column) > MOST_ABSENT:
        return None
    return Series(steps[finite], column[finite], untrained=bool(steps[0] == 0 and finite[0] and not trace.fine_tuned))


def _is_literatures(key: str) -> bool:
    """Say whether a measure's brackets name no extractor: they are absent, or begin with the protocol's count."""
    return "[" not in key or key.split("[")[1][:1].isdigit()
