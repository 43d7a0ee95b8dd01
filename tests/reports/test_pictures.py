"""Samples as pictures."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from ganbench.reports.figures.pictures import POINTS, few, mosaic, png, reach, scatter


def test_images_keep_their_pixels_in_the_mosaic():
    images = np.arange(3 * 1 * 2 * 2, dtype=np.uint8).reshape(3, 1, 2, 2)
    picture = mosaic(images)
    assert picture.shape == (5, 5, 2)  # two by two, a gap of one
    assert (picture[:2, :2, 0] == images[0, 0]).all()
    assert (picture[:2, 3:, 0] == images[1, 0]).all()
    assert (picture[3:, :2, 0] == images[2, 0]).all()
    assert picture[2, 2, 1] == 0
    assert picture[4, 4, 1] == 0


@pytest.mark.parametrize(("channels", "mode"), [(1, "LA"), (3, "RGBA"), (4, "LA")])
def test_a_png_is_read_back_as_the_picture(channels, mode):
    images = np.random.default_rng(0).integers(0, 256, (7, channels, 5, 6), dtype=np.uint8)
    picture = mosaic(images)
    read = Image.open(io.BytesIO(png(picture)))
    assert read.mode == mode
    assert (np.asarray(read) == picture).all()


def test_points_stand_where_they_are_and_those_beyond_the_frame_are_left_out():
    points = np.array([[0.0, 0], [1, 1], [-2, 0], [3, 0], [np.nan, 0]])
    svg = ElementTree.fromstring(scatter(points, 2.0))
    path = svg.find("{http://www.w3.org/2000/svg}path").get("d")
    assert re.findall(r"M(\d+) (\d+)h0", path) == [("500", "500"), ("750", "250"), ("0", "500")]


def test_points_of_one_dimension_and_of_three_are_drawn():
    for columns in (1, 3):
        assert scatter(few(np.ones((4, columns))), 2.0).count("h0") == 4


def test_one_trial_whose_points_flew_off_does_not_shrink_the_others():
    random = np.random.default_rng(0)
    calm = [random.normal(size=(100, 2)) for _ in range(5)]
    assert reach([*calm, 1e6 * calm[0]]) < 5
    assert reach([np.full((3, 2), np.nan)]) == 1.0
    assert reach([np.zeros((3, 2))]) == 1.0


def test_no_more_samples_are_kept_than_a_picture_shows():
    kept = few(np.zeros((1000, 5)))
    assert kept.shape == (POINTS, 2)
    assert kept.base is None
