"""A trace as it would be had its training been watched for a part of the budget only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ganbench.harness.traces.trace import Column, Trace


def cut(trace: Trace, share: float) -> Trace:
    """Return the beginning of a trace, with that part of its budget as the whole budget; without samples.

    A learning rate that falls over the budget had not fallen by then: it is no training of its own with so few steps.

    Args:
        trace: A trace.
        share: Of its budget, in (0, 1].
    """
    budget = int(trace.budget * share)
    probes = _count(trace.probe_steps, budget)
    logged, evaluated = _count(trace.steps, budget), _count(trace.evaluation_steps, budget)
    return replace(
        trace,
        budget=budget,
        stopped=min(budget, trace.stopped),
        steps=trace.steps[:logged],
        scalars={name: column[:logged] for name, column in trace.scalars.items()},
        probe_steps=trace.probe_steps[:probes],
        layers={
            name: replace(
                layer,
                **{kind: getattr(layer, kind)[: max(0, probes - layer.first)] for kind in ("variance", "sigma")},
                stable_rank=layer.stable_rank[: max(0, probes - layer.first)],
            )
            for name, layer in trace.layers.items()
        },
        evaluation_steps=trace.evaluation_steps[:evaluated],
        evaluations={name: column[:evaluated] for name, column in trace.evaluations.items()},
        samples=None,
        probes={
            name: replace(probe, values=probe.values[: max(0, probes - probe.first)])
            for name, probe in trace.probes.items()
        },
    )


def _count(steps: Column, budget: int) -> int:
    return int(np.searchsorted(steps, budget, side="right"))
