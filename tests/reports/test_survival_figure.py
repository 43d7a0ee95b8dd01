"""The survival curves on the page."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ganbench.harness.statistics import Survival, kaplan_meier
from ganbench.reports import leaderboard
from ganbench.reports.figures import survival


@pytest.fixture(scope="module")
def page(shared):
    return leaderboard(shared({"a": ("....", "c..."), "b": ("cccc", "e.c.")}))


def test_a_line_pools_the_settings_and_ends_at_the_share_that_never_failed(page):
    trials = survival.pooled(page.evidence)
    found = {name: survival.curve(results) for name, results in trials.items()}
    for row in page.board.rows:
        assert found[row.normalizer].stable[-1] == pytest.approx(1 - row.count.unstable / row.count.trials)
    assert list(found["b"].steps) == [0, 0.4, 1]  # what did not run failed from the start; the others at step 40 of 100
    assert found["b"].stable == pytest.approx([7 / 8, 2 / 8, 2 / 8])


def test_the_line_on_the_page_falls_as_the_curve_does(page):
    (part,) = survival.draw(page.evidence, page.board).parts
    line = max(re.findall(r'<path d="M([^"z]*)"[^>]*stroke: var\(--n1', part.svg), key=len)
    falls = [float(step) for step in re.findall(r"v(-?[\d.]+)", line)]
    grid = sorted({float(y) for y in re.findall(r'<path d="M[\d.]+ ([\d.]+)h[\d.]+"[^>]*var\(--line', part.svg)})
    assert falls == pytest.approx([(7 - 2) / 8 * (grid[-1] - grid[0])], abs=0.3)


def test_a_thinned_curve_keeps_its_heights_and_moves_no_failure_by_more_than_a_step():
    random = np.random.default_rng(1)
    times = random.random(5000)
    whole = kaplan_meier(times, times < 0.8, 1.0)
    thin = survival.thinned(whole, 50)
    assert len(thin.steps) <= 50
    assert thin.stable[-1] == whole.stable[-1]
    for step, share in zip(thin.steps, thin.stable, strict=True):
        assert share == whole.stable[np.searchsorted(whole.steps, step + 1e-9, side="right") - 1]
    assert np.abs(np.interp(whole.steps, thin.steps, thin.stable) - whole.stable).max() < 2 / 49
    assert survival.thinned(thin, 50) is thin


def test_bands_begin_where_the_interval_is_known():
    found = Survival(np.array([0, 0.5, 1.0]), np.array([1, 0.5, 0.5]), np.array([np.nan, 0.2, 0.2]),
                     np.array([np.nan, 0.8, 0.8]), 0.75)  # fmt: skip
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    survival._band(axes, found, "k")
    corners = axes.patches[0].get_xy()
    assert corners[:, 0].min() == 0.5 and corners[:, 0].max() == 1
    assert (corners[:, 1].min(), corners[:, 1].max()) == (0.2, 0.8)


def test_the_caption_says_what_is_pooled_and_how_many(page):
    caption = survival.draw(page.evidence, page.board).caption
    assert "pooled over 2 settings: 8 trials of each normalizer" in caption
    assert "Not all normalizers" not in caption


def test_the_caption_warns_where_not_all_were_trained_in_the_same_settings(ledgers):
    ledger = ledgers({"a": ("....", "c..."), "b": ("cccc", "....")})
    plan = ledger.plan()
    page = leaderboard(ledger)
    group = page.evidence.groups[1]
    del group.cells["b"]
    assert plan["cells"]
    drawing = survival.draw(page.evidence, page.board)
    assert "Not all normalizers were trained in the same settings" in drawing.caption
    assert "4 to 8 trials" in drawing.caption
