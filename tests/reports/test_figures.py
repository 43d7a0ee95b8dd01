"""The figures."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from reports import leaderboard
from reports.figures import draw
from reports.figures.curves import middle
from reports.figures.grids import mosaic
from reports.gathering import samples_of


@pytest.fixture(scope="module")
def drawings(shared):
    page = leaderboard(shared({"a": ("..c.", "...."), "$x$ <i>": ("cdb.", "ne..")}))
    return draw(page.evidence, page.board, lambda trial: samples_of(page.ledgers[0], trial))


def test_the_papers_figures_are_all_there(drawings):
    assert [(drawing.name, len(drawing.parts)) for drawing in drawings] == [
        ("heat", 1),
        ("curves", 2),
        ("weights", 2),
        ("samples", 2),
    ]
    assert all(drawing.caption for drawing in drawings)


def test_every_figure_is_well_formed(drawings):
    for drawing in drawings:
        for part in drawing.parts:
            ElementTree.fromstring(part.svg)


def test_no_two_elements_of_the_page_share_an_identifier(drawings):
    names = [name for drawing in drawings for part in drawing.parts for name in re.findall(r' id="([^"]*)"', part.svg)]
    assert len(names) == len(set(names))
    for drawing in drawings:
        for part in drawing.parts:
            wanted = re.findall(r'(?:url\(#|href="#)([^")]*)', part.svg)
            assert set(wanted) <= set(names)


def test_colours_follow_the_page(drawings):
    for drawing in drawings:
        for part in drawing.parts:
            assert "currentColor" in part.svg
            assert "#0102" not in part.svg
            assert not re.search(r"fill: #(ffffff|000000)", part.svg)


def test_a_normalizer_has_one_colour_everywhere(drawings):
    curves = next(drawing for drawing in drawings if drawing.name == "curves")
    for part in curves.parts:
        assert {"var(--n0", "var(--n1"} <= set(re.findall(r"var\(--n\d", part.svg)) < {f"var(--n{i}" for i in range(8)}


def test_dollar_signs_in_a_name_make_no_formula(drawings):
    for drawing in (drawings[0], drawings[-1]):
        for part in drawing.parts:
            assert ">$x$ &lt;i&gt;</text>" in part.svg


def test_the_heat_map_counts_every_cell(drawings):
    assert re.findall(r">(\d/\d)<", drawings[0].parts[0].svg) == ["1/4", "3/4", "0/4", "2/4"]


def test_the_median_line_ends_where_half_of_the_seeds_have_ended():
    steps = np.arange(4.0)
    lines = [
        (steps, np.array([1.0, 1, 1, 1])),
        (steps[:3], np.array([2.0, 2, 2])),
        (steps, np.array([3, 3, np.nan, np.inf])),
    ]
    shown, values = middle(lines)
    assert list(shown) == [0, 1, 2]
    assert list(values) == [2, 2, 1.5]
    assert len(middle([])[0]) == 0


def test_images_keep_their_pixels_in_the_mosaic():
    images = np.arange(3 * 1 * 2 * 2, dtype=np.uint8).reshape(3, 1, 2, 2)
    picture = mosaic(images)
    assert picture.shape == (5, 5, 4)  # two by two, a gap of one
    assert (picture[:2, :2, 0] == images[0, 0]).all()
    assert (picture[:2, 3:, 2] == images[1, 0]).all()
    assert (picture[3:, :2, 1] == images[2, 0]).all()
    assert picture[2, 2, 3] == 0
    assert picture[4, 4, 3] == 0
