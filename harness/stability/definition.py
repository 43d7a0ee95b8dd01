"""The versioned thresholds of the detectors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from ganbench.harness.errors import InputError, did_you_mean

FAILURE_MODES = (
    "diverged",
    "exploding_gradient",
    "vanishing_gradient",
    "mode_collapse",
    "late_deterioration",
    "never_converged",
)
"""What the shipped definitions can find, in the order of the tables."""

FOLDER = Path(__file__).parent / "definitions"


class _Thresholds(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Diverged(_Thresholds):
    """No threshold: a value is finite or it is not. What an evaluation that could not be computed means is said."""

    uncomputed_evaluation: Literal["diverged", "absent"] = "diverged"


class Reference(_Thresholds):
    """Where a gradient norm's reference is taken, and how it is smoothed; shares of the planned steps."""

    reference_from: float
    reference_to: float
    window: float


class ExplodingGradient(Reference):
    """See the definition file."""

    factor: float
    absolute: float
    consecutive: int
    sigma_factor: float


class VanishingGradient(Reference):
    """See the definition file."""

    factor: float
    absolute: float
    share: float
    saturated_accuracy: float
    input_gradient: float | None = None
    reference_first: bool = False


class Tail(_Thresholds):
    """How many of the last evaluations decide."""

    tail: float
    tail_least: int


class ModeCollapse(Tail):
    """See the definition file."""

    coverage: float
    largest_ratio: float
    diversity: float
    recall: float | None = None
    data_coverage: float | None = None


class LateDeterioration(Tail):
    """See the definition file."""

    ratio: float
    score_drop: float
    share_ratio: float | None = None
    best_of: int = 1
    noise: float | None = None


class NeverConverged(_Thresholds):
    """See the definition file."""

    of_untrained: float
    share: float
    ceiling: float | None = None


class Oscillation(_Thresholds):
    """See the definition file."""

    roughness: float
    swing: float
    turns: int
    least: int


class Definition(_Thresholds):
    """One version of what "unstable" means: its detectors, by name, and their thresholds.

    Attributes:
        version: Its number.
        detectors: Those that decide, in the order of the tables; each is named as the failure mode that it finds.
        warnings: Those that decide nothing.
    """

    version: int
    detectors: tuple[str, ...]
    warnings: tuple[str, ...]
    diverged: Diverged
    exploding_gradient: ExplodingGradient
    vanishing_gradient: VanishingGradient
    mode_collapse: ModeCollapse
    late_deterioration: LateDeterioration
    never_converged: NeverConverged
    oscillation: Oscillation | None = None

    @classmethod
    def failure_modes(cls) -> list[str]:
        """Return the names of the failure modes, which no other detector can take."""
        return list(FAILURE_MODES)


def known_definitions() -> list[int]:
    """Return the versions of the shipped definitions, the newest last."""
    return sorted(int(path.stem) for path in FOLDER.glob("*.yaml"))


@cache  # reading the file takes some milliseconds, and every trial asks
def load_definition(version: int) -> Definition:
    """Load a shipped definition.

    Raises:
        InputError: There is no such version.
    """
    known = {path.stem: path for path in FOLDER.glob("*.yaml")}
    if str(version) not in known:
        raise InputError(f"no definition {version} of instability{did_you_mean(str(version), known)}")
    return Definition.model_validate(yaml.safe_load(known[str(version)].read_text(encoding="utf-8")))
