"""`ganbench relabel` says how many trials have each outcome, before and now."""

from __future__ import annotations

from collections import Counter

import pytest
from graded import graded
from typer.testing import CliRunner

from ganbench.harness.cli import app
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.relabelling import relabel


@pytest.fixture
def ledger(ledgers) -> Ledger:
    """Of each outcome by definition 3 at least one, and read by definition 2, which knows stable and failed."""
    made = graded(ledgers, {"a": (".dnsse",)})
    made.relabel(2)
    return made


def test_trials_are_counted_by_outcome_before_and_after(ledger):
    changes = relabel(ledger, 3)
    assert changes.before == Counter(stable=1, unstable=4, method_error=1)
    assert changes.after == Counter(stable=1, unstable=1, not_learnt=1, undecided=2, method_error=1)
    assert sum(trials for (_, after), trials in changes.moved.items() if after == "undecided") == 2
    assert sum(trials for (_, after), trials in changes.moved.items() if after == "not learnt") == 1


def test_the_command_prints_all_outcomes_in_a_table(ledger):
    done = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["relabel", str(ledger.root), "--definition", "3"])
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines()]
    assert rows[:6] == [
        ["outcome", "before", "by", "definition", "3"],
        ["stable", "1", "1"],
        ["unstable", "4", "1"],
        ["not", "learnt", "0", "1"],
        ["undecided", "0", "2"],
        ["method", "error", "1", "1"],
    ]
