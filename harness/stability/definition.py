"""The versioned thresholds of the detectors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

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
    "lost_quality",
    "lost_diversity",
    "lost_modes",
)
"""What the shipped definitions can find, in the order of the tables."""

LOSSES = ("lost_quality", "lost_diversity", "lost_modes")
"""Those that definitions with an undecided outcome find by comparing a training with its own past."""

FOLDER = Path(__file__).parent / "definitions"


Section = TypeVar("Section")


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


class Learning(_Thresholds):
    """When a training has learnt, and when one that has not does not any more. See the definition file."""

    of_reference: float
    share: float
    coverage: float
    near_best: float
    least_trained: int
    ahead: float


class Loss(_Thresholds):
    """What counts as losing what was had. See the definition file."""

    factor: float
    of_noise: float
    counts: float
    tail_share: float
    tail_least: int
    prefix_least: int
    levels: dict[int, float]
    long_tail: float
    noise: float
    noise_growth: float
    turn_factor: float
    turn_share: float
    turn_least: int
    turn_noise: float
    modes_share: float


class Evidence(_Thresholds):
    """What must have been seen before a training is called stable. See the definition file."""

    after_learning: int
    until: float
    bound: float


class Definition(_Thresholds):
    """One version of what "unstable" means: its detectors, by name, and their thresholds.

    A definition without ``evidence`` knows two outcomes: whatever no detector finds anything in is stable.

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
    mode_collapse: ModeCollapse | None = None
    late_deterioration: LateDeterioration | None = None
    never_converged: NeverConverged | None = None
    oscillation: Oscillation | None = None
    learning: Learning | None = None
    loss: Loss | None = None
    evidence: Evidence | None = None

    @property
    def modes(self) -> tuple[str, ...]:
        """The failure modes that it can find, in the order of the tables."""
        return self.detectors if self.loss is None else (*self.detectors, *LOSSES)

    @classmethod
    def failure_modes(cls) -> list[str]:
        """Return the names of the failure modes of all definitions, which no other detector can take."""
        return list(FAILURE_MODES)


def given(section: Section | None) -> Section:
    """Return thresholds that a definition has because it names their detector.

    Raises:
        ValueError: It has not.
    """
    if section is None:
        raise ValueError("the definition names a detector without its thresholds")
    return section


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
