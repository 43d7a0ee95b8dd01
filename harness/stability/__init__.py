"""From a trace to a verdict: pure functions over plain arrays, with versioned thresholds, and no torch."""

from harness.stability.definition import Definition, known_definitions, load_definition
from harness.stability.judge import judge, method_error
from harness.stability.verdict import METHOD_ERROR, STABLE, UNSTABLE, Finding, Verdict

__all__ = [
    "METHOD_ERROR",
    "STABLE",
    "UNSTABLE",
    "Definition",
    "Finding",
    "Verdict",
    "judge",
    "known_definitions",
    "load_definition",
    "method_error",
]
