"""The page of findings: made from ledgers by one command, the same bytes again, and true to its rules and its suites."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ganbench.harness.errors import InputError
from ganbench.harness.planning.suite import load_suite, shipped_suites
from ganbench.reports.departures import departures
from ganbench.reports.formatting import markdown
from ganbench.reports.paper_claims import write_findings
from ganbench.reports.paper_claims.judging.cases import read_cases
from ganbench.reports.paper_claims.judging.reading import Reading
from ganbench.reports.paper_claims.page import Found, find, render
from ganbench.reports.paper_claims.rules import read_notes, read_rules, read_verdicts
from tests.support.found import cases

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "findings.md"
LOOKS_AT_PAPER = True
LEDGERS = sorted((ROOT / "docs" / "leaderboards").glob("*-small/ledger"))


def found_in(outcome, *suites: str) -> Found:
    return find({name: cases(name, outcome) for name in suites}, {name: f"results/{name}" for name in suites})


def rendered(found: Found) -> str:
    return render(found, folder="findings", docs=".", out="findings.md")


def plain(group, label, seed):
    return {}


@pytest.fixture(scope="module", autouse=True)
def shipped() -> Iterator[None]:
    """Read each shipped suite once."""
    with pytest.MonkeyPatch.context() as patch:
        read = functools.cache(load_suite)
        patch.setattr("ganbench.reports.paper_claims.page.load_suite", lambda name, catalog: read(name))
        yield


@pytest.fixture(scope="module")
def found() -> Found:
    return found_in(plain, "bssn-small", "weight-norm-small")


@pytest.fixture(scope="module")
def page(found) -> str:
    return rendered(found)


def test_every_claim_stands_with_its_sentence_its_source_and_its_rule(page):
    for rule in read_rules().values():
        assert f"## {rule.number}. {rule.title}" in page
        assert f"*{rule.claim}*" in page
        anchor = f"{rule.number}-{rule.title.lower().replace(' ', '-').replace(',', '')}"
        assert f"[{rule.title}](../reports/paper_claims/rules-2.md#{anchor})" in page
    assert page.count("What would settle it") == 8


@pytest.mark.parametrize(
    ("definitions", "told"),
    [
        ((3, 3), "undecided trials counted both ways.\n"),
        ((2, 2), "undecided trials counted both ways; the leaderboards of these ledgers are judged by definition 2.\n"),
        (
            (2, 3),
            "undecided trials counted both ways; the leaderboards of these ledgers are judged by definition 2 and 3.\n",
        ),
    ],
)
def test_it_says_by_which_definition_it_judges_and_by_which_the_leaderboards_do(found, definitions, told):
    made = {
        name: replace(one, plan={**one.plan, "definition": definition})
        for (name, one), definition in zip(found.cases.items(), definitions, strict=True)
    }
    text = rendered(replace(found, cases=made))
    assert f"those of definition 3 ([stability.md](stability.md)), {told}" in text


def test_claims_are_judged_by_the_definition_of_their_rules_whichever_a_ledger_is_judged_by(ledgers):
    ledger = ledgers({"none": (".cd.",)}, definition=2)
    before = read_cases(ledger)
    ledger.relabel(3)
    after = read_cases(ledger)
    assert after.plan["definition"] == 3
    assert [case.verdict for case in after.cases] == [case.verdict for case in before.cases]
    assert {case.verdict.definition for case in after.cases} == {3}


def summary(page: str) -> list[list[str]]:
    """The cells of the table at the top."""
    lines = page.split("\n| claim |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_what_nobody_ran_reads_as_not_run(page):
    (row,) = [cells for cells in summary(page) if cells[0].startswith("[8](")]
    assert row[1:] == ["–", "not run", "–", "–"]
    assert (
        "By the paper's protocol, not run: `bssn`, `sngan-settings`, `weight-norm` and `stability-techniques`." in page
    )
    assert "`ganbench run stability-techniques`" in page


def test_verdicts_levels_and_powers_at_the_top_are_those_of_their_sections(page):
    for claim, suite, said, level, power in summary(page):
        number = re.search(r"\d", claim).group()
        if suite == "–":
            continue
        section = page.split(f"\n## {number}. ")[1].split("\n## ")[0]
        bold = re.search(r"\*\*.+?\*\*", said).group()
        assert bold in section
        assert level == "–" or f"{bold}, {level}." in section
        assert all(f"| {one} |" in section for one in power.split(", "))


def test_a_margin_is_named_in_the_summary(page):
    (row,) = [cells for cells in summary(page) if cells[0].startswith("[4](")]
    assert row[2].startswith("**non-inferior by a margin of 10 points: ")


def test_what_a_small_form_cannot_show_is_said_with_its_reason(page):
    assert "**this small form cannot speak to the claim**: the failure was seen in none of the 32 trials" in page


def test_the_verdicts_by_version_1_stand_beside_those_by_version_2(tmp_path):
    earlier = read_verdicts(ROOT / "docs" / "findings-rules-1.md")
    assert earlier[3] == earlier[4] == "**reproduced**"
    assert earlier[2] == "`bssn-small`: **not reproduced**<br>`sngan-settings-small`: **not reproduced**"
    assert "b. spectral normalization, instability: **reproduced**<br>" in earlier[8]
    assert read_verdicts(tmp_path / "absent.md") == {}
    made = find({"bssn-small": cases("bssn-small", plain, 2)}, {"bssn-small": "r"}, before=earlier)
    page = rendered(made)
    assert "| power | [by rules version 1](findings-rules-1.md) |" in page
    assert [cells[-1] for cells in summary(page) if cells[0].startswith("[4](")] == ["**reproduced**"]


def test_the_page_by_version_1_is_kept_as_it_was():
    text = (ROOT / "docs" / "findings-rules-1.md").read_text()
    kept = "This page is kept as it was, without its figures and what it quoted, judged by [rules version 1]"
    assert text.startswith(f"# Findings\n\n> {kept}")
    rules = (ROOT / "reports" / "paper_claims" / "rules-1.md").read_text()
    for title in re.findall(r"^## (\d\. .+)$", rules, re.M):
        assert f"\n## {title}\n" in text
    assert "**reproduced** (pairs in which BSSN is better than spectral_norm: 56 %, 41 % to 71 %)" in text


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
    assert len(notes) == len(re.findall(r"# departure\b", text))
    assert not [note for note in notes if note.endswith((",", " and", " of", " the")) or "departure" in note]
    assert not [note for note in notes if re.search(r"&\w", note)], "an anchor is no part of it"


def test_an_open_question_says_how_many_seeds_it_would_take():
    def outcome(group, label, seed, few: int = 6):
        return {"quality": 10.0 if (label == "spectral_norm") == (seed < few) else 20.0}

    section = rendered(found_in(outcome, "bssn-small")).split("\n## 3. ")[1].split("\n## ")[0]
    assert "**reproduced**" in section

    page = rendered(found_in(lambda *trial: outcome(*trial, 5), "bssn-small"))
    section = page.split("\n## 3. ")[1].split("\n## ")[0]
    assert "**not enough seeds**" in section
    assert re.search(r"at least \d+ seeds if all went on as it came: `ganbench run bssn-small --seeds \d+`", section)


def test_costs_are_those_of_the_trials(page):
    row = next(line for line in page.splitlines() if line.startswith("| `bssn-small` |"))
    suite = load_suite("bssn-small")
    generator, discriminator = (suite.seeds * sum(cell.steps * each for cell in suite.cells for each in [n(cell)])
                                for n in (lambda cell: 1, lambda cell: cell.n_dis))  # fmt: skip
    # Each made trial takes 50 s, and those of one seed run at the same time.
    assert row == f"| `bssn-small` | – | 384 | 0 | {generator:,} | {discriminator:,} | 7 min | 5.3 h | cpu |"


def test_text_from_a_ledger_is_no_markup():
    made = cases("bssn-small", plain, 2)
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
    found = find({"bssn-small": cases("bssn-small", plain, 2)}, {"bssn-small": "r"}, read_notes(file))
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
    shutil.copy(PAGE.with_name("findings-rules-1.md"), tmp_path / "docs")
    verdicts = write_findings(places, tmp_path / "docs" / "findings.md", Path(said[2]))
    made = (tmp_path / "docs" / "findings.md").read_text()
    # The page names itself, and its way to the other documents, as the command does.
    made = re.sub(r"--out \S+", "--out docs/findings.md", made)
    links = re.compile(r"\]\([^)#]*?([\w-]+\.md)(#[^)]*)?\)")
    assert links.sub(r"](\1)", made) == links.sub(r"](\1)", PAGE.read_text())
    figures = {path.name: path.read_bytes() for path in (ROOT / "docs" / "findings").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "docs" / "findings").iterdir()} == figures
    assert not [claim for claim, _, answer in verdicts if answer.reading is Reading.INCOMPLETE]


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
