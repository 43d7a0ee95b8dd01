"""Running the detectors that somebody added. Whatever they do, the trial's verdict is the definition's.

A detector that raises, or returns something that is no look, makes no failure: it leaves a warning with its error and with
the line of its own file. Each gets a copy of the trace, so that none can change what is stored, or what another one sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from ganbench.harness.plugins.blame import own_line, owner
from ganbench.harness.stability.detector import Detector
from ganbench.harness.stability.look import Look
from ganbench.harness.stability.verdict import AddedDetector, AddedVerdict, Finding
from ganbench.harness.traces.trace import Trace

REASON = 400
"""Characters that are kept of what a detector says."""


def ask_added(trace: Trace, detectors: Sequence[Detector]) -> tuple[AddedVerdict, ...]:
    """Return what added detectors see in a trace, in their order."""
    return tuple(_looked(trace, detector) for detector in detectors)


def _looked(trace: Trace, detector: Detector) -> AddedVerdict:
    def by(*, seen: bool) -> AddedDetector:
        kind = type(detector)
        return AddedDetector(
            detector.label(), kind.name, str(kind.version), detector.source(), _sentence(str(kind.summary)), seen
        )

    try:
        look = detector.look(_read_only(trace))
        if not isinstance(look, Look):
            place = _place_of_look(detector)
            told = f"look returned {_short(look)}, expected a Look: NOTHING_TO_SEE, CLEAR or self.found(...){place}"
            return _broken(trace, by(seen=False), told)
        finding = None if look.finding is None else _checked(look.finding, detector.label(), trace.budget)
        return AddedVerdict(by(seen=bool(look.seen)), finding)
    except (Exception, SystemExit) as error:
        return _broken(trace, by(seen=False), f"{_said(error)}{_place(detector, error)}")


def _broken(trace: Trace, by: AddedDetector, told: str) -> AddedVerdict:
    reason = _sentence(f"detector {by.label} could not look: {told}")
    return AddedVerdict(by, Finding(by.broken, trace.stopped, float("nan"), float("nan"), reason))


def _checked(finding: Finding, label: str, budget: int) -> Finding:
    """Return a finding as it can be stored, under the detector's own name.

    Raises:
        TypeError, ValueError: It cannot be stored.
    """
    step = int(finding.step)
    if not 0 <= step <= budget:
        raise ValueError(f"found something at step {finding.step}, expected a step from 0 to the budget, {budget}")
    if not isinstance(finding.reason, str):
        raise TypeError(f"found something because of {_short(finding.reason)}, expected a sentence")
    return Finding(label, step, float(finding.value), float(finding.threshold), _sentence(finding.reason))


def _read_only(trace: Trace) -> Trace:
    """Return a copy of a trace whose arrays cannot be written to by mistake."""
    copied = deepcopy(trace)
    for array in _arrays(copied):
        array.flags.writeable = False
    return copied


def _arrays(trace: Trace) -> Iterator[np.ndarray]:
    yield from (trace.steps, trace.probe_steps, trace.evaluation_steps)
    yield from (*trace.scalars.values(), *trace.evaluations.values())
    yield from (probe.values for probe in trace.probes.values())
    for layer in trace.layers.values():
        yield from (layer.variance, layer.sigma, layer.stable_rank)
    if trace.samples is not None:
        yield trace.samples.values


def _sentence(text: str) -> str:
    """Return a text in one line of what every file can hold, cut where it is long."""
    line = " ".join(text.encode("utf-8", "replace").decode().replace("\0", "?").split())
    return line if len(line) <= REASON else f"{line[: REASON - 3]}..."


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an error can fail at saying what it is
        return type(error).__name__


def _short(value: Any) -> str:
    return type(value).__name__ if value is not None else "None"


def _place(detector: Detector, error: BaseException) -> str:
    """Return the line of the detector's own code that an error came about in; that of ``look`` where it passed none."""
    place = own_line(error, {owner(type(detector).__module__)})
    return f" ({place[0]}:{place[1]})" if place else _place_of_look(detector)


def _place_of_look(detector: Detector) -> str:
    code = getattr(type(detector).look, "__code__", None)
    return f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
