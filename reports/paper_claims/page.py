"""The page of findings, in markdown: what was claimed, what was seen, how sure that is, and how to see it again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from posixpath import normpath

from ganbench.harness.durations import duration
from ganbench.harness.planning.suite import Suite, load_suite, shipped_suites
from ganbench.harness.plugins.registry import Catalog
from ganbench.reports import formatting as f
from ganbench.reports.paper_claims.claims import CLAIMS
from ganbench.reports.paper_claims.costs import cost_of, cost_of_suite
from ganbench.reports.paper_claims.judging import words
from ganbench.reports.paper_claims.judging.cases import DEFINITION, Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table
from ganbench.reports.paper_claims.judging.reading import Answer, Part, Reading, times_the_seeds
from ganbench.reports.paper_claims.rules import Notes, Rule, departures, read_rules

SMALL = "-small"

_TOP = """# Findings

What the papers behind this project claim, and what runs of its suites say of it. Made from ledgers by

    {command}

which recomputes every number, interval and verdict below. The rules were committed before the runs that they judge: the
history of [rules.md]({rules}) can be compared with the times at the end of this page. Each is quoted at its claim.

A claim is read from two suites: one with the paper's protocol, as far as it is known, and a small form on toys and digits
of 8x8. **A small form says whether an effect is there on digits; it never says whether a paper is right.** Failures are
those of {judged}.

* *Reproduced*: the effect reaches the threshold, and the interval excludes no effect.
* *Not reproduced*: the interval excludes the threshold.
* *Not enough seeds*: neither; it is never read as "no effect".

Intervals are 95 %; p-values are corrected by Holm within a claim."""


@dataclass(frozen=True)
class Found:
    """What the page is made from.

    Attributes:
        cases: The trials of each suite, by its name.
        places: Where each suite's ledger stands, as commands name it.
        findings: By the number of a claim and the name of a suite.
        rules: By the number of a claim.
        unrun: The papers' suites that no ledger is of.
        notes: What else was seen.
    """

    cases: Mapping[str, Cases]
    places: Mapping[str, str]
    findings: Mapping[tuple[int, str], JudgedClaim]
    rules: Mapping[int, Rule]
    unrun: Mapping[str, Suite]
    notes: Notes


def find(cases: Mapping[str, Cases], places: Mapping[str, str], notes: Notes | None = None) -> Found:
    """Apply every rule to every suite that it reads and that is there.

    Args:
        cases: The trials of each suite, by its name.
        places: Where each suite's ledger stands, as commands name it.
        notes: What else was seen.
    """
    there = [(claim, suite) for claim in CLAIMS for suite in claim.suites if suite in cases]
    findings = {(claim.number, suite): claim.read(cases[suite]) for claim, suite in there}
    catalog = Catalog()
    wanted = dict.fromkeys(
        [*(suite for claim in CLAIMS for suite in claim.suites), *(name.removesuffix(SMALL) for name in cases)]
    )
    unrun = [name for name in wanted if not name.endswith(SMALL) and name not in cases and name in shipped_suites()]
    shipped = {name: load_suite(name, catalog=catalog) for name in unrun}
    return Found(cases, places, findings, read_rules(), shipped, notes or Notes())


def figures(found: Found) -> dict[str, bytes]:
    """Return the figures' files by name."""
    return {
        name: data
        for finding in found.findings.values()
        for picture in finding.pictures
        for name, data in picture.files().items()
        if name.endswith(".svg")
    }


def render(found: Found, *, folder: str, docs: str, out: str) -> str:
    """Return the page.

    Args:
        found: What it is made from.
        folder: Where the figures stand, seen from the page.
        docs: Where the documents stand, seen from the page.
        out: The page's name, as its command names it.
    """
    command = " ".join(["ganbench findings", *found.places.values(), *found.notes.options, "--out", out])
    rules, stability, boards, sizes = (
        normpath(f"{docs}/{file}")
        for file in ("../reports/paper_claims/rules.md", "stability.md", "leaderboards/README.md", "costs.md")
    )
    top = _TOP.format(command=command, rules=rules, judged=_judged(found, stability))
    sections = [_section(found, claim, folder) for claim in CLAIMS]
    return "\n\n".join([top, _summary(found), *sections, _costs(found, boards, sizes)]) + "\n"


def _judged(found: Found, stability: str) -> str:
    """Say by which definition the claims are judged, and by which the leaderboards are, where that is another one."""
    own = f"definition {DEFINITION} ([stability.md]({stability})), as the rules were declared"
    boards = sorted({int(cases.plan["definition"]) for cases in found.cases.values()})
    if boards == [DEFINITION]:
        return own
    return f"{own}; the leaderboards of these ledgers are judged by definition {f.listing([*map(str, boards)])}"


def _summary(found: Found) -> str:
    rows = []
    for claim in CLAIMS:
        rule = found.rules[claim.number]
        small = [suite for suite in claim.suites if suite.endswith(SMALL)]
        full = [suite for suite in claim.suites if not suite.endswith(SMALL)]
        said = f"[{rule.number}](#{_anchor(rule)}). {rule.claim}"
        rows.append((said, _said(found, claim, small), _said(found, claim, full)))
    return _markdown(("claim", "on toys and digits", "by the paper's protocol"), rows)


def _said(found: Found, claim: Claim, suites: Sequence[str]) -> str:
    """Return the verdicts of some suites in a cell of the summary."""
    lines = []
    for suite in suites:
        finding = found.findings.get((claim.number, suite))
        named = f"`{suite}`: " if len(suites) > 1 else ""
        if finding is None:
            lines.append(f"{named}not run")
            continue
        lines += [f"{named}{_about(answer)}{_headline(answer)}" for answer in finding.answers]
    return "<br>".join(lines)


def _about(answer: Answer) -> str:
    return f"{answer.about}: " if answer.about else ""


def _headline(answer: Answer) -> str:
    """Return a verdict with the interval that decided it, or the first one."""
    said = f"**{answer.reading.value}**"
    decisive = next((part for part, _, reading in answer.parts if reading is answer.reading), None)
    part = decisive or next((part for part, _, _ in answer.parts), None)
    return f"{said} ({part.what}: {_effect(part)})" if part is not None else said


def _effect(part: Part) -> str:
    return f"{words.value(part.effect.value, part.form)}, {words.interval(part.effect, part.form)}"


def _section(found: Found, claim: Claim, folder: str) -> str:
    rule = found.rules[claim.number]
    source = f" ({rule.source})" if rule.source else ""
    parts = [f"## {rule.number}. {rule.title}", f"*{rule.claim}*{source}."]
    there = [suite for suite in claim.suites if suite in found.cases]
    for suite in there:
        parts += _reading(found, claim, suite, folder)
    if claim.number in found.notes.texts:
        parts.append(f"**Not declared**, seen afterwards and judged by no rule: {found.notes.texts[claim.number]}")
    parts.append(_settle(found, claim, there))
    parts.append(_folded("The measure and the rule, as committed before the runs", rule.text))
    noted = [(suite, departures(_text(found, suite))) for suite in (*there, *_unrun(claim, there))]
    listed = [
        f"`{suite}`:\n\n" + "\n".join(f"* {f.markdown(note)}" for note in notes) for suite, notes in noted if notes
    ]
    parts.append(_folded("Departures from the published protocol", "\n\n".join(listed)))
    return "\n\n".join(parts)


def _reading(found: Found, claim: Claim, suite: str, folder: str) -> list[str]:
    finding, trials = found.findings[claim.number, suite], len(found.cases[suite].cases)
    parts = [f"### `{suite}` ({trials:,} trials)"]
    for answer in finding.answers:
        parts.append(f"{_about(answer)}**{answer.reading.value}**.")
    rows = [
        (part.what, words.value(part.effect.value, part.form), words.interval(part.effect, part.form), words.p_value(p),
         words.asked(part), f"{part.effect.size} {part.effect.unit}", reading.value)
        for answer in finding.answers
        for part, p, reading in answer.parts
    ]  # fmt: skip
    if rows:
        parts.append(_markdown(("what", "effect", "95 % interval", "p", "asked", "of", "by itself"), rows))
    parts += finding.told
    parts += [f"![{f.markdown(picture.spoken)}]({folder}/{picture.name}.svg)" for picture in finding.pictures]
    parts += [_folded(table.words, _table(table)) for table in finding.tables]
    return parts


def _settle(found: Found, claim: Claim, there: Sequence[str]) -> str:
    """Return what would settle a claim, and which commands show it again."""
    lines = []
    for suite in there:
        seeds = int(found.cases[suite].plan["seeds"])
        for answer in found.findings[claim.number, suite].answers:
            lines += _more(answer, suite, seeds)
    sizes = [
        f"`ganbench run {suite}` ({cost.trials:,} trials, {cost.generator / 1e6:,.0f} million generator updates)"
        for suite in _unrun(claim, there)
        for cost in [cost_of_suite(found.unrun[suite])]
    ]
    lines += [f"what the paper says of its own data: {f.listing(sizes)}"] * bool(sizes)
    again = [f"`ganbench run {suite}` and `ganbench findings results/{suite}`" for suite in there]
    text = "**What would settle it**: " + "; ".join(lines) + "." if lines else ""
    return text + (f" **To see it again**: {'; '.join(again)}." if again else "")


def _more(answer: Answer, suite: str, seeds: int) -> list[str]:
    """Return how many seeds an open question would take, if all went on as it came."""
    if answer.reading is Reading.INCOMPLETE:
        return [f"`ganbench run {suite}`, which completes it"]
    if answer.reading is Reading.NOTHING_TO_REDUCE:
        return [f"{_about(answer)}a setting in which the failure happens without the technique"]
    if answer.reading is not Reading.NOT_ENOUGH:
        return []
    times = times_the_seeds(answer)
    if times is None:
        return [f"{_about(answer)}more seeds of `{suite}` than can be foretold from these"]
    wanted = math.ceil(seeds * times)
    return [f"{_about(answer)}about {wanted} seeds if all went on as it came: `ganbench run {suite} --seeds {wanted}`"]


def _costs(found: Found, boards: str, sizes: str) -> str:
    """Return what the runs cost, and how large the suites are that were not run.

    Args:
        found: What the page is made from.
        boards: Where the suites' leaderboards are listed, seen from the page.
        sizes: Where it says what suites would take, likewise.
    """
    ran = [
        (f.code(suite), _begun(cost.begun), f"{cost.trials:,}", f"{cost.failed:,}", f"{cost.generator:,}",
         f"{cost.discriminator:,}", duration(cost.wall), duration(cost.computing), f.markdown(", ".join(cost.devices)))
        for suite, cost in ((suite, cost_of(cases)) for suite, cases in found.cases.items())
    ]  # fmt: skip
    open_ = [
        (f"`{suite}`", f"{cost.trials:,}", f"{cost.generator:,}", f"{cost.discriminator:,}")
        for suite, cost in ((name, cost_of_suite(suite)) for name, suite in found.unrun.items())
    ]
    size = ("generator updates", "discriminator updates")
    head = ("suite", "begun (UTC)", "trials", "failed", *size, "wall time", "computing", "device")
    listed = f"Their leaderboards, with every cell and every ledger: [leaderboards]({boards})."
    parts = ["## What the runs cost", _markdown(head, ran), listed]
    if open_:
        parts += [f"Not run; what they would take: [costs.md]({sizes}).", _markdown(("suite", "trials", *size), open_)]
    return "\n\n".join(parts)


def _begun(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}" if seconds else f.NOTHING


def _unrun(claim: Claim, there: Sequence[str]) -> list[str]:
    return [suite for suite in claim.suites if suite not in there and not suite.endswith(SMALL)]


def _text(found: Found, suite: str) -> str:
    return str(found.cases[suite].plan["text"]) if suite in found.cases else found.unrun[suite].text


def _anchor(rule: Rule) -> str:
    kept = "".join(letter for letter in f"{rule.number}. {rule.title}".lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{f.markdown(title)}</summary>\n\n{text}\n\n</details>"


def _table(table: Table) -> str:
    return _markdown(table.head, [tuple(f.markdown(text) for text in row) for row in table.rows])


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
