"""The versioned thresholds of the detectors."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ganbench.harness.errors import InputError, describe, did_you_mean

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

Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(gt=0, lt=1)]
Bar = Annotated[float, Field(gt=0, le=1)]
Factor = Annotated[float, Field(gt=1)]
Times = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Levels = Annotated[
    dict[int, Annotated[float, Field(gt=0, le=0.5)]],
    Field(min_length=1),
    AfterValidator(lambda levels: dict(sorted(levels.items()))),
]


class _Thresholds(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Diverged(_Thresholds):
    """No threshold: a value is finite or it is not. What an evaluation that could not be computed means is said."""

    uncomputed_evaluation: Literal["diverged", "absent"] = "diverged"


class Reference(_Thresholds):
    """Where a gradient norm's reference is taken, and how it is smoothed; shares of the planned steps."""

    reference_from: Share
    reference_to: Share
    window: Share
    reference_first: bool = False


class ExplodingGradient(Reference):
    """See the definition file."""

    factor: Factor
    absolute: Times
    consecutive: Count
    sigma_factor: Factor


class VanishingGradient(Reference):
    """See the definition file."""

    factor: Part
    absolute: Times
    share: Share
    saturated_accuracy: Share
    input_gradient: float | None = None


class Tail(_Thresholds):
    """How many of the last evaluations decide."""

    tail: Share
    tail_least: Count


class ModeCollapse(Tail):
    """See the definition file."""

    coverage: Share
    largest_ratio: Times
    diversity: Times
    recall: float | None = None
    data_coverage: float | None = None


class LateDeterioration(Tail):
    """See the definition file."""

    ratio: Factor
    score_drop: Part
    share_ratio: float | None = None
    best_of: int = 1
    noise: float | None = None


class NeverConverged(_Thresholds):
    """See the definition file."""

    of_untrained: Times
    share: Share
    ceiling: float | None = None


class Oscillation(_Thresholds):
    """See the definition file."""

    roughness: Times
    swing: Times
    turns: Count
    least: Count


class Learning(_Thresholds):
    """When a training has learnt, and when one that has not does not any more. See the definition file."""

    of_reference: Bar
    share: Bar
    coverage: Bar
    near_best: Factor
    least_trained: Annotated[int, Field(ge=3)]
    ahead: Times


class Loss(_Thresholds):
    """What counts as losing what was had. See the definition file."""

    factor: Factor
    of_noise: Times
    of_changes: Times
    changes_least: Annotated[int, Field(ge=4)]
    changes: Times
    changes_growth: Times
    counts: Factor
    tail_share: Part
    tail_least: Count
    prefix_least: Annotated[int, Field(ge=2)]
    levels: Levels
    long_tail: Annotated[float, Field(ge=1)]
    noise: Times
    noise_growth: Times
    turn_factor: Factor
    turn_share: Bar
    turn_least: Count
    turn_noise: Times
    modes_share: Bar


class Evidence(_Thresholds):
    """What must have been seen before a training is called stable. See the definition file."""

    after_learning: Count
    until: Share
    bound: Annotated[float, Field(ge=0.5, lt=1)]


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

    @model_validator(mode="after")
    def _enough_before_a_loss(self) -> Self:
        if self.loss is not None and self.evidence is not None:
            least = self.evidence.after_learning
            before = least - max(self.loss.tail_least, int(self.loss.tail_share * least))
            if before < self.loss.prefix_least:
                raise ValueError(
                    f"of the least evaluations after learning, evidence.after_learning, {before} are before the last ones"
                    f" (loss.tail_share, loss.tail_least): expected loss.prefix_least, {self.loss.prefix_least}, or more"
                )
        return self

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


def changed(definition: Definition, settings: Iterable[str]) -> Definition:
    """Return a definition with other thresholds; verdicts by it are not those of the published definition.

    Args:
        definition: The definition.
        settings: ``RULE.PARAMETER=VALUE`` each.

    Raises:
        InputError: There is no such rule or parameter, or the value is none that it can have.
    """
    values = definition.model_dump()
    said: dict[tuple[str, str], str] = {}
    for setting in settings:
        place, equals, text = setting.partition("=")
        rule, dot, parameter = place.strip().partition(".")
        if not (equals and dot):
            raise InputError(f"--set {setting}: expected RULE.PARAMETER=VALUE, such as loss.factor=1.5")
        rules = {name: value for name, value in values.items() if isinstance(value, dict)}
        unknown = f"--set {setting}: definition {definition.version} has no"
        if rule not in rules:
            raise InputError(f"{unknown} rule {rule!r}{did_you_mean(rule, rules)}")
        if parameter not in rules[rule]:
            raise InputError(f"{unknown} parameter {parameter!r} of {rule!r}{did_you_mean(parameter, rules[rule])}")
        try:
            values[rule][parameter] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InputError(f"--set {setting}: expected a value, found {text!r}") from error
        said[rule, parameter] = setting
    try:
        return Definition.model_validate(values)
    except ValidationError as error:
        every = " ".join(said.values())
        problems = describe(error.errors(), lambda _: ())
        raise InputError([f"--set {said.get(place[:2], every)}: {words}" for place, words in problems]) from error


def changes_of(definition: Definition) -> dict[str, Any]:
    """Return the thresholds in which a definition is not the published one of its version, as ``RULE.PARAMETER``."""
    published, own = load_definition(definition.version).model_dump(), definition.model_dump()
    return {
        f"{name}.{key}": value
        for name, rule in own.items()
        if isinstance(rule, dict)
        for key, value in rule.items()
        if value != published[name][key]
    }
