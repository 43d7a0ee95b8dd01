"""The charts of the pages, and the lines in them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ganbench.reports.figures.alignment import Block, aligned, block, middle
from ganbench.reports.figures.chart import SMALL, SPARK, Chart, Line, draw
from ganbench.reports.formatting import tick

STEPS = np.array([0.0, 100, 200, 300])


def points(path):
    """Return where the pen goes, and which of those places begin a new line."""
    x = y = 0
    found, starts = [], []
    for kind, first, second in re.findall(r"([Ml])(-?\d+) ?(-?\d+)", path):
        moves = kind == "M"
        x, y = (int(first), int(second)) if moves else (x + int(first), y + int(second))
        starts += [len(found)] * moves
        found.append((x, y))
    return found, starts


def element(values, lines=None, *, steps=STEPS, until=300.0, **more):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    lines = lines or [Line(f"seed {place}", f"s{place}") for place in range(len(values))]
    return ElementTree.fromstring(draw([Chart("a <b>", steps, values, **more)], lines, until=until)[0])


def paths(svg, group="g"):
    return [item.find("path").get("d") for item in svg.iter(group)]


def test_every_line_goes_through_its_values_in_proportion():
    svg = element([[0, 1, 2, 4], [4, 4, 0, 0]])
    one, other = (points(path)[0] for path in paths(svg))
    across = [x for x, _ in one]
    assert np.diff(across) == pytest.approx(np.full(3, np.diff(across).mean()), abs=1)
    floor, ceiling = one[0][1], one[3][1]
    assert floor > ceiling  # a larger value is higher up
    assert one[1][1] - floor == pytest.approx((ceiling - floor) / 4, abs=1)
    assert [y for _, y in other] == [ceiling, ceiling, floor, floor]


def test_a_logarithmic_axis_puts_factors_of_ten_at_equal_distances():
    (path,) = paths(element([0.1, 1, 10, 100], log=True))
    heights = [y for _, y in points(path)[0]]
    assert np.diff(heights) == pytest.approx(np.full(3, np.diff(heights).mean()), abs=1)


def test_what_is_not_finite_leaves_a_gap_and_a_lone_point_is_a_dot():
    (path,) = paths(element([[1, np.nan, 2, 3]]))
    assert points(path)[1] == [0, 1]  # two beginnings
    assert path.startswith("M") and path.split("M")[1].endswith("h0")
    assert not re.search("nan|inf", path)


def test_several_charts_drawn_at_once_are_those_drawn_one_by_one():
    random = np.random.default_rng(1)
    lines = [
        Line(f"seed {place}", f"s{place}", 150.0 if place % 2 else None, failed=bool(place % 2)) for place in range(4)
    ]
    charts = []
    for size in (3, 7, 1):
        values = random.random((4, size))
        values[2, size // 2 :] = np.nan
        charts.append(
            Chart("x", np.linspace(0, 300, size), values, middle(values), log=size == 7, bounds=(0.3,), size=SMALL)
        )
    assert draw(charts, lines, until=300) == [draw([chart], lines, until=300)[0] for chart in charts]


@pytest.mark.parametrize(("failed_at", "expected"), [(150, 1.5), (0, 0), (300, 3), (900, 3)])
def test_a_failure_is_crossed_on_its_line_at_its_step(failed_at, expected):
    svg = element([[0, 1, 2, 3]], [Line("seed 0: diverged", "s0", failed_at, failed=True)])
    cross = next(item for item in svg.iter("path") if item.get("class") == "cross")
    left, top = (int(number) for number in re.match(r"M(-?\d+) (-?\d+)", cross.get("d")).groups())
    drawn = points(paths(svg)[0])[0]
    x, y = (np.interp(expected, range(4), [place[axis] for place in drawn]) for axis in (0, 1))
    assert (left + 6, top + 6) == pytest.approx((x, y), abs=1)
    assert svg.find("g").get("class") == "s0 f"


def test_a_failure_after_the_last_finite_value_is_crossed_there():
    svg = element([[0, 1, np.nan, np.nan]], [Line("seed 0", "s0", 250.0, failed=True)])
    cross = next(item for item in svg.iter("path") if item.get("class") == "cross")
    x, y = points(paths(svg)[0])[0][-1]
    assert cross.get("d").startswith(f"M{x - 6} {y - 6}l")


def test_a_stable_line_has_no_cross_and_one_without_values_is_not_drawn():
    svg = element([[0, 1, 2, 3], [np.nan] * 4], [Line("seed 0", "s0"), Line("seed 1", "s1", 100.0, failed=True)])
    assert [item.find("title").text for item in svg.iter("g")] == ["seed 0"]
    assert not [item for item in svg.iter("path") if item.get("class") == "cross"]


def test_a_reference_line_stands_at_its_value_and_inside():
    svg = element([[1, 2, 3, 4]], bounds=(40.0,))
    (bound,) = (item.get("d") for item in svg.iter("path") if item.get("class") == "bound")
    height = int(re.match(r"M\d+ (\d+)h", bound)[1])
    heights = [y for _, y in points(paths(svg)[0])[0]]
    assert heights[0] - height == pytest.approx((heights[0] - heights[3]) * 13, abs=8)
    assert height >= 0


def test_words_from_outside_are_escaped():
    svg = element([[1, 2, 3, 4]], [Line("<script>\"'&", "s0")])
    assert svg.get("aria-label") == "a <b>"
    assert svg.get("role") == "img"
    assert svg.find("g/title").text == "<script>\"'&"


@pytest.mark.parametrize(
    "values", [[np.nan] * 4, [5.0] * 4, [0.0] * 4, [1e300, 1e-300, 1, 2], [-1, 0, 1e38, 2], [1e308, -1e308, 0, 0]]
)
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("size", [SMALL, SPARK])
def test_any_values_make_a_chart(values, log, size):
    text = draw(
        [Chart("x", STEPS, np.array([values]), np.array(values), log=log, size=size)], [Line("a", "s0", 50.0)], until=0
    )[0]
    ElementTree.fromstring(text)
    assert "nan" not in text
    assert "inf" not in text


def test_an_explosion_on_a_logarithmic_axis_does_not_flatten_the_others():
    svg = element([[1, 2, 1, 2], [1, 1, 1, 2], [1, 1e10, 1e20, 1e30]], log=True)
    heights = [y for _, y in points(paths(svg)[0])[0]]
    assert max(heights) - min(heights) > 8
    assert points(paths(svg)[2])[0][3][1] >= 0  # along the edge, not beyond


def test_axes_are_labelled_at_round_numbers():
    def labels(svg, kind):
        return [item.text for item in svg.iter("text") if item.get("class") == kind]

    assert labels(element([0, 1, 2, 4]), "y") == ["0", "1", "2", "3", "4"]
    assert labels(element([0.001, 1, 10, 100], log=True), "y") == ["0.001", "0.01", "0.1", "1", "10", "100"]
    assert "2" in labels(element([1.5, 2, 3, 4], log=True), "y")
    assert labels(element([0, 1, 2, 4]), "x")[:2] == ["0", "100"]
    assert [tick(value) for value in (0.3 * 3, 1e-6, 2.5e5, 1000, 0)] == ["0.9", "1e-6", "2.5e5", "1000", "0"]


def test_a_small_chart_without_axes_tells_failed_seeds_from_stable_ones():
    lines = [Line("a", "s0"), Line("b", "s1", 100.0, failed=True), Line("c", "s2")]
    svg = element([[1, 2, 3, 4], [1, 1, 1, 1], [2, 2, 2, 2]], lines, size=SPARK, axes=False)
    assert [(item.get("class"), item.find("path").get("d").count("M")) for item in svg.iter("g")] == [("", 2), ("f", 1)]
    assert not list(svg.iter("text"))


def test_the_median_line_ends_where_half_of_the_seeds_have_ended():
    steps, table = aligned(
        [
            block(0, STEPS, np.array([1.0, 1, 1, 1])),
            block(1, STEPS[:3], np.array([2.0, 2, 2])),
            block(2, STEPS, np.array([3, 3, np.nan, np.inf])),
        ]
    )
    assert list(steps) == list(STEPS)
    np.testing.assert_array_equal(middle(table), [2, 2, 1.5, np.nan])
    assert aligned([])[1].shape == (0, 0)
    assert middle(aligned([])[1]).shape == (0,)


def test_the_median_is_that_of_numpy():
    table = np.random.default_rng(0).random((8, 5))
    assert middle(table) == pytest.approx(np.median(table, axis=0))
    assert middle(table[:7]) == pytest.approx(np.median(table[:7], axis=0))


def test_a_line_goes_on_over_steps_that_only_others_logged_but_not_beyond_its_end():
    short = Block([1], np.array([0.0, 50, 150]), np.array([[0.0, 5, 7]]))
    steps, table = aligned([block(0, STEPS, np.array([0.0, 1, 2, 3])), short])
    assert list(steps) == [0, 50, 100, 150, 200, 300]
    np.testing.assert_array_equal(table, [[0, 0.5, 1, 1.5, 2, 3], [0, 5, 6, 7, np.nan, np.nan]])
