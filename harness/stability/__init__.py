"""From a trace to a verdict: pure functions over plain arrays, with versioned thresholds, and no torch."""

from harness.stability.adding import look_at
from harness.stability.definition import Definition, known_definitions, load_definition
from harness.stability.detectors.detector import Detector
from harness.stability.detectors.look import CLEAR, NOTHING_TO_SEE, Look, series_of
from harness.stability.judge import judge, method_error
from harness.stability.verdict import METHOD_ERROR, STABLE, UNSTABLE, Added, Finding, Looked, Verdict

__all__ = [
    "CLEAR",
    "METHOD_ERROR",
    "NOTHING_TO_SEE",
    "STABLE",
    "UNSTABLE",
    "Added",
    "Definition",
    "Detector",
    "Finding",
    "Look",
    "Looked",
    "Verdict",
    "judge",
    "known_definitions",
    "load_definition",
    "look_at",
    "method_error",
    "series_of",
]
