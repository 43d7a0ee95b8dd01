"""A short training of two seeds ends as a sweep's trials do: with a verdict."""

from __future__ import annotations

import re

from ganbench.harness.conformance.outcome import Failed
from ganbench.harness.conformance.subject import SUITE_SEED, Subject

SEEDS = (0, 1)


def reaches_verdicts(subject: Subject) -> str:
    """Neither seed ends in a method error."""
    from ganbench.harness.cells.cell import Trial
    from ganbench.harness.stability import METHOD_ERROR, known_definitions, load_definition
    from ganbench.harness.steps.execution_mode import ExecutionMode
    from ganbench.harness.steps.ways import PLAIN
    from ganbench.harness.training.workshop import Workshop
    from ganbench.harness.worker.trial import run_trial

    workshop = Workshop(subject.catalog)
    definition = load_definition(known_definitions()[-1])
    plain = ExecutionMode(PLAIN)  # so that every step asks the hooks
    trials = [Trial(subject.cell, SUITE_SEED, seed) for seed in SEEDS]
    verdicts = [run_trial(workshop, trial, definition, execution=plain).verdict for trial in trials]
    for seed, verdict in zip(SEEDS, verdicts, strict=True):
        if verdict.outcome == METHOD_ERROR:
            hook = re.match(r"\w+\.(\w+) ", verdict.message)
            raise Failed(f"seed {seed} ended in a method error: {verdict.message}", hook[1] if hook else "")
    return f"on {subject.cell.dataset.label()} with {subject.cell.architecture.name}; 50 steps say nothing of stability"
