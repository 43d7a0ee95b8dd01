"""The performance profile: how good all trials get, failures included."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from ganbench.harness.statistics import performance_profile
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.reports import leaderboard
from ganbench.reports.figures import profile
from ganbench.reports.figures.lines import choose, spread, staircase

VALUES = {"a": (5.0, 1.0, 9.0, 3.0), "b": (2.0, 4.0, 6.0, 8.0)}


@pytest.fixture(scope="module")
def page(shared):
    settings = [("slow", shared.images)]
    return leaderboard(shared({"a": ("c...",), "b": ("....",)}, settings=settings,
                              quality=lambda label, _, seed: VALUES[label][seed]))  # fmt: skip


def test_a_line_is_the_share_of_all_trials_and_ends_at_the_share_that_did_not_fail(page):
    (protocol,) = page.evidence.protocols
    trials = profile.reached(page.evidence, protocol, ["a", "b"])
    assert (trials["a"].never, trials["b"].never) == (1, 0)
    values = np.concatenate([item.values for item in trials.values()])
    where = profile.axis(values, "lower")
    steps = profile.thresholds(values, where, 100)
    assert list(steps) == [1, 2, 3, 4, 6, 8, 9]
    x, shares = profile.profile(trials["a"], where, steps, "lower")
    assert list(x[1:-1]) == list(steps)
    assert list(shares) == [0, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5, 0.75, 0.75]
    assert shares[-1] == 1 - next(row for row in page.board.rows if row.normalizer == "a").count.rate


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("levels", [7, 1000])
def test_a_thinned_line_is_exact_at_every_threshold(better, levels):
    values = np.random.default_rng(3).lognormal(size=300)
    trials = profile.Reached(values, 40, 0)
    where = profile.axis(values, better)
    steps = profile.thresholds(values, where, levels)
    assert len(steps) <= max(levels, 7) or levels == 1000
    x, shares = profile.profile(trials, where, steps, better)
    assert np.array_equal(shares[:-1], performance_profile(list(values), 40, x[:-1], better))
    assert shares[-1] == 300 / 340
    assert (np.diff(shares) >= 0).all()  # from strict to lenient
    assert (np.diff(x) > 0).all() if better == "lower" else (np.diff(x) < 0).all()


def test_one_that_flew_off_does_not_squeeze_the_others():
    values = np.append(np.linspace(10, 12, 500), 1e9)
    where = profile.axis(-values, "higher")
    assert abs(where.end) < 20
    trials = profile.Reached(-values, 0, 0)
    assert profile.profile(trials, where, profile.thresholds(-values, where, 50), "higher")[1][-1] == 1


def test_a_stable_trial_without_a_number_is_as_good_as_none_and_the_caption_says_so(ledgers):
    found = leaderboard(ledgers({"a": ("....",)}, settings=[("slow", ledgers.images)], definition=2,
                                quality=lambda _, __, seed: np.nan if seed == 1 else 1.0 + seed))  # fmt: skip
    trials = profile.reached(found.evidence, found.evidence.protocols[0], ["a"])["a"]
    assert (len(trials.values), trials.never, trials.unknown, trials.trials) == (3, 1, 1, 4)
    assert "no finite number (1 in all)" in profile.draw(found.evidence, found.board).caption


def test_the_line_on_the_page_has_the_corners_of_the_profile(page):
    (part,) = profile.draw(page.evidence, page.board).parts
    line = max(re.findall(r'<path d="M([^"]*)"[^>]*stroke: var\(--n1', part.svg), key=len)
    heights = np.cumsum([0.0, *(float(step) for step in re.findall(r"v(-?[\d.]+)", line))])
    assert np.allclose(heights / heights[-1], [0, 0.25, 0.5, 0.75, 1], atol=0.002)  # b: four trials, none failed


def test_the_band_is_the_interval_of_the_share():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    profile._band(axes, np.array([0.0, 1, 2]), np.array([0, 0.75, 0.75]), 4, "k")
    corners = axes.patches[0].get_xy()
    at_end = corners[corners[:, 0] == 2][:, 1]
    assert (at_end.min(), at_end.max()) == rate_interval(3, 4)
    at_start = corners[corners[:, 0] == 0][:, 1]
    assert (at_start.min(), at_start.max()) == rate_interval(0, 4)


@pytest.mark.parametrize("count", [1, 9, 12, 13, 40, 200])
def test_lines_are_told_apart_by_colour_and_dashes_however_many_there_are(count):
    names = [f"n{index}" for index in range(count)]
    ranked = sorted(names)
    rows = [SimpleNamespace(normalizer=name, count=SimpleNamespace(trials=4)) for name in ranked]
    baseline = ranked[count // 2]
    lines = choose(
        SimpleNamespace(normalizers=names, plan={"baseline": baseline}), SimpleNamespace(rows=rows, all_rows=rows)
    )
    assert len({(shade, str(dash)) for shade, dash in lines.styles.values()}) == len(lines.styles)
    assert len(lines.styles) + lines.others == count
    assert baseline in lines.styles
    if count <= 12:
        assert list(lines.styles) == ranked and lines.said() == ""
    else:
        assert list(lines.styles)[:4] == ranked[:4] and list(lines.styles)[-3:] == ranked[-3:]
        assert len(lines.grey) == min(24, lines.others) or 12 < len(lines.grey) <= 24
        assert f"Of {count} normalizers" in lines.said()


def test_the_more_lines_the_fewer_steps(shared, monkeypatch):
    random = np.random.default_rng(0)
    values = {f"n{index:02}": random.lognormal(size=24) for index in range(14)}
    page = leaderboard(shared(dict.fromkeys(values, ("." * 24,)), settings=[("slow", shared.images)],
                              quality=lambda label, _, seed: values[label][seed]))  # fmt: skip
    monkeypatch.setattr("ganbench.reports.figures.lines.STEPS", 14 * 12)
    (part,) = profile.draw(page.evidence, page.board).parts
    assert max(path.count("h") for path in re.findall(r' d="([^"]*)"[^>]*stroke: var\(--n', part.svg)) <= 14
    assert re.search(r">[67] others</text>", part.svg)


def test_a_staircase_turns_where_its_values_change_and_nowhere_else():
    x, y = staircase([0, 1, 2, 3, 4], [0, 0, 5, 5, 2])
    assert list(zip(x, y, strict=True)) == [(0, 0), (2, 0), (2, 5), (4, 5), (4, 2), (4, 2)]
    x, y = staircase([0, 1], [3, 3])
    assert list(zip(x, y, strict=True)) == [(0, 3), (1, 3)]


def test_names_keep_their_distance_and_stay_near_their_lines():
    assert spread([0.1, 0.5, 0.9], 0.1, 0, 1) == pytest.approx([0.1, 0.5, 0.9])
    assert spread([0.5, 0.5], 0.1, 0, 1) == pytest.approx([0.45, 0.55])
    assert spread([1, 1, 1], 0.1, 0, 1) == pytest.approx([0.8, 0.9, 1])
    assert spread([0] * 5, 0.5, 0, 1) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert spread([], 0.1, 0, 1) == []
