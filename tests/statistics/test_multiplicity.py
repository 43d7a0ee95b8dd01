"""How many settings a claim about others needs."""

from __future__ import annotations

import numpy as np
import pytest

from ganbench.harness.statistics import ALPHA, holm, settings_needed, sign_flip_many

NEEDED = {1: 6, 3: 7, 10: 9, 66: 12, 435: 15}


def surest(settings: int, comparisons: int) -> float:
    """The corrected p-value of a comparison that one side wins in all settings, as clearly as can be."""
    differences = np.zeros((comparisons, settings), dtype=int)
    differences[0] = 8
    return holm(sign_flip_many(differences).tolist())[0]


@pytest.mark.parametrize("comparisons", NEEDED)
def test_a_claim_on_settings_like_these_needs_so_many_settings_and_with_one_fewer_none_is_possible(comparisons):
    needed = settings_needed(comparisons)
    assert needed == NEEDED[comparisons]
    assert surest(needed, comparisons) <= ALPHA < surest(needed - 1, comparisons)


def test_more_settings_are_needed_for_more_comparisons_and_for_a_stricter_level():
    found = [settings_needed(comparisons) for comparisons in range(1, 500)]
    assert found == sorted(found)
    assert settings_needed(10, 0.01) > settings_needed(10)
    assert settings_needed(1, 2 / 2**5) == 5  # a level that is met exactly is met


def test_no_setting_that_all_win_makes_a_claim_of_all_comparisons_possible_with_too_few():
    """Holm's first step asks the most, whatever the others are."""
    for comparisons in (3, 10):
        settings = settings_needed(comparisons) - 1
        everything = np.full((comparisons, settings), 8)
        assert min(holm(sign_flip_many(everything).tolist())) > ALPHA
