"""The main table's columns. Page, markdown and LaTeX all print these, so that they cannot disagree."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ganbench.reports import formatting as f
from ganbench.reports.board import Board, Row
from ganbench.reports.evidence import Evidence, QualityProtocol

DATASETS = 3
"""So many data sets have their counts in the main table; of more, the map of failures shows them."""

GREY_ABOVE = 0.2
"""Quality of the stable trials alone is greyed where more than this share is not stable: they are a selection."""


def _nothing(row: Row) -> str:
    return ""


@dataclass(frozen=True)
class Column:
    """A column of the main table.

    Attributes:
        key: Short and unique: ``"rank"``, ``"rate"``, …
        title: Its head.
        hint: What it means, in a sentence.
        text: What it says of a normalizer.
        order: What it is sorted by; nan where nothing is known.
        more: A second, smaller line; empty where there is none.
        grey: Whether the second line is to be read with reserve.
    """

    key: str
    title: str
    hint: str
    text: Callable[[Row], str]
    order: Callable[[Row], float | str]
    more: Callable[[Row], str] = _nothing
    grey: Callable[[Row], bool] = lambda row: False


def columns(evidence: Evidence, board: Board) -> tuple[Column, ...]:
    """Return the columns that the evidence has something for."""
    found = [_rank(), _name(evidence), _rate(evidence)]
    found += [] if evidence.decides_all else [_not_learnt(evidence), _undecided()]
    found.append(_modes())
    if evidence.plan.get("baseline") is not None and len(board.all_rows) > 1:
        found.append(_change(evidence.plan["baseline"]))
    found += [
        _quality(index, protocol, decides_all=evidence.decides_all) for index, protocol in enumerate(evidence.protocols)
    ]
    found.append(_lasted(evidence))
    if board.reference is not None and len(board.all_rows) > 1:
        found.append(_cost(board.reference))
    return tuple(found)


def _rank() -> Column:
    return Column(
        "rank",
        "rank",
        "All places that the data leave open in these settings. Ranks do not separate normalizers that share a tier (a"
        " letter).",
        lambda row: f.rank(row.rank),
        lambda row: row.rank[0] + row.rank[1] / 1000 if row.rank else math.nan,
        lambda row: f"tier {f.tier(row.tiers)}" if row.tiers else "",
    )


def _name(evidence: Evidence) -> Column:
    baseline = evidence.plan.get("baseline")

    def more(row: Row) -> str:
        notes = ["baseline"] if row.normalizer == baseline else []
        notes += [row.conformance] if row.conformance else []
        return ", ".join(notes)

    hint = "Below: what ganbench check found of its code, where somebody asked."
    return Column("name", "normalizer", hint, lambda row: row.normalizer, lambda row: row.normalizer, more)


def _rate(evidence: Evidence) -> Column:
    datasets = len({group.dataset for group in evidence.groups})

    def more(row: Row) -> str:
        notes = [f"{f.span(*row.elsewhere)} on settings like these"]
        notes.append(f"{f.of(row.count)} {'trials' if evidence.decides_all else 'decided'}")
        notes += [f"over {row.rated} of {f.count(row.settings, 'setting')}"] if 0 < row.rated < row.settings else []
        notes += [f.bounds(row.count)] if row.count.undecided else []
        if 1 < datasets <= DATASETS:
            notes.append(", ".join(f"{name} {failed}/{trials}" for name, (failed, trials) in row.datasets.items()))
        notes += [f"{row.count.only_slow} only never converged"] if row.count.only_slow else []
        notes += [f"{row.missing} missing"] if row.missing else []
        return " · ".join(notes)

    return Column(
        "rate",
        "instability rate (95 %)",
        "Share of trainings that failed, the mean over settings, with its interval in these settings. Below: its interval"
        " on settings like these; failed of committed trials, by data set, and how many of the failed did nothing worse"
        " than not to converge within the planned steps."
        if evidence.decides_all
        else "Share of the decided trainings that failed, the mean over settings, with its interval in these settings,"
        " whatever became of the undecided. Below: its interval on settings like these; failed of decided trials; where"
        " some are undecided, the rate if all of them were stable, and if all had failed; and by data set.",
        lambda row: f.rate(row.count),
        lambda row: row.count.middle,
        more,
    )


def _not_learnt(evidence: Evidence) -> Column:
    return Column(
        "unlearnt",
        f"not learnt in {f.budgets(evidence.budgets)}",
        "Share of the decided trainings that did not learn within that budget and did not improve any more, the mean over"
        " settings. They did not fail. Below: how many.",
        lambda row: f.unlearnt(row.count),
        lambda row: row.count.not_learnt_rate,
        lambda row: f"{row.count.not_learnt}/{row.count.decided} decided" if row.count.decided else "",
    )


def _undecided() -> Column:
    return Column(
        "undecided",
        "undecided",
        "Trials of which too little was seen to say what became of them; they are in no rate. Below: what would decide most"
        " of them.",
        lambda row: f"{row.count.undecided} of {row.count.trials}" if row.count.trials else f.NOTHING,
        lambda row: row.count.undecided / row.count.trials if row.count.trials else math.nan,
        lambda row: f.most_needed(row.count.needs),
    )


def _modes() -> Column:
    return Column(
        "modes",
        "what failed",
        "How often each failure mode was found; one trial can fail in several ways.",
        lambda row: f.modes(row.count.modes),
        lambda row: f.modes(row.count.modes),
    )


def _change(baseline: str) -> Column:
    return Column(
        "change",
        f"against {baseline}",
        "Difference in percentage points over shared seeds, all settings together, so that it can differ from that of the"
        " mean rates; its interval, which holds for all pairs together; Holm's p among all pairs, which says whether they"
        " are separated where the interval ends at 0; settings in which it failed less often, equally often, more often.",
        lambda row: f.change(row.change),
        lambda row: math.nan if row.change is None else row.change.difference,
        lambda row: f.grounds(row.change),
    )


def _quality(index: int, protocol: QualityProtocol, *, decides_all: bool) -> Column:
    def more(row: Row) -> str:
        quality = row.quality[protocol]
        # Where all are stable, it would be the same number again.
        return f"stable only {f.number(quality.stable)} ({quality.trials})" if quality.trials and quality.others else ""

    return Column(
        f"quality{index}",
        f.quality_title(protocol.title, protocol.better),
        "Last evaluation, its median over all trials, a failed one being worse than any number. Below: the median of the"
        + (
            " trials that did not fail (how many), grey where more than 20 % failed."
            if decides_all
            else " stable trials (how many), grey where more than 20 % are not stable."
        ),
        lambda row: f.quality(row.quality[protocol].all),
        lambda row: row.quality[protocol].all,
        more,
        lambda row: row.quality[protocol].others > GREY_ABOVE,
    )


def _lasted(evidence: Evidence) -> Column:
    return Column(
        "lasted",
        "stable steps" if evidence.decides_all else "steps before a failure",
        "Share of the steps before the first failure, the mean over trials and settings.",
        lambda row: f.NOTHING if math.isnan(row.lasted) else f.percent(row.lasted),
        lambda row: row.lasted,
    )


def _cost(reference: str) -> Column:
    return Column(
        "cost",
        "time per step",
        f"Time of a training step over that of {reference}, compared within each setting; evaluations are left out.",
        lambda row: f.factor(row.cost),
        lambda row: row.cost,
    )
