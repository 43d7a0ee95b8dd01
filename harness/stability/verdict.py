"""What a verdict is: the outcome of a trial and the failure modes that were found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

STABLE = "stable"
UNSTABLE = "unstable"
NOT_LEARNT = "not_learnt"
UNDECIDED = "undecided"
METHOD_ERROR = "method_error"

OUTCOMES = (STABLE, UNSTABLE, NOT_LEARNT, UNDECIDED, METHOD_ERROR)

NEEDS = {
    "log": "the rest of the log",
    "measure": "a measure of quality, with a bar",
    "evaluations": "more evaluations after it has learnt",
    "steps": "more steps",
}
"""What decides an undecided trial."""


@dataclass(frozen=True)
class Finding:
    """One failure mode found in a trace.

    Attributes:
        mode: The failure mode, named as its detector.
        step: The step at which it first held.
        value: The figure that decided.
        threshold: What it was compared with.
        reason: A sentence for people.
    """

    mode: str
    step: int
    value: float
    threshold: float
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values; numbers that are not finite become strings."""
        numbers = {key: getattr(self, key) for key in ("value", "threshold")}
        return asdict(self) | {key: value if math.isfinite(value) else str(value) for key, value in numbers.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Finding:
        """Rebuild a finding from :meth:`to_json`.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        return cls(**{**value, "value": float(value["value"]), "threshold": float(value["threshold"])})


@dataclass(frozen=True)
class AddedDetector:
    """A detector that looked at a trial beside those of the definition.

    Attributes:
        label: Its name, with the parameters that are not at their default: the mode of what it finds.
        name: Its name.
        version: Its version.
        source: Hash of its source.
        summary: Its one line, for whoever reads the results and has no such plugin.
        seen: Whether the trace held what it looks at.
    """

    label: str
    name: str
    version: str
    source: str
    summary: str
    seen: bool

    @property
    def broken(self) -> str:
        """The mode of the warning that says that it could not look, because it raised or returned something else."""
        return f"{self.label} (broken)"


@dataclass(frozen=True)
class AddedVerdict:
    """What such a detector saw.

    Attributes:
        by: The detector.
        finding: What it found, or that it could not look; None where nothing was found.
    """

    by: AddedDetector
    finding: Finding | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; numbers that are not finite become strings."""
        return {"by": asdict(self.by), "finding": None if self.finding is None else self.finding.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> AddedVerdict:
        """Rebuild it from :meth:`to_json`.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        finding = value["finding"]
        return cls(AddedDetector(**value["by"]), None if finding is None else Finding.from_json(finding))


@dataclass(frozen=True)
class Verdict:
    """What became of a trial.

    Attributes:
        outcome: ``"stable"``, ``"unstable"``, ``"not_learnt"``, ``"undecided"`` or ``"method_error"``.
        definition: Version of the thresholds that decided.
        findings: The failure modes, in the order of the detectors.
        blind: Detectors that had nothing to look at in this trace.
        message: What a method error said.
        warnings: What else is worth knowing; it makes no failure.
        added: The detectors that looked beside those of the definition; what they found is among the warnings.
        reason: Why it is not learnt, or undecided; a sentence for people.
        needs: What would decide an undecided trial: a key of :data:`NEEDS`.
        least_loss: The smallest lasting loss of quality that would have been found, as a factor above 1; None where no loss
            could be.
    """

    outcome: str
    definition: int
    findings: tuple[Finding, ...] = ()
    blind: tuple[str, ...] = ()
    message: str = ""
    warnings: tuple[Finding, ...] = ()
    added: tuple[AddedDetector, ...] = ()
    reason: str = ""
    needs: str = ""
    least_loss: float | None = None

    @property
    def failed(self) -> bool:
        """Whether the trial counts in the instability rate's numerator. A method that cannot run is not stable."""
        return self.outcome in (UNSTABLE, METHOD_ERROR)

    @property
    def decided(self) -> bool:
        """Whether the evidence says what became of it; others are in no rate, and widen its bounds."""
        return self.outcome != UNDECIDED

    @property
    def modes(self) -> tuple[str, ...]:
        """The failure modes' names; ``("method_error",)`` for a method error."""
        return (METHOD_ERROR,) if self.outcome == METHOD_ERROR else tuple(finding.mode for finding in self.findings)

    @property
    def failed_at(self) -> int | None:
        """The step of the first failure, or None."""
        return min((finding.step for finding in self.findings), default=None)

    def with_added(self, added_verdicts: Sequence[AddedVerdict]) -> Verdict:
        """Return the verdict with what added detectors saw: findings become warnings, and the outcome stays what it is.

        A warning of the definition makes room for that of an added detector of the same name.

        Args:
            added_verdicts: In the order of the warnings.
        """
        names = {look.by.label for look in added_verdicts}
        kept = [warning for warning in self.warnings if warning.mode not in names]
        found = [look.finding for look in added_verdicts if look.finding is not None]
        return replace(self, warnings=(*kept, *found), added=tuple(look.by for look in added_verdicts))

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values; what only some verdicts have, only where they have it."""
        own = ("added", "reason", "needs", "least_loss")
        return {key: item for key, item in asdict(self).items() if item or key not in own}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """Rebuild a verdict from :meth:`to_json`."""
        findings, warnings = (tuple(Finding(**item) for item in value[key]) for key in ("findings", "warnings"))
        added = tuple(AddedDetector(**item) for item in value.get("added", ()))
        blind = tuple(value["blind"])
        more = {key: value[key] for key in ("reason", "needs", "least_loss") if key in value}
        return cls(value["outcome"], value["definition"], findings, blind, value["message"], warnings, added, **more)
