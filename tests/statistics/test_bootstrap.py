"""The bootstrap of seeds: paired, repeatable, and honest about what it cannot know."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganbench.harness.statistics import macro_bootstrap, suite_generator


def failed(rates, groups=4, seeds=16, seed=0):
    random = np.random.default_rng(seed)
    return (random.random((len(rates), groups, seeds)) < np.array(rates)[:, None, None]).astype(float)


@pytest.mark.parametrize("across", [True, False])
def test_the_same_suite_gives_the_same_bytes_and_another_one_others(across):
    values = failed([0.1, 0.4, 0.5])

    def run(identity):
        return macro_bootstrap(values, suite_generator(identity), baseline=0, draws=500, across_groups=across)

    first, again, other = run("a"), run("a"), run("b")
    assert first.ranks.tobytes() == again.ranks.tobytes()
    assert first.difference_intervals.tobytes() == again.difference_intervals.tobytes()
    assert first.ranks.tobytes() != other.ranks.tobytes()


def test_two_purposes_have_streams_of_their_own():
    assert suite_generator("a").random() != suite_generator("a", "signs").random()


@pytest.mark.parametrize("across", [True, False])
def test_pairing_is_kept(across):
    values = failed([0.4])
    twice = np.concatenate([values, values])
    found = macro_bootstrap(twice, suite_generator("a"), baseline=0, draws=300, across_groups=across)
    assert (found.difference_intervals == 0).all()
    assert found.best == pytest.approx([0.5, 0.5])


def test_chances_of_ranks_add_up_both_ways():
    found = macro_bootstrap(failed([0.2, 0.3, 0.3, 0.8]), suite_generator("a"), draws=1000)
    assert found.ranks.sum(0) == pytest.approx(np.ones(4))
    assert found.ranks.sum(1) == pytest.approx(np.ones(4))
    assert found.ranks[3, 3] > 0.99
    assert (found.best == found.ranks[:, 0]).all()


def test_intervals_are_those_of_the_resampled_mean():
    values = failed([0.3], groups=1, seeds=64, seed=4)
    found = macro_bootstrap(values, suite_generator("a"))
    rate = values.mean()
    expected = 1.96 * math.sqrt(rate * (1 - rate) / 64)
    assert found.rates[0] == pytest.approx(rate)
    assert found.rate_intervals[0] == pytest.approx([rate - expected, rate + expected], abs=0.02)


def test_a_seed_that_fails_everywhere_widens_only_what_is_drawn_across_groups():
    values = np.repeat(failed([0.3], groups=1), 8, axis=1)
    widths = [
        np.diff(macro_bootstrap(values, suite_generator("a"), draws=1000, across_groups=across).rate_intervals)[0, 0]
        for across in (True, False)
    ]
    assert widths[0] > 2 * widths[1]


def test_missing_trials_are_left_out_and_every_group_weighs_the_same():
    values = np.array([[[1, 1, np.nan, np.nan], [0, 0, 0, 0]]])
    assert macro_bootstrap(values, suite_generator("a"), draws=100).rates[0] == 0.5


def test_a_normalizer_without_trials_has_no_rank():
    values = failed([0.2, 0.5])
    values[1] = np.nan
    found = macro_bootstrap(values, suite_generator("a"), baseline=0, draws=200)
    assert np.isnan(found.rates[1])
    assert np.isnan(found.rate_intervals[1]).all()
    assert found.ranks[1].sum() == 0
    assert found.best[0] == 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (1, 3, 2), (2, 2, 0)])
@pytest.mark.parametrize("across", [True, False])
def test_small_suites_do_no_harm(shape, across):
    found = macro_bootstrap(np.zeros(shape), suite_generator("a"), baseline=0, draws=50, across_groups=across)
    assert found.ranks.shape == (shape[0], shape[0])
    if shape[2]:
        assert (found.rate_intervals == 0).all()
        assert found.best.sum() == pytest.approx(1)


def test_memory_is_bounded_and_chunks_do_not_show(monkeypatch):
    from ganbench.harness.statistics import bootstrap

    values = failed([0.2, 0.5])
    whole = macro_bootstrap(values, suite_generator("a"), draws=200)
    monkeypatch.setattr(bootstrap, "CHUNK", 300)
    assert macro_bootstrap(values, suite_generator("a"), draws=200).ranks.tobytes() == whole.ranks.tobytes()


def test_other_numbers_are_refused():
    with pytest.raises(ValueError, match="0, 1 and nan"):
        macro_bootstrap(np.full((1, 1, 2), 0.5), suite_generator("a"))
    with pytest.raises(ValueError, match="normalizers, groups, seeds"):
        macro_bootstrap(np.zeros((2, 2)), suite_generator("a"))
