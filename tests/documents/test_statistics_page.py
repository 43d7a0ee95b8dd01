"""The tables of docs/statistics.md are those that its tool makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("simulate_statistics", ROOT / "tools" / "simulate_statistics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_holds_the_table_that_the_tool_makes(tool):
    page = tool.PAGE.read_text()
    assert page.count(tool.BEGIN) == page.count(tool.END) == 1
    assert "\n".join(tool.interval_table()) in page


def test_printed_intervals_cover_as_they_say_from_ten_trials(tool):
    import numpy as np

    rates = np.linspace(0.02, 0.98, 97)
    means = [tool.covered(tool.rate_interval, trials, rates).mean() for trials in (8, 16, 32, 64)]
    assert means[0] > 0.97  # exact intervals are conservative where trials are few
    assert all(0.93 < mean < 0.97 for mean in means[1:])


def test_the_tool_corrects_as_the_leaderboard_does(tool):
    import numpy as np

    from ganbench.harness.statistics import claim_p, holm

    rates = np.linspace(0.05, 0.6, 4)[:, None] * np.ones(3)
    failed = tool.draw(np.random.default_rng(0), rates, 24, tool.OWN, 5)
    found = tool.separations(tool.p_values(failed)["McNemar"])
    for suite, separated in zip(failed.astype(float), found, strict=True):
        raw = [claim_p(suite[a], suite[b]) for a in range(4) for b in range(a + 1, 4)]
        assert [p <= 0.05 for p in holm(raw)] == list(separated)
    assert found.any()


def test_a_figure_has_the_same_bytes_every_time(tool, tmp_path, monkeypatch):
    drawings = []
    for name in ("one.svg", "two.svg"):
        monkeypatch.setattr(tool, "FIGURE", tmp_path / name)
        tool.figure()
        drawings.append((tmp_path / name).read_bytes())
    assert drawings[0] == drawings[1]
    assert b"dc:date" not in drawings[0]
