"""Leaderboards of trials that were never run: outcomes drawn from known rates, given to what makes every leaderboard."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability import Verdict, load_definition
from ganbench.harness.stability.verdict import NOT_LEARNT, STABLE, UNDECIDED, UNSTABLE
from ganbench.reports.board import Board, build
from ganbench.reports.evidence import Evidence, Group, QualityProtocol, Result

CODES = (STABLE, UNSTABLE, NOT_LEARNT, UNDECIDED)
"""What became of a trial, by number; nan is a trial that is missing."""

PROTOCOL = QualityProtocol("data", "fid", "lower", "data fid", (("fid", "lower"),))
DEFINITION = load_definition(3)


@cache
def _result(seed: int, code: int) -> Result:
    verdict = Verdict(CODES[code], DEFINITION.version, needs="steps" if CODES[code] == UNDECIDED else "")
    return Result(f"{seed}-{code}", seed, verdict, 1.0, float("nan"), {}, float("nan"), None, "")


def evidence_of(
    outcomes: NDArray[np.float64],
    *,
    absent: NDArray[np.bool_] | None = None,
    sequential: Mapping[str, Any] | None = None,
) -> Evidence:
    """Return the evidence of a suite.

    Args:
        outcomes: [methods, settings, seeds] Numbers of :data:`CODES`, nan where a trial is missing.
        absent: [methods, settings] Cells that the plan does not have.
        sequential: The plan's rule for seeds that come one after the other.
    """
    methods, settings, seeds = outcomes.shape
    names = tuple(f"m{index:02d}" for index in range(methods))
    planned = np.ones((methods, settings), dtype=bool) if absent is None else ~absent
    groups = tuple(
        Group(
            "data", "network", f"s{place:03d}", f"s{place:03d}", PROTOCOL,
            {name: f"{name}-{place}" for index, name in enumerate(names) if planned[index, place]},
        )
        for place in range(settings)
    )  # fmt: skip
    results = {
        f"{names[index]}-{place}": {
            seed: _result(seed, int(code)) for seed, code in enumerate(outcomes[index, place].tolist()) if code == code
        }
        for index, place in zip(*np.nonzero(planned), strict=True)
    }
    plan = {"suite": "simulated", "version": 1, "seed": 0, "seeds": seeds, "cells": [], "hash": ""}
    if sequential is not None:
        plan["sequential"] = dict(sequential)
    wanted = (
        dict.fromkeys(results, seeds) if sequential is None else {cell: len(found) for cell, found in results.items()}
    )
    return Evidence(plan, DEFINITION, names, groups, (PROTOCOL,), results, (), (), 0, wanted)


def board_of(outcomes: NDArray[np.float64], **more: Any) -> Board:
    """Return the leaderboard of a suite; the arguments are those of :func:`evidence_of`."""
    return build(evidence_of(outcomes, **more))
