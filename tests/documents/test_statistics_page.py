"""The tables of docs/statistics.md are those that its tool makes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))  # as where the tool is started
    spec = importlib.util.spec_from_file_location("simulate_statistics", ROOT / "tools" / "simulate_statistics.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulate_statistics"] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    return module


def test_the_page_holds_the_table_that_the_tool_makes(tool):
    page = tool.PAGE.read_text()
    assert page.count("<!-- measured: begin -->") == page.count("<!-- measured: end -->") == 1
    assert "\n".join(tool.interval_table()) in page


def test_printed_intervals_cover_as_they_say_from_ten_trials(tool):
    import numpy as np

    rates = np.linspace(0.02, 0.98, 97)
    means = [tool.covered(tool.rate_interval, trials, rates).mean() for trials in (8, 16, 32, 64)]
    assert means[0] > 0.97  # exact intervals are conservative where trials are few
    assert all(0.93 < mean < 0.97 for mean in means[1:])


@pytest.mark.parametrize("name", ["all or none, 40 %", "hard for all, 40 %", "rare, 3 %"])
def test_of_equals_over_a_population_of_settings_hardly_ever_one_is_said_to_win(tool, name):
    population, mean = tool.POPULATIONS[name]
    found = tool.counted(tool.Job(name, (mean,) * 5, population, False, 16, 2, 60))
    assert found[1] <= 0.1, "false winners"
    assert found[6] >= 0.9 and found[7] >= 0.93, "the first row, and all rows, covered"


def test_a_difference_that_is_there_is_found_on_settings_like_these_by_settings_and_not_by_seeds(tool):
    population = tool.POPULATIONS["hard for all, 40 %"][0]
    many, few = (
        tool.counted(tool.Job("power", (0.45, 0.2), population, False, settings, seeds, 40))
        for settings, seeds in ((64, 2), (5, 26))
    )
    assert many[3] >= 0.9 and few[3] == 0
