"""The badge says what the checks found, of the source that the trials ran with."""

from __future__ import annotations

import json

import pytest

from ganbench.harness.errors import InputError
from ganbench.reports import leaderboard
from ganbench.reports.board.conformance import Conformance, load_conformance

SOUND = Conformance("1", "abc", ("is pure", "is finite"), ())
SOURCES = frozenset({("1", "abc")})


def test_the_badge_says_how_many_checks_passed_or_failed():
    assert SOUND.badge(SOURCES) == "passes all 2 checks"
    assert Conformance("1", "abc", ("is pure",), ("is finite",)).badge(SOURCES) == "fails 1 of 2 checks"


@pytest.mark.parametrize("sources", [{("1", "other")}, {("2", "abc")}, {("1", "abc"), ("1", "other")}])
def test_checks_of_another_source_or_version_say_nothing(sources):
    assert SOUND.badge(frozenset(sources)) == "checked with another source"


def test_what_check_prints_is_read_back(tmp_path):
    from ganbench.harness.conformance import Check, conformance
    from ganbench.harness.plugins.registry import Catalog

    normalizer = Catalog().create("normalizer", {"name": "bssn", "scale": 1.2})
    path = tmp_path / "checks.json"
    outcomes = [Check("is pure", True), Check("is finite", False, "nan")]
    path.write_text(json.dumps([conformance(normalizer, outcomes)]))
    read = load_conformance(path)
    assert read == {"bssn(scale=1.2)": Conformance("1", normalizer.source(), ("is pure",), ("is finite",))}


@pytest.mark.parametrize(
    "content", ["", "{", "3", '[{"normalizer": "a"}]', '["a"]', '[{"normalizer": 1, "failed": []}]']
)
def test_another_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "checks.json"
    path.write_text(content)
    with pytest.raises(InputError, match="checks.json"):
        load_conformance(path)
    with pytest.raises(InputError, match="nowhere.json"):
        load_conformance(tmp_path / "nowhere.json")


def test_a_file_of_checks_in_the_ledgers_folder_is_shown_below_the_names(ledgers):
    ledger = ledgers({"a": ("..",), "b": ("cc",), "c": ("..",)})
    made = [
        {"normalizer": "a", "version": "1", "source": "abc", "passed": ["x", "y"], "failed": {}},
        {"normalizer": "b", "version": "1", "source": "abc", "passed": ["x"], "failed": {"y": "why"}},
    ]
    (ledger.root / "checks.json").write_text(json.dumps(made))
    page = leaderboard(ledger)
    assert {row.normalizer: row.conformance for row in page.board.rows} == {
        "a": "passes all 2 checks",
        "b": "fails 1 of 2 checks",
        "c": "",
    }
    assert "| a · passes all 2 checks |" in page.markdown()
    table = page.table.set_index("normalizer")["conformance"]
    assert (table["a"], table.isna()["c"]) == ("passes all 2 checks", True)
