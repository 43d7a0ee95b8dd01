"""The figures."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from reports import leaderboard
from reports.figures import draw


@pytest.fixture(scope="module")
def drawings(shared):
    page = leaderboard(shared({"a": ("..c.", "...."), "$x$ <i>": ("cdb.", "ne..")}))
    return draw(page.evidence, page.board)


def test_the_papers_figures_are_all_there(drawings):
    assert [(drawing.name, len(drawing.parts)) for drawing in drawings] == [
        ("heat", 1),
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


def test_dollar_signs_in_a_name_make_no_formula(drawings):
    for part in drawings[0].parts:
        assert ">$x$ &lt;i&gt;</text>" in part.svg


def test_the_heat_map_counts_every_cell(drawings):
    assert re.findall(r">(\d/\d)<", drawings[0].parts[0].svg) == ["1/4", "3/4", "0/4", "2/4"]
