"""Claim 4: BSSN is at least as good as spectral normalization in quality and stability; and which scale is best where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ganbench.reports.evidence import Group
from ganbench.reports.formatting import percent
from ganbench.reports.paper_claims.judging.cases import Cases, Pair, labels_of, settings_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing, tail_table
from ganbench.reports.paper_claims.judging.effects import larger_in_pairs, rates_in_pairs
from ganbench.reports.paper_claims.judging.looks import FIRST, TAILS, UNDECIDED, Look, goodness, told_settled
from ganbench.reports.paper_claims.judging.pictures import over_scales, scale_points
from ganbench.reports.paper_claims.judging.reading import Part, Question, answers
from ganbench.reports.paper_claims.judging.words import median_quality, share

USUAL = "spectral_norm"
MARGIN = 0.1


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    scaled = {
        group.title: {scale: (own[scale], usual[scale]) for scale in own if scale in usual}
        for group in cases.groups
        for own, usual in [(scales_of(cases, "bssn", "bsn", group), scales_of(cases, "ssn", USUAL, group))]
    }
    groups = [group for group in cases.both(USUAL, "bsn") if len(scaled[group.title]) > 1]
    wanted = {label for group in groups for labels in scaled[group.title].values() for label in labels}
    lacking = missing(cases, sorted(wanted), groups)
    if lacking:
        return lacking

    def parts(look: Look) -> tuple[Part, Part]:
        pairs = [pair for choice in _chosen(cases, groups, scaled, look) for pair in choice.pairs]
        own, usual = ([goodness(cases, pair[side], look) for pair in pairs] for side in (0, 1))
        fails = ([pair[side].fails(look.undecided) for pair in pairs] for side in (1, 0))
        better = larger_in_pairs(own, usual, settings=settings_of(pairs))
        fewer = rates_in_pairs(*fails, settings=settings_of(pairs))
        # A margin is read from the interval alone: the tests are of being better.
        return (
            Part("pairs in which BSSN is better than SSN, each at its own best scale", replace(better, p=None),
                 0.5 - MARGIN, nothing=0.5 - MARGIN, equal=0.5, form="percent"),
            Part("failures, SSN less BSSN", replace(fewer, p=None), -MARGIN, nothing=-MARGIN, equal=0.0),
        )  # fmt: skip

    chosen = _chosen(cases, groups, scaled, FIRST)
    rows = tuple(
        (choice.group.title, choice.half, f"{choice.own:g}", f"{choice.usual:g}", _won(cases, choice.pairs),
         _won(cases, choice.untuned))
        for choice in chosen
    )  # fmt: skip
    tables = (
        Table("The scales that one half of the seeds chose, and how BSSN did on the other",
              ("setting", "seeds that chose", "BSSN's scale", "SSN's scale", "better than SSN",
               "better than spectral_norm"), rows),
        Table("Every scale: median quality (failures being worst), and failures",
              ("setting", "normalizer", "quality", "failed"), _all_scales(cases, groups, scaled)),
        tail_table(cases, groups),
    )  # fmt: skip
    untuned = [pair for choice in chosen for pair in choice.untuned]
    won = sum(goodness(cases, first) > goodness(cases, second) for first, second in untuned)
    told = (
        f"Against spectral_norm, which has no scale to choose, BSSN at its own is better in {won} of {len(untuned)} pairs"
        f" ({percent(won / len(untuned))}); what of that is the choosing cannot be told. (Without a verdict.)",
        told_settled(cases, groups, sorted(wanted)),
    )
    panels = {
        group.title: {
            family: scale_points(cases, group, {scale: labels[side] for scale, labels in scaled[group.title].items()})
            for side, family in ((1, "SSN"), (0, "BSSN"))
        }
        for group in groups
    }
    pictures = over_scales(
        f"{cases.suite}-scales", panels, ylabel=groups[0].protocol.measure,
        spoken="Median quality, and the share of failures, over the scale of SSN and BSSN",
    )  # fmt: skip
    asked = Question("", parts, {**TAILS, **UNDECIDED}, f"{100 * MARGIN:.0f} points")
    return JudgedClaim(answers([asked], cases.random), tables, told, pictures)


@dataclass(frozen=True)
class Choice:
    """What one half of the seeds of a setting chose, and the pairs of the other half.

    Attributes:
        group: The setting.
        half: The seeds that chose, ``even`` or ``odd``.
        own: The scale of BSSN.
        usual: The scale of SSN.
        pairs: BSSN and SSN, each at its scale, on the other half.
        untuned: BSSN at its scale, and ``spectral_norm``, likewise.
    """

    group: Group
    half: str
    own: float
    usual: float
    pairs: Sequence[Pair]
    untuned: Sequence[Pair]


def _chosen(
    cases: Cases, groups: Sequence[Group], scaled: Mapping[str, Mapping[float, tuple[str, str]]], look: Look
) -> list[Choice]:
    found = []
    for group in groups:
        labels = scaled[group.title]
        for half, name in enumerate(("even", "odd")):
            own, usual = (
                best_scale(cases, group, {scale: both[side] for scale, both in labels.items()}, half, look)
                for side in (0, 1)
            )
            pairs, untuned = (
                [pair for pair in cases.pairs(labels[own][0], other, [group]) if pair[0].seed % 2 != half]
                for other in (labels[usual][1], USUAL)
            )
            found.append(Choice(group, name, own, usual, pairs, untuned))
    return found


def scales_of(cases: Cases, name: str, at_one: str, group: Group) -> dict[float, str]:
    """Return the labels of a normalizer in a group by its scale, rising; ``at_one`` is its form with a scale of 1."""
    found = {
        float(label.split("scale=")[1].rstrip(")")): label for label in labels_of(cases, name) if "scale=" in label
    }
    return {scale: label for scale, label in sorted({1.0: at_one, **found}.items()) if label in group.cells}


def best_scale(cases: Cases, group: Group, labels: Mapping[float, str], half: int, look: Look = FIRST) -> float:
    """Return the scale with the best mean rank of quality over the seeds of one half (0: the even ones)."""
    from scipy.stats import rankdata

    scales = list(labels)
    good = [{case.seed: goodness(cases, case, look) for case in cases.cell(group, labels[scale])} for scale in scales]
    seeds = [seed for seed in set.intersection(*map(set, good)) if seed % 2 == half]
    table = np.array([[one[seed] for seed in seeds] for one in good])
    means = rankdata(-table, axis=0).mean(axis=1) if seeds else np.zeros(len(scales))
    return min(zip(means.round(9).tolist(), (abs(scale - 1) for scale in scales), scales, strict=True))[2]


def _won(cases: Cases, pairs: Sequence[Pair]) -> str:
    return share([goodness(cases, first) > goodness(cases, second) for first, second in pairs])


def _all_scales(
    cases: Cases, groups: Sequence[Group], scaled: Mapping[str, Mapping[float, tuple[str, str]]]
) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (group.title, labels[side], median_quality(cases, cell), share(cell))
        for group in groups
        for side in (1, 0)
        for labels in scaled[group.title].values()
        for cell in [cases.cell(group, labels[side])]
    )


CLAIM = Claim(4, ("bssn", "bssn-small"), read)
