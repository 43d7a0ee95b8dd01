"""Reaching a verdict: all detectors over one trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ganbench.harness.stability.added_detectors import ask_added
from ganbench.harness.stability.definition import Definition
from ganbench.harness.stability.detector import Detector
from ganbench.harness.stability.detectors import DETECTORS
from ganbench.harness.stability.outcomes import Outcome, outcome_of
from ganbench.harness.stability.verdict import METHOD_ERROR, STABLE, UNSTABLE, Verdict
from ganbench.harness.traces.trace import Trace

NO_REFERENCES: Mapping[str, float] = MappingProxyType({})


def judge(
    trace: Trace,
    definition: Definition,
    detectors: Sequence[Detector] = (),
    references: Mapping[str, float] = NO_REFERENCES,
) -> Verdict:
    """Reach the verdict on a trace.

    Args:
        trace: What the trial logged.
        definition: The thresholds.
        detectors: Those that somebody added: they warn, and decide nothing.
        references: For measures of quality, what they say of a generator that has learnt next to nothing (``references``);
            a definition can ask for it.
    """
    looks = {name: DETECTORS[name](trace, definition) for name in definition.detectors}
    findings = tuple(look.finding for look in looks.values() if look.finding is not None)
    blind = tuple(name for name, look in looks.items() if not look.seen)
    warned = (DETECTORS[name](trace, definition).finding for name in definition.warnings)
    warnings = tuple(finding for finding in warned if finding is not None)
    found = Outcome(UNSTABLE if findings else STABLE, findings)
    if definition.evidence is not None and not findings:
        found = outcome_of(trace, definition, references)
    verdict = Verdict(
        found.outcome,
        definition.version,
        found.findings,
        blind,
        warnings=warnings,
        reason=found.reason,
        needs=found.needs,
        least_loss=found.least_loss,
    )
    return verdict.with_added(ask_added(trace, detectors)) if detectors else verdict


def method_error(message: str, definition: Definition) -> Verdict:
    """Return the verdict on a trial whose normalizer raised or broke its contract."""
    return Verdict(METHOD_ERROR, definition.version, message=message)
