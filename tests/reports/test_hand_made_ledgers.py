"""The fixture that other tests of reports read: its trials end as its letters say, and prove themselves."""

from __future__ import annotations

import pytest

FOUND = {
    ".": {},
    "c": {"mode_collapse": 40},
    "n": {"never_converged": 100},
    "d": {"diverged": 40},
    "x": {"exploding_gradient": 40},
    "b": {"mode_collapse": 40, "never_converged": 100},
}


@pytest.mark.parametrize("definition", [1, 2])
def test_each_letter_is_what_the_definition_derives_from_the_trace(ledgers, definition):
    letters = "".join(FOUND) + "e"
    ledger = ledgers({"a": (letters, letters), "b(scale=1.2)": (letters, letters)}, definition=definition)
    for record in ledger.records():
        verdict, letter = record.verdict, letters[record.seed]
        if letter == "e":
            assert (verdict.outcome, verdict.message) == ("method_error", "it raised")
        else:
            assert {item.mode: item.step for item in verdict.findings} == FOUND[letter]
    verified = ledger.verify()
    assert (verified.whole, verified.problems) == (4 * len(letters), ())


def test_an_evaluation_that_could_not_be_computed_is_judged_by_the_first_definition_only(ledgers):
    for definition, found in ((1, {"diverged": 40}), (2, {})):
        for record in ledgers({"a": ("u", "u")}, definition=definition).records():
            assert {item.mode: item.step for item in record.verdict.findings} == found


def test_texts_from_outside_stand_in_reasons_and_messages(ledgers):
    ledger = ledgers({"a": ("xe",)}, message="what it said", layers=("what it is called", "last"))
    failed, unable = sorted(ledger.records(), key=lambda record: record.seed)
    assert "layer what it is called grew" in failed.verdict.findings[0].reason
    assert unable.verdict.message == "what it said"
