"""Small ledgers by definition 3: from each trial's trace the definition derives what a letter says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ganbench.harness.stability.verdict import METHOD_ERROR, NOT_LEARNT, STABLE, UNDECIDED, UNSTABLE, Verdict
from ganbench.reports.evidence import Evidence

RINGS = (
    "ring",
    "mlp",
    {"name": "modes", "samples": 100},
    [("high_quality_share", "higher"), ("mode_coverage", "higher")],
)
SETTINGS = (("fast", RINGS), ("slower", RINGS))
EVALUATIONS = 21

OUTCOMES = {
    ".": STABLE,
    "l": UNSTABLE,
    "d": UNSTABLE,
    "e": METHOD_ERROR,
    "n": NOT_LEARNT,
    "s": UNDECIDED,
    "v": UNDECIDED,
}
"""What letters stand for: l lost what it had, d diverged, s needs more steps, v more evaluations."""


def graded(ledgers: Any, outcomes: Mapping[str, Sequence[str]], **rest: Any) -> Any:
    """Return a ledger judged by definition 3.

    Args:
        ledgers: The fixture.
        outcomes: For each normalizer a string for each setting, a letter of :data:`OUTCOMES` for each seed; a blank
            is missing.
        rest: Passed on.
    """
    names = [setting for setting, _ in SETTINGS]

    def retraced(record: Any) -> Any:
        cell = record.spec["cell"]
        letter = outcomes[cell["normalizer"]["name"]][names.index(cell["loss"])][record.spec["seed"]]
        if letter not in ".lnsv":
            return record
        steps = np.linspace(0, 100, EVALUATIONS)
        return ledgers.retraced(record, evaluation_steps=steps, evaluations=_evaluations(letter, record.spec["seed"]))

    plain = {
        name: tuple("".join("." if letter in ".lnsv" else letter for letter in text) for text in texts)
        for name, texts in outcomes.items()
    }
    return ledgers(plain, settings=SETTINGS, definition=3, change=retraced, **rest)


def _evaluations(letter: str, seed: int) -> dict[str, np.ndarray]:
    along = np.linspace(0, 1, EVALUATIONS)
    wiggle = 1 + 0.01 * np.cos(np.arange(EVALUATIONS) * 2.4 + seed)
    learnt = np.where(along < 0.1, 0.1, 0.9)
    shares = {
        ".": learnt,
        "l": np.where(along > 0.7, 0.5 * learnt, learnt),
        "n": np.full(EVALUATIONS, 0.1),
        "s": 0.05 + 0.4 * along,
        "v": np.where(along < 0.7, 0.1 + along, 0.9),
    }
    share = shares[letter] * wiggle
    coverage = {"n": np.full(EVALUATIONS, 0.5), "s": 0.3 + 0.4 * along}.get(letter, np.where(along < 0.1, 0.5, 1.0))
    return {"high_quality_share": share, "mode_coverage": coverage}


def regraded(evidence: Evidence, letters: Mapping[str, Sequence[str]]) -> Evidence:
    """Return evidence with other verdicts: whatever the traces say, of each trial that of a letter.

    Args:
        evidence: By definition 3, with a trial for each letter.
        letters: As the outcomes of :func:`graded`, "u" being undecided.
    """
    results: dict[str, Any] = {cell: {} for cell in evidence.results}
    for place, group in enumerate(evidence.groups):
        for name, cell in group.cells.items():
            for seed, letter in enumerate(letters[name][place]):
                outcome = UNDECIDED if letter == "u" else OUTCOMES[letter]
                verdict = Verdict(outcome, 3, needs="steps" if outcome == UNDECIDED else "")
                results[cell][seed] = replace(evidence.results[cell][seed], verdict=verdict)
    return replace(evidence, results=results)
