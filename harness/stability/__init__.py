"""From a trace to a verdict: pure functions over plain arrays, with versioned thresholds, and no torch."""

from ganbench.harness.stability.added_detectors import ask_added
from ganbench.harness.stability.definition import Definition, known_definitions, load_definition
from ganbench.harness.stability.detector import Detector
from ganbench.harness.stability.judge import judge, method_error
from ganbench.harness.stability.look import CLEAR, NOTHING_TO_SEE, Look, series_of
from ganbench.harness.stability.verdict import (
    METHOD_ERROR,
    NEEDS,
    NOT_LEARNT,
    STABLE,
    UNDECIDED,
    UNSTABLE,
    AddedDetector,
    AddedVerdict,
    Finding,
    Verdict,
)

__all__ = [
    "CLEAR",
    "METHOD_ERROR",
    "NEEDS",
    "NOTHING_TO_SEE",
    "NOT_LEARNT",
    "STABLE",
    "UNDECIDED",
    "UNSTABLE",
    "AddedDetector",
    "AddedVerdict",
    "Definition",
    "Detector",
    "Finding",
    "Look",
    "Verdict",
    "ask_added",
    "judge",
    "known_definitions",
    "load_definition",
    "method_error",
    "series_of",
]
