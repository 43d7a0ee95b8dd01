"""The page of findings: made from ledgers by one command, the same bytes again, and true to its rules and its suites."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.harness.errors import InputError
from ganbench.harness.planning.suite import load_suite, shipped_suites
from ganbench.reports.formatting import markdown
from ganbench.reports.paper_claims import write_findings
from ganbench.reports.paper_claims.judging.cases import read_cases
from ganbench.reports.paper_claims.judging.reading import Reading
from ganbench.reports.paper_claims.page import find, render
from ganbench.reports.paper_claims.rules import departures, read_notes, read_rules
from tests.support.found import cases

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "findings.md"
LEDGERS = sorted((ROOT / "docs" / "leaderboards").glob("*-small/ledger"))


def rendered(outcome, *suites: str, seeds: int | None = None) -> str:
    found = find({name: cases(name, outcome, seeds) for name in suites}, {name: f"results/{name}" for name in suites})
    return render(found, folder="findings", docs=".", out="findings.md")


def plain(group, label, seed):
    return {}


@pytest.fixture(scope="module")
def page() -> str:
    return rendered(plain, "bssn-small", "weight-norm-small")


def test_every_claim_stands_with_its_sentence_its_source_and_its_rule(page):
    for rule in read_rules().values():
        assert f"## {rule.number}. {rule.title}" in page
        assert f"*{rule.claim}*" in page
        assert rule.text in page
    assert page.count("What would settle it") == 8


@pytest.mark.parametrize(
    ("definitions", "told"),
    [
        ((2, 2), "as the rules were declared.\n"),
        ((3, 3), "as the rules were declared; the leaderboards of these ledgers are judged by definition 3.\n"),
        ((2, 3), "as the rules were declared; the leaderboards of these ledgers are judged by definition 2 and 3.\n"),
    ],
)
def test_it_says_by_which_definition_it_judges_and_by_which_the_leaderboards_do(definitions, told):
    names = ("bssn-small", "weight-norm-small")
    made = {name: cases(name, plain, 1) for name in names}
    made = {
        name: replace(made[name], plan={**made[name].plan, "definition": definition})
        for name, definition in zip(names, definitions, strict=True)
    }
    text = render(find(made, dict.fromkeys(names, "there")), folder="findings", docs=".", out="findings.md")
    assert f"those of definition 2 ([stability.md](stability.md)), {told}" in text


def test_claims_are_judged_by_the_definition_of_their_rules_whichever_a_ledger_is_judged_by(ledgers):
    ledger = ledgers({"none": (".cd.",)}, definition=2)
    before = read_cases(ledger)
    ledger.relabel(3)
    after = read_cases(ledger)
    assert after.plan["definition"] == 3
    assert [case.verdict for case in after.cases] == [case.verdict for case in before.cases]
    assert {case.verdict.definition for case in after.cases} == {2}


def test_what_nobody_ran_reads_as_not_run(page):
    row = next(line for line in page.splitlines() if line.startswith("| [8]("))
    assert row.endswith("| not run | not run |")
    assert "`ganbench run stability-techniques`" in page


def test_verdicts_at_the_top_are_those_of_their_sections(page):
    for number in range(1, 8):
        row = next(line for line in page.splitlines() if line.startswith(f"| [{number}]("))
        section = page.split(f"\n## {number}. ")[1].split("\n## ")[0]
        for reading in re.findall(r"\*\*(.+?)\*\*", row):
            assert f"**{reading}**" in section


def test_links_of_the_summary_lead_to_their_sections(page):
    heads = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^## (.+)$", page, re.M)
    }
    links = re.findall(r"\]\(#(.+?)\)", page)
    assert len(links) == 8
    assert set(links) <= heads


def test_departures_stand_beside_the_verdict_for_the_suite_that_ran_and_the_paper_s(page):
    section = page.split("\n## 6. ")[1].split("\n## ")[0]
    for suite in ("weight-norm-small", "weight-norm"):
        notes = departures(load_suite(suite).text)
        assert notes
        assert all(f"* {markdown(note)}" in section for note in notes)


@pytest.mark.parametrize("suite", [name for name in shipped_suites() if name.removesuffix("-small") in
                                   ("bssn", "weight-norm", "sngan-settings", "large-study", "stability-techniques",
                                    "standard")])  # fmt: skip
def test_every_departure_that_a_suite_notes_is_found_whole(suite):
    text = load_suite(suite).text
    notes = departures(text)
    assert len(notes) == text.count("departure:")
    assert not [note for note in notes if note.endswith((",", " and", " of", " the")) or "departure" in note]
    assert not [note for note in notes if re.search(r"&\w", note)], "an anchor is no part of it"


def test_an_open_question_says_how_many_seeds_it_would_take():
    def outcome(group, label, seed):
        return {"quality": 10.0 if (label == "spectral_norm") == (seed < 6) else 20.0}

    section = rendered(outcome, "bssn-small").split("\n## 3. ")[1].split("\n## ")[0]
    assert "**reproduced**" in section

    def closer(group, label, seed):
        return {"quality": 10.0 if (label == "spectral_norm") == (seed < 5) else 20.0}

    section = rendered(closer, "bssn-small").split("\n## 3. ")[1].split("\n## ")[0]
    assert "**not enough seeds**" in section
    assert re.search(r"about \d+ seeds if all went on as it came: `ganbench run bssn-small --seeds \d+`", section)

    section = rendered(plain, "bssn-small").split("\n## 5. ")[1].split("\n## ")[0]
    assert "about 40 seeds if all went on as it came" in section  # none of 40 excludes one of ten, none of 32 does not


def test_costs_are_those_of_the_trials(page):
    row = next(line for line in page.splitlines() if line.startswith("| `bssn-small` |"))
    suite = load_suite("bssn-small")
    generator, discriminator = (suite.seeds * sum(cell.steps * each for cell in suite.cells for each in [n(cell)])
                                for n in (lambda cell: 1, lambda cell: cell.n_dis))  # fmt: skip
    # Each made trial takes 50 s, and those of one seed run at the same time.
    assert row == f"| `bssn-small` | – | 384 | 0 | {generator:,} | {discriminator:,} | 7 min | 5.3 h | cpu |"


def test_text_from_a_ledger_is_no_markup():
    made = cases("bssn-small", plain)
    groups = tuple(replace(group, title=f"{group.title} | <script>") for group in made.groups)
    moved = {group.title.split(" | ")[0]: group for group in groups}
    plan = made.plan | {"text": "# departure: <img src=x> [a](http://b)\n" + made.plan["text"]}
    those = tuple(replace(case, group=moved[case.group.title]) for case in made.cases)
    found = find({"bssn-small": replace(made, plan=plan, groups=groups, cases=those)}, {"bssn-small": "r"})
    page = render(found, folder="f", docs=".", out="f.md")
    assert "<script>" not in page
    assert "<img" not in page
    assert "](http://b)" not in page
    assert "&lt;script&gt;" in page


def test_what_was_not_declared_is_told_apart(tmp_path):
    file = tmp_path / "notes.md"
    file.write_text("# Notes\n\n## 3. The strict norm\n\nIt was slower.\n")
    found = find({"bssn-small": cases("bssn-small", plain)}, {"bssn-small": "r"}, read_notes(file))
    text = render(found, folder="f", docs=".", out="f.md")
    section = text.split("\n## 3. ")[1].split("\n## ")[0]
    assert "**Not declared**, seen afterwards and judged by no rule: It was slower." in section
    assert text.count("Not declared") == 1
    assert f"--notes {file.as_posix()} --out f.md" in text


def test_a_note_on_no_claim_is_refused(tmp_path):
    (tmp_path / "notes.md").write_text("## 9. Nothing\n\nText.\n")
    with pytest.raises(InputError, match="expected the numbers of claims, 1 to 8, found 9"):
        read_notes(tmp_path / "notes.md")
    with pytest.raises(InputError, match="cannot be read"):
        read_notes(tmp_path / "absent.md")


# --- from real ledgers


def test_the_committed_page_is_what_its_ledgers_make(tmp_path, monkeypatch):
    assert LEDGERS, "the ledgers of the small suites stand in docs/leaderboards"
    monkeypatch.chdir(ROOT)
    said = re.search(r"ganbench findings (.+) --notes (\S+) --out docs/findings.md", PAGE.read_text())
    assert said is not None
    places = said[1].split()
    assert [ROOT / place for place in places] == LEDGERS
    (tmp_path / "docs").mkdir()
    verdicts = write_findings(places, tmp_path / "docs" / "findings.md", Path(said[2]))
    made = (tmp_path / "docs" / "findings.md").read_text()
    # The page names itself, and its way to the other documents, as the command does.
    made = re.sub(r"--out \S+", "--out docs/findings.md", made)
    links = re.compile(r"\]\([^)#]*?([\w-]+\.md)\)")
    assert links.sub(r"](\1)", made) == links.sub(r"](\1)", PAGE.read_text())
    figures = {path.name: path.read_bytes() for path in (ROOT / "docs" / "findings").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "docs" / "findings").iterdir()} == figures
    assert not [claim for claim, _, reading in verdicts if reading is Reading.INCOMPLETE]


def test_a_suite_that_no_claim_is_read_from_is_refused_by_name(ledgers, tmp_path):
    with pytest.raises(InputError, match=r"no claim is read from a suite .*known: bssn, bssn-small"):
        write_findings([ledgers({"none": [".."]}).root], tmp_path / "findings.md")
    assert not (tmp_path / "findings.md").exists()


def test_a_page_must_be_markdown(tmp_path):
    with pytest.raises(InputError, match=r"expected a file that ends in \.md"):
        write_findings(LEDGERS[:1], tmp_path / "findings.html")


def test_a_ledger_is_named_once(tmp_path):
    copy = tmp_path / "again"
    shutil.copytree(LEDGERS[0], copy)
    with pytest.raises(InputError, match="was given already"):
        write_findings([LEDGERS[0], copy], tmp_path / "findings.md")
