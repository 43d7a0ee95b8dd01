"""What was seen of trials, and what was not: how many are undecided, and how small a loss would have been found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from ganbench.harness.stability.outcomes import FAR
from ganbench.harness.stability.verdict import STABLE, UNDECIDED, Verdict
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import budgets, needs, number, thousands


def seen(evidence: Evidence) -> str:
    """Say what became of a board's trials, what would decide the undecided, and how small a loss would have been found.

    Empty for definitions by which every trial is stable or failed, and without trials.
    """
    verdicts = [result.verdict for results in evidence.results.values() for result in results.values()]
    if evidence.decides_all or not verdicts:
        return ""
    return " ".join([_outcomes(evidence, verdicts), *_undecided(verdicts), _least_loss(verdicts)])


def _outcomes(evidence: Evidence, verdicts: Sequence[Verdict]) -> str:
    found = Counter("failed" if verdict.failed else verdict.outcome for verdict in verdicts)
    said = [f"{thousands(found['failed'])} failed", f"{_are(found[STABLE])} stable"]
    said.append(f"{thousands(found['not_learnt'])} did not learn in {budgets(evidence.budgets)}")
    trials = f"{thousands(len(verdicts))} trial{'s' * (len(verdicts) > 1)}"
    return f"Of {trials}, {', '.join(said)} and {_are(found[UNDECIDED])} undecided."


def _are(number: int) -> str:
    return f"{thousands(number)} {'is' if number == 1 else 'are'}"


def _undecided(verdicts: Sequence[Verdict]) -> list[str]:
    found = Counter(verdict.needs for verdict in verdicts if not verdict.decided)
    return [f"What would decide {'it' if found.total() == 1 else 'them'}: {needs(found)}."] if found else []


def _least_loss(verdicts: Sequence[Verdict]) -> str:
    """Say how small a lasting loss of quality would have been found in what is stable, or undecided."""
    asked = [verdict for verdict in verdicts if verdict.outcome in (STABLE, UNDECIDED)]
    losses = sorted(verdict.least_loss for verdict in asked if verdict.least_loss is not None)
    if not asked:
        return "No trial is stable or undecided, so none could have had a loss that was not seen."
    if not losses:
        return (
            "In none of the stable and undecided trials could a lasting loss of quality have been found, however large."
        )
    blind = len(asked) - len(losses)
    nothing = f"; in the other {thousands(blind)} none could have been, however large" if blind else ""
    of_them = (
        f"{_factor(median(losses))} in the median of the {thousands(len(losses))} stable and undecided trials that were"
        f" watched long enough, and {_factor(losses[-1])} in the worst of them"
        if len(losses) > 1
        else f"{_factor(losses[0])} in the one stable or undecided trial that was watched long enough"
    )
    return f"The smallest lasting loss of quality that would have been found in 19 of 20 cases is {of_them}{nothing}."


def _factor(loss: float) -> str:
    return f"a factor of {number(loss) if loss <= FAR else f'more than {FAR}'}"
