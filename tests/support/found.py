"""Trials of shipped suites with outcomes that a test chooses, for the rules of findings: nothing is trained."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ganbench.harness.planning.suite import load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.stability import STABLE, UNDECIDED, UNSTABLE, Finding, Verdict
from ganbench.harness.traces.trace import LayerTrace, Trace
from ganbench.reports.evidence import Group
from ganbench.reports.evidence.grouping import group_cells
from ganbench.reports.paper_claims.judging.cases import Case, Cases

CATALOG = Catalog()

Outcome = dict[str, Any]
"""Keyword arguments of :func:`made`."""


def cases(suite: str, outcome: Callable[[Group, str, int], Outcome], seeds: int | None = None) -> Cases:
    """Return a suite's trials.

    Args:
        suite: A shipped suite's name.
        outcome: What became of a trial, by its group, its normalizer and its seed.
        seeds: Trials of a cell, instead of the suite's own.
    """
    plan, groups = _planned(suite, seeds)
    every = [
        made(group, label, seed, **outcome(group, label, seed))
        for group in groups
        for label in group.cells
        for seed in range(plan["seeds"])
    ]
    return Cases(plan, groups, tuple(every))


@functools.cache
def _planned(suite: str, seeds: int | None) -> tuple[dict[str, Any], tuple[Group, ...]]:
    plan = load_suite(suite, catalog=CATALOG).with_seeds(seeds).plan()
    return plan, tuple(group_cells(plan["cells"]))


def made(
    group: Group,
    label: str,
    seed: int,
    *,
    modes: tuple[str, ...] = (),
    undecided: bool = False,
    quality: float | Sequence[float] | None = None,
    measures: dict[str, list[float]] | None = None,
    variance: tuple[float, float] = (0.5, 0.5),
    gradient: float = 1.0,
) -> Case:
    """Return a trial.

    Args:
        group: Its group.
        label: Its normalizer.
        seed: Its seed.
        modes: How it failed; not at all by default.
        undecided: Whether nobody can say what became of it.
        quality: Of every evaluation of the protocol's measure, or of each of the 20; by default a number of its own.
        measures: Evaluations of further measures, from the untrained generator on: 21.
        variance: Of the weights, times max(m, n): before training and at the end.
        gradient: The discriminator's gradient norm at the end; at the start it is 1.
    """
    quality = np.random.default_rng([seed, *label.encode()]).random() if quality is None else quality
    qualities = np.broadcast_to(np.asarray(quality, dtype=float), 20)
    steps, probes = np.linspace(1, 1000, 200), np.linspace(0, 1000, 11)
    norms = np.where(steps < 100, 1.0, gradient)
    layer = LayerTrace((10, 20), np.linspace(*variance, 11) / 20, np.ones(11))
    evaluations = {group.protocol.measure: np.concatenate([[90.0], qualities])}
    trace = Trace(
        budget=1000, stopped=1000, steps=steps, scalars={"d_grad_norm": norms}, probe_steps=probes,
        layers={"conv1": layer, "output": LayerTrace((1, 20), np.full(11, 9.0), np.ones(11))},
        evaluation_steps=np.linspace(0, 1000, 21),
        evaluations=evaluations | {key: np.array(values, dtype=float) for key, values in (measures or {}).items()},
    )  # fmt: skip
    findings = tuple(Finding(mode, 500, 1.0, 1.0, "") for mode in modes)
    verdict = Verdict(UNSTABLE if modes else UNDECIDED if undecided else STABLE, 3, findings)
    return Case(group, label, seed, verdict, trace, started=100.0 * seed, seconds=50.0, device="cpu")
