"""Claim 4: BSSN is at least as good as spectral normalization in quality and stability; and which scale is best where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ganbench.harness.statistics import macro_bootstrap, suite_generator
from ganbench.reports.evidence import Group
from ganbench.reports.formatting import percent
from ganbench.reports.paper_claims.judging.cases import Cases, Pair, labels_of
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table, missing
from ganbench.reports.paper_claims.judging.effects import larger_in_pairs, rates_in_pairs
from ganbench.reports.paper_claims.judging.measures import goodness
from ganbench.reports.paper_claims.judging.pictures import over_scales, scale_points
from ganbench.reports.paper_claims.judging.reading import Part, answer
from ganbench.reports.paper_claims.judging.words import median_quality, share

USUAL = "spectral_norm"


def read(cases: Cases) -> JudgedClaim:
    """Apply the rule."""
    scaled = {group.title: scales_of(cases, "bssn", "bsn", group) for group in cases.groups}
    groups = [group for group in cases.both(USUAL, "bsn") if len(scaled[group.title]) > 1]
    wanted = {label for group in groups for label in scaled[group.title].values()}
    lacking = missing(cases, (USUAL, *sorted(wanted)), groups)
    if lacking:
        return lacking
    pairs, chosen = [], []
    for group in groups:
        for half in (0, 1):
            scale = best_scale(cases, group, scaled[group.title], half)
            label = scaled[group.title][scale]
            found = [pair for pair in cases.pairs(label, USUAL, [group]) if pair[0].seed % 2 != half]
            pairs += found
            chosen.append((group.title, "even" if half == 0 else "odd", f"{scale:g}", _won(found)))
    better = larger_in_pairs([goodness(first) for first, _ in pairs], [goodness(second) for _, second in pairs])
    fewer = rates_in_pairs([second.failed for _, second in pairs], [first.failed for first, _ in pairs])
    parts = (
        # "At least as good" is read from the interval alone: the tests are of being better.
        Part("pairs in which BSSN is better than spectral_norm", replace(better, p=None, needed=math.nan), 0.5,
             nothing=0.35, reaches=False, form="percent"),
        Part("failures, spectral_norm less BSSN", replace(fewer, p=None, needed=math.nan), 0.0, nothing=-0.1,
             reaches=False),
    )  # fmt: skip
    tables = (
        Table("The scale that one half of the seeds chose, and how it did on the other",
              ("setting", "seeds that chose", "scale", "better than spectral_norm"), tuple(chosen)),
        Table("Every scale: median quality (failures being worst), failures, and the chance of the fewest",
              ("setting", "normalizer", "quality", "failed", "fewest failures"), _all_scales(cases, groups)),
    )  # fmt: skip
    panels = {
        group.title: {
            "SSN": scale_points(cases, group, scales_of(cases, "ssn", USUAL, group)),
            "BSSN": scale_points(cases, group, scales_of(cases, "bssn", "bsn", group)),
        }
        for group in groups
    }
    words = "Median quality, and the share of failures, over the scale of SSN and BSSN"
    pictures = over_scales(
        f"{cases.suite}-scales", panels, ylabel=groups[0].protocol.measure if groups else "", spoken=words
    )
    return JudgedClaim((answer(parts),), tables, pictures=pictures)


def scales_of(cases: Cases, name: str, at_one: str, group: Group) -> dict[float, str]:
    """Return the labels of a normalizer in a group by its scale, rising; ``at_one`` is its form with a scale of 1."""
    found = {
        float(label.split("scale=")[1].rstrip(")")): label for label in labels_of(cases, name) if "scale=" in label
    }
    return {scale: label for scale, label in sorted({1.0: at_one, **found}.items()) if label in group.cells}


def best_scale(cases: Cases, group: Group, labels: dict[float, str], half: int) -> float:
    """Return the scale with the best mean rank of quality over the seeds of one half (0: the even ones)."""
    from scipy.stats import rankdata

    scales = list(labels)
    good = [{case.seed: goodness(case) for case in cases.cell(group, labels[scale])} for scale in scales]
    seeds = [seed for seed in set.intersection(*map(set, good)) if seed % 2 == half]
    table = np.array([[one[seed] for seed in seeds] for one in good])
    means = rankdata(-table, axis=0).mean(axis=1) if seeds else np.zeros(len(scales))
    return min(zip(means.round(9).tolist(), (abs(scale - 1) for scale in scales), scales, strict=True))[2]


def _won(pairs: Sequence[Pair]) -> str:
    return share([goodness(first) > goodness(second) for first, second in pairs])


def _all_scales(cases: Cases, groups: Sequence[Group]) -> tuple[tuple[str, ...], ...]:
    rows = []
    for group in groups:
        labels = [*scales_of(cases, "ssn", USUAL, group).values(), *scales_of(cases, "bssn", "bsn", group).values()]
        seeds = range(int(cases.plan["seeds"]))
        failed = [{case.seed: float(case.failed) for case in cases.cell(group, label)} for label in labels]
        outcomes = np.array([[[one.get(seed, math.nan) for seed in seeds]] for one in failed])
        random = suite_generator(str(cases.plan["hash"]), f"findings: scales of {group.title}")
        best = macro_bootstrap(outcomes, random).best
        rows += [
            (group.title, label, median_quality(cell), share(cell), percent(float(chance)))
            for label, chance in zip(labels, best, strict=True)
            for cell in [cases.cell(group, label)]
        ]
    return tuple(rows)


CLAIM = Claim(4, ("bssn", "bssn-small"), read)
