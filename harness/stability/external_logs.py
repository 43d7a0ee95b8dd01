"""Judging training logs that were made elsewhere."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.stability import (
    NEEDS,
    UNDECIDED,
    UNSTABLE,
    Definition,
    Detector,
    Finding,
    Verdict,
    judge,
    known_definitions,
    load_definition,
    series_of,
)
from ganbench.harness.stability.badness import Badness, measured
from ganbench.harness.stability.definition import FAILURE_MODES, changed, changes_of, given
from ganbench.harness.stability.log_numbers import RANGES, checked
from ganbench.harness.stability.log_table import MEASURES, SCALARS, Log, Table, also, read_table
from ganbench.harness.stability.log_traces import LogTrace, trace_of
from ganbench.harness.stability.outcomes import after_learning
from ganbench.harness.stability.verdict import OUTCOMES
from ganbench.harness.traces.trace import Trace

BARS = {"fid": +1, "inception_score": -1, "diversity": -1}
"""Measures of which a bar can be given: +1 where a training must get below it, -1 where it must get above."""

FROM_THE_LOG = ("fid", "inception_score")
"""Measures of which the log's own first evaluation says what a poor generator has."""

ALIKE = 1.2
"""Factor up to which the bars of a file's runs are about the same."""

NO_BARS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class LabelledRun:
    """What became of a run.

    Attributes:
        verdict: The verdict.
        evaluations: How many evaluations of the trained generator the log has.
        after_learning: How many of them are after learning; None where the definition has no such thing, or nothing says
            when it had learnt.
        measures: The measures that the definition judged it by.
        bars: By measure, the bar that was given, or that comes from its own first evaluation.
    """

    verdict: Verdict
    evaluations: int
    after_learning: int | None = None
    measures: tuple[str, ...] = ()
    bars: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Labelled:
    """The verdicts on a file of logs.

    Attributes:
        runs: By name, in the order of the file.
        definition: That they were judged by.
        notes: What a reader should know of how the file was read.
    """

    runs: dict[str, LabelledRun]
    definition: Definition
    notes: tuple[str, ...]

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdicts, by run."""
        return {name: run.verdict for name, run in self.runs.items()}

    def by(self) -> str:
        """Return the definition in words, with the thresholds that are not the published ones."""
        changes = ", ".join(f"{name}={value}" for name, value in changes_of(self.definition).items())
        text = f"judged by definition {self.definition.version}"
        return (
            f"{text} with changed thresholds, {changes}; these are no verdicts of the published one"
            if changes
            else text
        )

    def summary(self) -> str:
        """Return in words how many runs had which outcome, what is missing, and which detectors had nothing to look at."""
        verdicts = list(self.verdicts.values())
        outcomes = Counter(verdict.outcome for verdict in verdicts)
        modes = Counter(mode for verdict in verdicts for mode in verdict.modes)
        needs = Counter(NEEDS[verdict.needs] for verdict in verdicts if verdict.needs)
        inside = {UNSTABLE: _listed(modes), UNDECIDED: _listed(needs, "needs ")}
        counted = [
            f"{outcomes[outcome]} {outcome.replace('_', ' ')}{inside.get(outcome, '')}"
            for outcome in OUTCOMES
            if outcomes[outcome]
        ]
        lines = [f"{'1 run' if len(verdicts) == 1 else f'{len(verdicts)} runs'}: {', '.join(counted)}", self.by()]
        blind = Counter(name for verdict in verdicts for name in verdict.blind)
        for name in FAILURE_MODES:
            if blind[name]:
                some = "1 run" if blind[name] == 1 else f"{blind[name]} runs"
                where = "any run" if blind[name] == len(verdicts) else some
                lines.append(f"{name.replace('_', ' ')}: nothing to look at in {where}")
        return "\n".join((*lines, *self._added()))

    def _added(self) -> list[str]:
        """Return a line for each detector that was added: in how many runs it warns, and where it saw nothing."""
        lines = []
        labels = dict.fromkeys(by.label for verdict in self.verdicts.values() for by in verdict.added)
        warned = Counter(item.mode for verdict in self.verdicts.values() for item in verdict.warnings)
        for label in labels:
            looked = [by for verdict in self.verdicts.values() for by in verdict.added if by.label == label]
            broken = warned[looked[0].broken]
            blind = sum(not by.seen for by in looked) - broken
            line = f"{label.replace('_', ' ')}: a warning in {warned[label]} of {len(looked)} runs"
            line += f", nothing to look at in {blind}" if blind else ""
            lines.append(line + (f", could not look in {broken}" if broken else ""))
        return lines


def _listed(counts: Counter[str], before: str = "") -> str:
    """Return a clause of what was counted, the most frequent first."""
    listed = ", ".join(f"{name.replace('_', ' ')} {many}" for name, many in counts.most_common())
    return f" ({before}{listed})" if listed else ""


def label_file(
    path: Path,
    definition: int | None = None,
    *,
    budget: int | None = None,
    bars: Mapping[str, float] = NO_BARS,
    fine_tuned: bool = False,
    settings: Sequence[str] = (),
    detectors: Sequence[Detector] = (),
) -> Labelled:
    """Judge every run of a file of logs.

    Args:
        path: A Parquet or CSV file: a row per logged step, columns ``run`` (absent where there is one), ``step`` and any
            of ``log_table.SCALARS`` and ``MEASURES``. An empty field was not logged there, unless its column of losses or
            norms is empty to the end for far longer than ever before: then it was not finite.
        definition: Version of the definition; the newest when absent.
        budget: Planned steps; each run's last step when absent.
        bars: By measure, a distance that a training must get below, or a score above.
        fine_tuned: Whether step 0 is a trained generator; then only a bar can say that a training has learnt.
        settings: Thresholds that are not the definition's, ``RULE.PARAMETER=VALUE`` each.
        detectors: Those that look beside the definition's; they warn.

    Raises:
        InputError: The file cannot be read, has no steps or nothing to look at, or holds what cannot be; or a bar or a
            setting is none, a bar is of what is not judged, or a run goes on after the budget.
    """
    chosen = load_definition(known_definitions()[-1] if definition is None else definition)
    chosen = _with_ceiling(changed(chosen, settings), _checked_bars(bars))
    table = read_table(path)
    logs = checked(table)
    _check_budget(path, logs, budget)
    runs, scarce, passed_over = {}, Counter[str](), Counter[str]()
    for log in logs:
        own = trace_of(log, budget, fine_tuned=fine_tuned)
        run = runs[log.run] = _judged(own, chosen, bars, detectors)
        logged = [name for name in MEASURES if name in log.series and log.series[name].logged.any()]
        few = [name for name in logged if series_of(own.trace, name) is None]
        scarce.update(few)
        passed_over.update(name for name in logged if name not in (*few, *run.measures))
    _check_judged(path, bars, chosen, {name for run in runs.values() for name in run.measures}, scarce, passed_over)
    return Labelled(runs, chosen, tuple(_notes(table, chosen, runs, scarce, passed_over)))


def _check_budget(path: Path, logs: Sequence[Log], budget: int | None) -> None:
    longer = [log for log in logs if budget is not None and log.steps[-1] > budget]
    if longer:
        last = f"step {longer[0].steps[-1]:,.0f}{also(len(longer) - 1)}"
        raise InputError(f"--budget {budget}: run {longer[0].run!r} of {path} goes on to {last}")


def _check_judged(
    path: Path,
    bars: Mapping[str, float],
    definition: Definition,
    judged: Set[str],
    scarce: Counter[str],
    passed_over: Counter[str],
) -> None:
    """Refuse a bar of a measure that is not in the file, or that no run is judged by. See ``_notes``."""
    for name, value in bars.items():
        bar = f"--bar {name}={value:g}: {path}"
        if name not in {*judged, *scarce, *passed_over}:
            there = ", ".join(name for name in MEASURES if name in {*judged, *scarce, *passed_over})
            raise InputError(f"{bar} has no {name!r}; it has {there or 'no measure of quality'}")
        if name in passed_over and name not in judged:
            by = f"but by {', '.join(name for name in MEASURES if name in judged)}"
            raise InputError(f"{bar} is not judged by {name!r} under definition {definition.version}, {by}")


def _notes(
    table: Table,
    definition: Definition,
    runs: Mapping[str, LabelledRun],
    scarce: Counter[str],
    passed_over: Counter[str],
) -> Iterator[str]:
    """Yield what a reader should know of how a file was read.

    Args:
        table: The file.
        definition: That its runs were judged by.
        runs: What became of them.
        scarce: By measure, how many runs have too few finite numbers of it.
        passed_over: By measure, in how many runs the definition does not judge by it.
    """
    for name in table.unknown:
        meant = did_you_mean(name.lower(), ("run", "step", *SCALARS, *MEASURES))
        yield f"column {name!r} is not known and was not looked at{meant}"
    for name, count in scarce.items():
        where = "1 run" if count == 1 else f"{count} runs"
        yield f"column {name!r} was not looked at in {where}: more than half of its values are not finite"
    if passed_over:
        some = (f"{name} ({count} of {len(runs)} runs)" for name, count in passed_over.items() if count < len(runs))
        every = (name for name, count in passed_over.items() if count == len(runs))
        yield f"not judged by definition {definition.version}: {', '.join((*every, *some))}"
    for name in FROM_THE_LOG:
        own = [run.bars[name] for run in runs.values() if name in run.bars]
        if own and max(own) > ALIKE * min(own):
            yield (
                f"the bars of {name} are from {min(own):.3g} to {max(own):.3g}, each from a run's own first evaluation:"
                f" --bar {name}=VALUE gives one for all runs"
            )


def rows(labelled: Labelled) -> list[dict[str, Any]]:
    """Return each run's verdict as plain values, for tables and JSON; numbers that are not finite become None."""
    changes = changes_of(labelled.definition)
    return [
        {
            "run": name,
            "verdict": verdict.outcome,
            "modes": list(verdict.modes),
            "failed_at": verdict.failed_at,
            "reason": verdict.reason or "; ".join(item.reason for item in verdict.findings),
            "needs": NEEDS.get(verdict.needs, ""),
            "least_loss": verdict.least_loss,
            "evaluations": run.evaluations,
            "after_learning": run.after_learning,
            "findings": [_plain(item) for item in verdict.findings],
            "warnings": [_plain(item) for item in verdict.warnings],
            "nothing_to_look_at": [*verdict.blind, *(by.label for by in verdict.added if not by.seen)],
            "definition": verdict.definition,
            "changed_thresholds": changes,
        }
        for name, run in labelled.runs.items()
        for verdict in (run.verdict,)
    ]


def _plain(finding: Finding) -> dict[str, Any]:
    numbers = {key: getattr(finding, key) for key in ("value", "threshold")}
    finite = {key: value if np.isfinite(value) else None for key, value in numbers.items()}
    return {"mode": finding.mode, "step": finding.step, **finite, "reason": finding.reason}


# --- judging ----------------------------------------------------------------------------------------------------------


def _checked_bars(bars: Mapping[str, float]) -> Mapping[str, float]:
    for name, value in bars.items():
        if name not in BARS:
            raise InputError(f"--bar {name}={value:g}: no such measure{did_you_mean(name, BARS)}")
        least, most = RANGES[name].least, RANGES[name].most
        if not (math.isfinite(value) and least < value <= most):
            end = f" and at most {most:g}" if math.isfinite(most) else ""
            raise InputError(f"--bar {name}={value:g}: expected a number above {least:g}{end}")
    return bars


def _with_ceiling(definition: Definition, bars: Mapping[str, float]) -> Definition:
    """Return a definition that knows the bars; one without an undecided outcome has a rule of its own for a distance."""
    if definition.evidence is not None or not bars:
        return definition
    if set(bars) != {"fid"}:
        raise InputError(f"--bar: definition {definition.version} takes one of fid only, found {', '.join(bars)}")
    return changed(definition, [f"never_converged.ceiling={bars['fid']!r}"])


def _judged(
    log: LogTrace, definition: Definition, bars: Mapping[str, float], detectors: Sequence[Detector]
) -> LabelledRun:
    """Judge a run."""
    trace = replace(log.trace, fine_tuned=True) if _is_fine_tuned(log.trace, bars) else log.trace
    measures = _judged_by(trace, definition)
    found = (series for name in (*measures, *MEASURES) if (series := series_of(trace, name)) is not None)
    first = next(found, None)
    count = 0 if first is None else len(first.trained)
    if definition.evidence is None:
        return LabelledRun(_told(judge(trace, definition, detectors), log.ended), count, measures=measures)
    learning = given(definition.learning)
    references = {name: bar / learning.of_reference ** BARS[name] for name, bar in bars.items()}
    guessed = set()
    for name in FROM_THE_LOG:
        series = series_of(trace, name)
        if name not in bars and series is not None and not trace.fine_tuned:
            references[name] = float(series.values[0])
            guessed |= set() if series.untrained else {name}
    verdict = judge(trace, definition, detectors, references)
    qualities = measured(trace, definition, references)
    barred = [quality for quality in qualities if quality.bar is not None]
    if not verdict.failed:
        if any(quality.name in guessed and not quality.reached().any() for quality in barred):
            # What was lost is lost, whether or not it had learnt.
            known = {name: value for name, value in references.items() if name not in guessed}
            lost = judge(trace, definition, detectors, known)
            verdict = lost if lost.failed else verdict
        if not verdict.failed and verdict.needs != "log":
            verdict = _without_a_reference(verdict, qualities, guessed)
    if verdict.needs == "log" and trace.stopped == 0:
        verdict = replace(verdict, reason="the log has nothing after step 0")
    return LabelledRun(
        _told(verdict, log.ended),
        count,
        after_learning(barred, learning) if barred else None,
        measures,
        {
            quality.name: references[quality.name] * learning.of_reference**quality.sign
            for quality in barred
            if quality.name in references
        },
    )


def _judged_by(trace: Trace, definition: Definition) -> tuple[str, ...]:
    """Return the measures of a trace that a definition judges by."""
    if definition.learning is not None:
        return tuple(quality.name for quality in measured(trace, definition, {}))
    limits = given(definition.mode_collapse)
    not_asked = {
        name for name, limit in (("recall", limits.recall), ("coverage", limits.data_coverage)) if limit is None
    }
    return tuple(name for name in MEASURES if name not in not_asked and series_of(trace, name) is not None)


def _is_fine_tuned(trace: Trace, bars: Mapping[str, float]) -> bool:
    """Say whether step 0 is no untrained generator: it was said, or it is better than a bar that was given."""
    first = {name: series for name in bars if (series := series_of(trace, name)) is not None and series.untrained}
    better = any(BARS[name] * (series.values[0] - bars[name]) <= 0 for name, series in first.items())
    return trace.fine_tuned or better


def _told(verdict: Verdict, ended: Mapping[str, float]) -> Verdict:
    """Return a verdict that says of columns which ended what was seen of them."""
    return replace(verdict, findings=tuple(_with_what_ended(finding, ended) for finding in verdict.findings))


def _with_what_ended(finding: Finding, ended: Mapping[str, float]) -> Finding:
    names = [name for name, step in ended.items() if finding.mode == "diverged" and int(step) == finding.step]
    if not names:
        return finding
    are = "is" if len(names) == 1 else "are"
    reason = f"{', '.join(names)} {are} empty from step {finding.step:,} to the end, while the log goes on: not finite"
    return replace(finding, reason=reason)


def _without_a_reference(verdict: Verdict, qualities: Sequence[Badness], guessed: set[str]) -> Verdict:
    """Return the verdict on a log that does not say what an untrained generator has, where it was not seen to learn.

    Args:
        verdict: That by the definition.
        qualities: The measures of quality.
        guessed: Those whose bar comes from the first evaluation of a log that does not begin at step 0.
    """
    for quality in qualities:
        if quality.bar is None:
            if verdict.needs == "measure" and quality.name in BARS:
                return replace(verdict, reason=f"{verdict.reason}; --bar {quality.name}=VALUE says it")
            continue
        if quality.reached().any() or not len(quality.values):
            continue
        first, best = quality.measured(float(quality.values[0])), quality.measured(float(quality.values.min()))
        if quality.name in guessed:
            reason = f"the log has no step 0, and {quality.words} was {first:.3g} at first and {best:.3g} at its best"
            reason += f": --bar {quality.name}=VALUE says whether that is learnt"
            return replace(verdict, outcome=UNDECIDED, reason=reason, needs="measure")
        if quality.values[0] <= quality.bar:
            bar = quality.measured(quality.bar)
            reason = (
                f"{quality.words} was {first:.3g} at first, better than the bar of {bar:.3g}, which it did not hold"
            )
            return replace(verdict, outcome=UNDECIDED, reason=f"{reason} for three evaluations", needs="evaluations")
    return verdict
