"""What claims of two normalizers would be if planned trials that are missing had gone against them.

Trials may be missing because of what would have become of them: slow ones, for instance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.statistics import ALPHA, holm, mcnemar_many, sign_flip_many
from ganbench.harness.statistics.sequential import UNDECIDED
from ganbench.reports.board.pair import Tested
from ganbench.reports.board.pairing import Outcomes, Pairing


def missing(pairs: Pairing, coded: Outcomes) -> NDArray[np.bool_]:
    """Return which trials are planned and not there: [normalizers, groups, seeds].

    Args:
        pairs: The normalizers.
        coded: What became of their trials.
    """
    evidence = pairs.evidence
    wanted = [
        [evidence.wanted[group.cells[name]] if name in group.cells else 0 for group in evidence.groups]
        for name in pairs.names
    ]
    planned = np.arange(evidence.seeds) < np.array(wanted, dtype=int).reshape(len(wanted), -1, 1)
    return planned & ~np.isfinite(coded)


def against_claims(pairs: Pairing, coded: Outcomes, tested: list[Tested]) -> list[Tested]:
    """Return what is said of failures, or of learning, with whether missing trials could take it back.

    Args:
        pairs: The normalizers.
        coded: What became of their trials.
        tested: What the tests say of each pair.
    """
    if not missing(pairs, coded).any():
        return tested
    # For the claim that the second has more: the first's missing trials have it, the second's have not.
    worst = [_if_missing(pairs, coded, more, fill) for more, fill in ((0, (0.0, 1.0)), (1, (1.0, 0.0)))]
    sides = [int(item.more == second) for item, (_, second) in zip(tested, pairs.labels(), strict=True)]
    # Holm's p-value of a pair only grows with those of others, so that it is largest with the largest of all.
    here, beyond = (
        holm([float(worst[side][level][index]) if tested[index].more else 1.0 for index, side in enumerate(sides)])
        for level in (0, 1)
    )
    return [
        replace(
            item,
            turns=item.more != ""
            and (here[index] > ALPHA or (item.settings_holm_p <= ALPHA and beyond[index] > ALPHA)),
        )
        for index, item in enumerate(tested)
    ]


def against_learning(pairs: Pairing, unlearnt: Outcomes, failing: list[Tested]) -> list[Tested]:
    """Return what is said of failures; the better one may turn out not to learn where trials of it are missing.

    Args:
        pairs: The normalizers.
        unlearnt: Which of their trials did not learn.
        failing: What the tests say of how often they fail.
    """
    if not missing(pairs, unlearnt).any():
        return failing
    less = [_if_missing(pairs, unlearnt, side, fill)[0] for side, fill in ((0, (1.0, 0.0)), (1, (0.0, 1.0)))]
    better = [int(found.more == first) for found, (first, _) in zip(failing, pairs.labels(), strict=True)]
    return [
        replace(found, turns=found.turns or (found.more != "" and float(less[side][index]) <= ALPHA))
        for index, (found, side) in enumerate(zip(failing, better, strict=True))
    ]


def _if_missing(
    pairs: Pairing, coded: Outcomes, more: int, fill: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the p-values of the claim that one side has more, were missing trials known: [pairs], on each level.

    Args:
        pairs: The normalizers.
        coded: What became of their trials.
        more: Which side is said to have more, 0 or 1; the p-value is 1 where it would not.
        fill: What missing trials of the first and of the second side would be.
    """
    absent = missing(pairs, coded)
    found, in_settings = np.zeros(pairs.sides.shape[1]), np.zeros(pairs.sides.shape[1])
    for code in (1.0, 0.0, np.nan) if (coded == UNDECIDED).any() else (0.0,):
        known = np.where(coded == UNDECIDED, code, coded)
        one, other = (np.where(absent, value, known) for value in fill)
        ahead, behind = pairs.alone(one, other)
        ahead, behind = (behind, ahead) if more else (ahead, behind)
        leads = ahead.sum(axis=0) > behind.sum(axis=0)
        if np.isnan(code):  # the decided trials alone need only lean the same way
            found, in_settings = (np.where(leads, item, 1.0) for item in (found, in_settings))
            continue
        p = mcnemar_many(ahead.sum(axis=0), behind.sum(axis=0))
        found = np.maximum(found, np.where(leads, p, 1.0))
        in_settings = np.maximum(in_settings, np.where(leads, sign_flip_many((ahead - behind).T), 1.0))
    return found, in_settings
