"""The forest plot: every normalizer against the baseline."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ganbench.harness.statistics import risk_difference
from ganbench.reports import leaderboard
from ganbench.reports.figures import forest

OUTCOMES = {
    "base": ("cccccccc", "cccc...."),
    "better": ("........", "........"),
    "worse": ("cccccccc", "cccccccc"),
    "level": ("cccccccc", "..cccc.."),
}


@pytest.fixture(scope="module")
def page(shared):
    return leaderboard(shared(OUTCOMES, baseline="base"))


def _marks(svg: str) -> list[tuple[str, float]]:
    """Return each diamond's fill and its place."""
    return [
        (style, float(x))
        for x, style in re.findall(r'<use xlink:href="[^"]*" x="([\d.]+)"[^>]*style="fill: ([^;"]+)', svg)
    ]


def test_every_normalizer_has_the_change_of_its_row_the_best_first(page):
    entries = forest.entries(page.evidence, page.board)
    assert [entry.normalizer for entry in entries] == ["better", "level", "worse"]
    changes = {row.normalizer: row.change for row in page.board.rows}
    assert all(entry.change is changes[entry.normalizer] for entry in entries)


def test_the_settings_have_the_risk_difference_of_their_shared_pairs(page):
    found = {entry.normalizer: entry.settings for entry in forest.entries(page.evidence, page.board)}
    assert found["better"] == (risk_difference(0, 0, 8, 0).value, risk_difference(0, 0, 4, 4).value) == (-1, -0.5)
    assert found["worse"] == (0, 0.5)


def test_a_missing_half_is_no_pair(ledgers):
    page = leaderboard(ledgers({"a": ("cc..", "    "), "b": (" c. ", "cccc")}, baseline="a"))
    (entry,) = forest.entries(page.evidence, page.board)
    assert entry.settings == (0,)


def test_a_difference_is_the_same_whichever_comes_first_in_the_table(ledgers):
    page = leaderboard(ledgers({"a": ("cccc",), "b": ("...c",)}, settings=[("fast", ledgers.points)], baseline="b"))
    (entry,) = forest.entries(page.evidence, page.board)
    assert (entry.normalizer, entry.change.difference, entry.settings) == ("a", 0.75, (0.75,))


def test_without_a_baseline_there_is_no_forest_plot(ledgers):
    page = leaderboard(ledgers(OUTCOMES))
    assert forest.draw(page.evidence, page.board).parts == ()


def test_diamonds_stand_where_the_differences_are_and_only_the_separated_are_filled(page):
    (part,) = forest.draw(page.evidence, page.board).parts
    marks = [mark for mark in _marks(part.svg) if mark[0] in ("currentColor", "var(--paper, #ffffff)")]
    entries = forest.entries(page.evidence, page.board)
    assert [fill == "currentColor" for fill, _ in marks] == [entry.change.significant for entry in entries]
    assert {entry.change.significant for entry in entries} == {True, False}
    places = np.array([place for _, place in marks])
    differences = np.array([entry.change.difference for entry in entries])
    slope, start = np.polyfit(differences, places, 1)
    assert slope > 0
    assert np.allclose(start + slope * differences, places, atol=0.2)


def test_the_numbers_beside_the_marks_are_those_of_the_table(page):
    from ganbench.reports.formatting import change

    (part,) = forest.draw(page.evidence, page.board).parts
    for row in page.board.rows:
        if row.change is not None:
            assert f">{change(row.change)}</text>" in part.svg
            assert f">{row.change.wins} / {row.change.ties} / {row.change.losses}</text>" in part.svg


def test_of_very_many_normalizers_the_ends_are_drawn_and_the_caption_says_so(shared, monkeypatch):
    monkeypatch.setattr(forest, "MOST", 4)
    names = {f"n{index}": ("c" * (index % 9) + "." * (8 - index % 9),) for index in range(9)}
    page = leaderboard(shared({"base": ("cccc....",), **names}, baseline="base"))
    drawing = forest.draw(page.evidence, page.board)
    entries = [entry.normalizer for entry in forest.entries(page.evidence, page.board)]
    assert re.findall(r">(n\d+)<", drawing.parts[0].svg) == entries[:2] + entries[-2:]
    assert "Of 9 normalizers, the first 2 and the last 2 by their difference." in drawing.caption


def test_of_normalizers_of_the_order_only_its_settings_are_drawn(ledgers):
    """The last setting is not in the order, for x has no trial there; z stands apart."""
    outcomes = {"v": ("..", "..", "cc"), "w": ("cc", "cc", ".."), "x": ("..", "..", "  "), "z": ("  ", "  ", "..")}
    settings = [(f"s{place}", ledgers.points) for place in range(3)]
    page = leaderboard(ledgers(outcomes, settings=settings, baseline="v"))
    found = {entry.normalizer: entry for entry in forest.entries(page.evidence, page.board)}
    assert (found["w"].settings, found["z"].settings) == ((1, 1), (-1,))
    for entry in found.values():
        assert len(entry.settings) == entry.change.wins + entry.change.ties + entry.change.losses
    said = "Those of the order are compared in its settings alone: 1 other setting is left out."
    assert said in forest.draw(page.evidence, page.board).caption
