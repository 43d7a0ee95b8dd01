"""The detectors: each a pure function of a trace and the thresholds.

A detector returns a :class:`Look`: whether the trace held what it looks at, and what it found. Thresholds are explained
in ``definitions/``; where they come from is in ``docs/stability.md``.
"""

from ganbench.harness.stability.gradients import diverged, exploding_gradient, vanishing_gradient
from ganbench.harness.stability.look import Look, Rule
from ganbench.harness.stability.quality import late_deterioration, mode_collapse, never_converged, oscillation

DETECTORS: dict[str, Rule] = {
    "diverged": diverged,
    "exploding_gradient": exploding_gradient,
    "vanishing_gradient": vanishing_gradient,
    "mode_collapse": mode_collapse,
    "late_deterioration": late_deterioration,
    "never_converged": never_converged,
    "oscillation": oscillation,
}
"""The detectors of all definitions, by name. Which of them a definition asks is said in its file."""

__all__ = ["DETECTORS", "Look", "Rule"]
