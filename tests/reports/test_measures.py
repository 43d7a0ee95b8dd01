"""Every measure of quality: medians in which a failed trial is worse than any number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganbench.reports import leaderboard
from ganbench.reports.wording.measures import measure_tables


def tables(ledger):
    page = leaderboard(ledger)
    return measure_tables(page.evidence, page.board)


def test_a_data_set_with_one_measure_has_no_table_of_its_own(ledgers):
    (table,) = tables(ledgers({"a": ("...", "...")}))
    assert table.title == "ring"
    assert table.measures == (("share", "higher"), ("modes", "higher"))


def test_failed_trials_count_with_what_they_measured_and_their_number_stands_beside(ledgers):
    """Seeds 0, 1, 2 end at 0.90, 0.89, 0.88, whether they failed or not."""
    (table,) = tables(ledgers({"a": ("...",), "b": ("cc.",)}))
    assert [(row.normalizer, row.failed, row.trials) for row in table.rows] == [("a", 0, 3), ("b", 2, 3)]
    assert all(row.medians == pytest.approx((0.89, 0.89)) for row in table.rows)


def test_what_could_not_be_measured_because_a_training_diverged_or_could_not_run_is_worst(ledgers):
    def infinite(record):
        if "diverged" not in record.verdict.modes:
            return record
        return ledgers.retraced(record, evaluations=dict.fromkeys(("share", "modes"), np.array([0.5] * 5 + [-np.inf])))

    (table,) = tables(ledgers({"a": ("d..",), "b": ("dd.",), "c": ("e..",), "d": ("ee.",)}, change=infinite))
    medians = {row.normalizer: row.medians[0] for row in table.rows}
    assert medians == pytest.approx({"a": 0.88, "b": -math.inf, "c": 0.88, "d": -math.inf})


def test_a_measure_that_nobody_computed_is_absent_and_not_failed(ledgers):
    def without_modes(record):
        return ledgers.retraced(record, evaluations={**record.trace.evaluations, "modes": np.full(6, np.nan)})

    (table,) = tables(ledgers({"a": ("cc.",)}, definition=2, change=without_modes))
    assert table.rows[0].failed == 2
    share, modes = table.rows[0].medians
    assert share == pytest.approx(0.89)
    assert math.isnan(modes)


def test_the_pages_show_every_measure_with_its_direction(ledgers):
    page = leaderboard(ledgers({"a": ("...",), "b": ("c..",)}))
    written = {".md": page.markdown(), ".html": page.html()}
    for text in (written[".md"], written[".html"]):
        assert "Every measure of quality" in text
        assert "modes" in text
    assert "| a | 0/3 | 0.890 | 0.890 |" in written[".md"]
    assert "modes (higher is better)" in written[".md"]
    only_one = leaderboard(ledgers({"a": ("...",)}, settings=(("slow", ledgers.images),)))
    assert "Every measure" not in only_one.html()
