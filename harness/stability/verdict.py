"""What a verdict is: the outcome of a trial and the failure modes that were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

STABLE = "stable"
UNSTABLE = "unstable"
METHOD_ERROR = "method_error"


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


@dataclass(frozen=True)
class Verdict:
    """What became of a trial.

    Attributes:
        outcome: ``"stable"``, ``"unstable"`` or ``"method_error"``.
        definition: Version of the thresholds that decided.
        findings: The failure modes, in the order of the detectors.
        blind: Detectors that had nothing to look at in this trace.
        message: What a method error said.
        warnings: What else is worth knowing; it makes no failure.
    """

    outcome: str
    definition: int
    findings: tuple[Finding, ...] = ()
    blind: tuple[str, ...] = ()
    message: str = ""
    warnings: tuple[Finding, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the trial counts in the instability rate's numerator. A method that cannot run is not stable."""
        return self.outcome != STABLE

    @property
    def modes(self) -> tuple[str, ...]:
        """The failure modes' names; ``("method_error",)`` for a method error."""
        return (METHOD_ERROR,) if self.outcome == METHOD_ERROR else tuple(finding.mode for finding in self.findings)

    @property
    def failed_at(self) -> int | None:
        """The step of the first failure, or None."""
        return min((finding.step for finding in self.findings), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verdict:
        """Rebuild a verdict from :meth:`to_json`."""
        findings, warnings = (tuple(Finding(**item) for item in value[key]) for key in ("findings", "warnings"))
        return cls(value["outcome"], value["definition"], findings, tuple(value["blind"]), value["message"], warnings)
