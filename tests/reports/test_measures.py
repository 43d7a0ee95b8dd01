"""Every measure of quality: medians in which a failed trial is worse than any number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports import leaderboard
from reports.measures import measure_tables


def tables(ledger):
    page = leaderboard(ledger)
    return measure_tables(page.evidence, page.board)


def test_a_data_set_with_one_measure_has_no_table_of_its_own(ledgers):
    (table,) = tables(ledgers({"a": ("...", "...")}))
    assert table.title == "ring"
    assert table.measures == (("share", "higher"), ("modes", "higher"))


def test_medians_count_failures_as_worst_for_every_measure(ledgers):
    """Without a failure seeds 0, 1, 2 end at 0.90, 0.89, 0.88; a failed one comes last."""
    (table,) = tables(ledgers({"a": ("...",), "b": ("c..",), "c": ("cc.",)}))
    rows = dict(table.rows)
    assert rows["a"] == pytest.approx((0.89, 0.89))
    assert rows["b"] == pytest.approx((0.88, 0.88))
    assert rows["c"] == (-math.inf, -math.inf)


def test_a_measure_that_nobody_computed_is_absent_and_not_failed(ledgers):
    def without_modes(record):
        record.trace.evaluations["modes"][:] = np.nan
        record.trace_json["evaluations"]["modes"] = ["nan"] * 6
        return record

    (table,) = tables(ledgers({"a": ("cc.",)}, change=without_modes))
    share, modes = dict(table.rows)["a"]
    assert share == -math.inf
    assert math.isnan(modes)


def test_the_pages_show_every_measure_with_its_direction(ledgers, tmp_path):
    page = leaderboard(ledgers({"a": ("...",), "b": ("c..",)}))
    written = {path.suffix: path.read_text() for path in page.write(tmp_path / "out")}
    for text in (written[".md"], written[".html"]):
        assert "Every measure of quality" in text
        assert "modes" in text
    assert "| a | 0.890 | 0.890 |" in written[".md"]
    assert "modes (higher is better)" in written[".md"]
    only_one = leaderboard(ledgers({"a": ("...",)}, settings=(("slow", ledgers.images),)))
    assert "Every measure" not in {path.suffix: path.read_text() for path in only_one.write(tmp_path / "one")}[".html"]
