"""The page's sentences on failure modes are those of the definition that judged."""

from __future__ import annotations

import pytest

from ganbench.harness.stability import METHOD_ERROR, load_definition
from ganbench.harness.stability.definition import known_definitions
from ganbench.reports import leaderboard
from ganbench.reports.wording.rules import rules


@pytest.mark.parametrize("version", known_definitions())
def test_every_failure_mode_has_a_sentence_by_every_definition(version):
    definition = load_definition(version)
    found = rules(definition)
    assert list(found) == [*definition.modes, METHOD_ERROR]
    assert all(words.endswith(".") and "None" not in words for words in found.values())


def test_a_threshold_that_changes_changes_its_sentence():
    definition = load_definition(2)
    other = definition.model_copy(
        update={
            "mode_collapse": definition.mode_collapse.model_copy(update={"coverage": 0.75, "recall": 0.07}),
            "never_converged": definition.never_converged.model_copy(update={"share": 0.6}),
        }
    )
    before, after = rules(definition), rules(other)
    assert "fewer than 90 % of them" in before["mode_collapse"] and "fewer than 75 % of them" in after["mode_collapse"]
    assert "recall is below 0.07" in after["mode_collapse"]
    assert "good samples of 60 %" in after["never_converged"]
    assert before["late_deterioration"] == after["late_deterioration"]


def test_the_page_judged_by_the_first_definition_does_not_speak_of_rules_of_the_second(ledgers):
    page = leaderboard(ledgers({"a": ("c.",)})).markdown()  # the fixture's plan is by definition 1
    assert "Unstable, definition 1" in page
    assert "recall is below" not in page


def test_trials_that_only_did_not_converge_are_told_from_others(ledgers):
    board = leaderboard(ledgers({"a": ("nnbc.",), "b": ("..dd.",)}))
    rows = {row.normalizer: row.count.only_slow for row in board.board.rows}
    assert rows == {"a": 2, "b": 0}
    assert "2 only never converged" in board.markdown()


def test_failures_are_counted_by_data_set_where_there_are_few(ledgers):
    board = leaderboard(ledgers({"a": ("c...", "cc..")}))
    assert board.board.rows[0].datasets == {"ring": (1, 4), "digits": (2, 4)}
    assert "3/8 trials · ring 1/4, digits 2/4" in board.markdown()


def test_a_cell_says_at_which_steps_its_trials_failed(ledgers):
    board = leaderboard(ledgers({"a": ("c.e.",), "b": ("....",)}))
    assert [cell.since for cell in board.board.cells] == [(40,), ()]
