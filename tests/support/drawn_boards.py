"""Evidence without a ledger: what became of trials, said in letters, for boards of many settings in no time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graded import OUTCOMES

from ganbench.harness.stability import Verdict, load_definition
from ganbench.harness.stability.verdict import UNDECIDED
from ganbench.reports.evidence import Evidence, Group, QualityProtocol, Result

PROTOCOL = QualityProtocol("ring", "share", "higher", "ring · share", (("share", "higher"),))
DEFINITION = load_definition(3)


def evidence_of(outcomes: Mapping[str, Sequence[str | None]], baseline: str | None = None) -> Evidence:
    """Return evidence by definition 3.

    Args:
        outcomes: For each normalizer a text for each setting: a letter of :data:`graded.OUTCOMES` for each seed, "u" for
            an undecided trial and a blank for a missing one; None where there is to be no such cell.
        baseline: A normalizer.
    """
    settings = max(len(texts) for texts in outcomes.values())
    seeds = max((len(text) for texts in outcomes.values() for text in texts if text is not None), default=1)
    groups, results = [], {}
    for place in range(settings):
        cells = {name: f"{name}-{place}" for name, texts in outcomes.items() if texts[place] is not None}
        groups.append(Group("ring", "mlp", f"s{place}", f"ring · s{place}", PROTOCOL, cells))
        results |= {cell: _results(cell, outcomes[name][place] or "") for name, cell in cells.items()}
    plan = {
        "suite": "drawn",
        "version": 1,
        "seed": 3,
        "seeds": seeds,
        "definition": 3,
        "baseline": baseline,
        "cells": [],
    }
    wanted = dict.fromkeys(results, seeds)
    return Evidence(plan, DEFINITION, (*outcomes,), (*groups,), (PROTOCOL,), results, (), (), 0, wanted)


def one_after_the_other(evidence: Evidence, test: str) -> Evidence:
    """Return evidence of which a test of sequential seeds decides the pairs: ``"spending"`` or ``"betting"``."""
    rule = {"least": 1, "most": evidence.seeds, "step": 1, "half_width": None, "test": test, "baseline": None}
    return replace(evidence, plan={**evidence.plan, "sequential": rule})


def _results(cell: str, text: str) -> dict[int, Result]:
    return {seed: _result(f"{cell}-{seed}", seed, letter) for seed, letter in enumerate(text) if letter != " "}


def _result(trial: str, seed: int, letter: str) -> Result:
    outcome = UNDECIDED if letter == "u" else OUTCOMES[letter]
    verdict = Verdict(outcome, 3, needs="steps" if outcome == UNDECIDED else "")
    return Result(trial, seed, verdict, 1.0, 0.5, {"share": 0.5}, float("nan"), None, trial)
