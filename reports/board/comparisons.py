"""Normalizers two by two, on the trials that they share: which fails less often, and which learns more often.

A claim is made on one of two levels. *In these settings*: seeds are paired within settings, and the claim is about these
very settings. *On settings like these*: settings are the blocks, and the claim is about the population that they were
drawn from; it needs the first one, too.

An undecided trial may be either. What is claimed of two normalizers holds with the undecided trials of both counted as
failed (or as not learnt) and with those of both counted as stable, and the decided pairs lean to the same side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ganbench.harness.statistics import (
    ALPHA,
    holm,
    least_discordant_each,
    mcnemar_many,
    pairs_needed,
    sign_flip_many,
)
from ganbench.harness.statistics.sequential import UNDECIDED, compare
from ganbench.reports.board.missing_trials import against_claims, against_learning
from ganbench.reports.board.pair import Pair, Tested
from ganbench.reports.board.pairing import Outcomes, Pairing, coded, decided, failed, not_learnt, pair_all
from ganbench.reports.board.standing import Standing
from ganbench.reports.evidence import Evidence


def compare_all(evidence: Evidence, order: Sequence[str], where: Standing) -> list[Pair]:
    """Compare every pair of normalizers.

    Args:
        evidence: The trials.
        order: The normalizers; of each pair the one that comes first here is its first.
        where: Those that stand in one order, and in which settings.
    """
    pairs = pair_all(evidence, order, where)
    failures, unlearnt = (coded(evidence, order, counts) for counts in (failed, not_learnt))
    failing, learning = (against_claims(pairs, item, _tested(pairs, item)) for item in (failures, unlearnt))
    failing = against_learning(pairs, unlearnt, failing)
    committed = np.isfinite(failures)
    together = pairs.both(committed, committed).sum(axis=0).tolist()
    failures, unlearnt = decided(failures), decided(unlearnt)
    known = np.isfinite(failures)
    shared = pairs.both(known, known)
    only_first, only_second = pairs.alone(failures, failures)
    both = pairs.both(failures == 1, failures == 1).sum(axis=0).tolist()
    unlearnt_first, unlearnt_second = (item.sum(axis=0).tolist() for item in pairs.alone(unlearnt, unlearnt))
    ahead = only_first - only_second
    groups = [(shared > 0) & found for found in (ahead > 0, ahead < 0, ahead == 0)]
    groups_first, groups_second, groups_level = (found.sum(axis=0).tolist() for found in groups)
    counts = [item.sum(axis=0).tolist() for item in (shared, only_first, only_second)]
    needed = least_discordant_each([item.p for item in failing])
    enough = pairs_needed(counts[1], counts[2], counts[0], ALPHA / max(1, len(failing))).tolist()
    return [
        Pair(
            first=first,
            second=second,
            shared=counts[0][index],
            undecided=together[index] - counts[0][index],
            only_first=counts[1][index],
            only_second=counts[2][index],
            both=both[index],
            unlearnt_first=unlearnt_first[index],
            unlearnt_second=unlearnt_second[index],
            failing=failing[index],
            learning=learning[index],
            needed=needed[index],
            enough=enough[index],
            groups_first=groups_first[index],
            groups_second=groups_second[index],
            groups_level=groups_level[index],
        )
        for index, (first, second) in enumerate(pairs.labels())
    ]


def _tested(pairs: Pairing, outcomes: Outcomes) -> list[Tested]:
    """Return what the tests say of each pair."""
    p_values, alones, by_settings = [], [], []
    known = decided(outcomes)
    leans = [np.sign(np.subtract(*pairs.alone(known, known)).sum(axis=0))]
    for code in (1.0, 0.0) if (outcomes == UNDECIDED).any() else (0.0,):
        known = np.where(outcomes == UNDECIDED, code, outcomes)
        one, other = pairs.alone(known, known)
        by_settings.append(sign_flip_many((one - other).T))
        one, other = one.sum(axis=0), other.sum(axis=0)
        p_values.append(mcnemar_many(one, other))
        leans.append(np.sign(one - other))
        alones.append(np.stack([one, other], axis=1).tolist())
    agreed = np.all([lean == leans[0] for lean in leans], axis=0)
    raw, settings_raw = (
        np.where(agreed, np.maximum(found[0], found[-1]), 1.0).tolist() for found in (p_values, by_settings)
    )
    lean = np.where(agreed, leans[0], 0).tolist()
    committed = np.isfinite(outcomes)
    settings = (pairs.both(committed, committed) > 0).sum(axis=0).tolist()
    sequential = pairs.evidence.sequential
    test = None if sequential is None else sequential.test
    since = _since(pairs, outcomes)
    corrected, settings_corrected = holm(raw), holm(settings_raw)
    found = []
    for index, (first, second) in enumerate(pairs.labels()):
        more = ("", first, second)[lean[index]]
        separated, had_more = since.get((first, second), (None, ""))
        ways = tuple((b, a) if more == second else (a, b) for a, b in (alones[0][index], alones[-1][index]))
        found.append(
            Tested(
                more=more,
                ways=ways,
                p=raw[index],
                holm_p=corrected[index],
                settings=settings[index],
                settings_p=settings_raw[index],
                settings_holm_p=settings_corrected[index],
                test=test,
                separated=separated if had_more == more else None,  # later seeds can lean the other way
            )
        )
    return found


def _since(pairs: Pairing, outcomes: Outcomes) -> Mapping[tuple[str, str], tuple[int, str]]:
    """Return the pairs that the test of sequential seeds separates: after how many seeds, and which one has more."""
    if pairs.evidence.sequential is None:
        return {}
    rule, found = pairs.evidence.sequential.rule(list(pairs.names)), {}
    for where in np.unique(pairs.allowed, axis=1).T:  # all groups, and those of the order
        chosen = {tuple(pair) for pair in pairs.sides.T[(where == pairs.allowed.T).all(axis=1)].tolist()}
        for item in compare(outcomes[:, where], rule):
            if (item.first, item.second) in chosen and item.separated is not None and item.worse is not None:
                found[pairs.names[item.first], pairs.names[item.second]] = item.separated, pairs.names[item.worse]
    return found
