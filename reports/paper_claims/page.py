"""The page of findings, in markdown: what was claimed, what was seen, how sure that is, and how to see it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from posixpath import normpath

from ganbench.harness.durations import duration
from ganbench.harness.planning.suite import Suite, load_suite, shipped_suites
from ganbench.harness.plugins.registry import Catalog
from ganbench.reports import formatting as f
from ganbench.reports.departures import departures
from ganbench.reports.paper_claims.claims import CLAIMS
from ganbench.reports.paper_claims.costs import cost_of, cost_of_suite
from ganbench.reports.paper_claims.judging import words
from ganbench.reports.paper_claims.judging.cases import DEFINITION, Cases
from ganbench.reports.paper_claims.judging.claim import Claim, JudgedClaim, Table
from ganbench.reports.paper_claims.judging.reading import Answer, JudgedPart, Part, Reading, times_the_seeds, worded
from ganbench.reports.paper_claims.rules import Notes, Rule, read_rules

SMALL = "-small"

_TOP = """# Findings

What the papers behind this project claim, and what runs of its suites say of it. Made from ledgers by

    {command}

which recomputes every number, interval and verdict below. **The rules are [version 2]({rules}).** They were written
after the small suites had been judged by [version 1]({before}), and committed before they were applied. Each claim links
to its rule, with what is new in it and why.

A claim is read from two suites: one with the paper's protocol, as far as it is known, and a small form on toys and digits
of 8x8. **A small form says whether an effect is there on digits; it never says whether a paper is right.** Failures are
those of {judged}.

* *Reproduced*: the effect reaches the threshold, and the interval excludes no effect.
* *Not reproduced*: the interval excludes the threshold.
* *Non-inferior by a margin*: yes if the interval excludes a loss of the margin, no if it excludes every smaller one.
* *Nothing to reduce*, *cannot speak*, *not asked*: the failure hardly happens, or these runs cannot show it, or what the
  claim is about did not occur. None is a verdict.
* *Open*, *not enough seeds*: never read as "no effect".

Level: *in these settings* compares seeds within settings and says nothing about others; *on settings like these* holds with
settings as blocks too. Power, of each part: the chance to read "reproduced" if the effect were at its threshold, which is
hardly ever above a half, and far below it where the runs were too few; for a margin, to read "yes" if there were no
difference. Intervals are 95 %; p-values are corrected by Holm within a claim."""


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
        before: The verdicts by rules version 1, by the number of a claim; empty where there is no page of them.
    """

    cases: Mapping[str, Cases]
    places: Mapping[str, str]
    findings: Mapping[tuple[int, str], JudgedClaim]
    rules: Mapping[int, Rule]
    unrun: Mapping[str, Suite]
    notes: Notes
    before: Mapping[int, str] = field(default_factory=dict)


def find(
    cases: Mapping[str, Cases],
    places: Mapping[str, str],
    notes: Notes | None = None,
    before: Mapping[int, str] | None = None,
) -> Found:
    """Apply every rule to every suite that it reads and that is there.

    Args:
        cases: The trials of each suite, by its name.
        places: Where each suite's ledger stands, as commands name it.
        notes: What else was seen.
        before: The verdicts by rules version 1, by the number of a claim.
    """
    there = [(claim, suite) for claim in CLAIMS for suite in claim.suites if suite in cases]
    findings = {(claim.number, suite): claim.read(cases[suite]) for claim, suite in there}
    catalog = Catalog()
    wanted = dict.fromkeys(
        [*(suite for claim in CLAIMS for suite in claim.suites), *(name.removesuffix(SMALL) for name in cases)]
    )
    unrun = [name for name in wanted if not name.endswith(SMALL) and name not in cases and name in shipped_suites()]
    shipped = {name: load_suite(name, catalog=catalog) for name in unrun}
    return Found(cases, places, findings, read_rules(), shipped, notes or Notes(), before or {})


def figures(found: Found) -> dict[str, bytes]:
    """Return the figures' files by name."""
    return {
        name: data
        for finding in found.findings.values()
        for picture in finding.pictures
        for name, data in picture.files(pdf=False).items()
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
    rules, before, stability, boards, sizes = (
        normpath(f"{docs}/{file}")
        for file in ("../reports/paper_claims/rules-2.md", "../reports/paper_claims/rules-1.md", "stability.md",
                     "leaderboards/README.md", "costs.md")
    )  # fmt: skip
    top = _TOP.format(command=command, rules=rules, before=before, judged=_judged(found, stability))
    sections = [_section(found, claim, folder, rules) for claim in CLAIMS]
    return "\n\n".join([top, _summary(found, f"{folder}-rules-1.md"), *sections, _costs(found, boards, sizes)]) + "\n"


def _judged(found: Found, stability: str) -> str:
    """Say by which definition the claims are judged, and by which the leaderboards are, where that is another one."""
    own = f"definition {DEFINITION} ([stability.md]({stability})), undecided trials counted both ways"
    boards = sorted({int(cases.plan["definition"]) for cases in found.cases.values()})
    if boards == [DEFINITION]:
        return own
    return f"{own}; the leaderboards of these ledgers are judged by definition {f.listing([*map(str, boards)])}"


def _summary(found: Found, earlier: str) -> str:
    """Return the verdicts in a table.

    Args:
        found: What the page is made from.
        earlier: The page by rules version 1, seen from this one.
    """
    head = ["claim", "read from", "verdict", "level", "power"] + [f"[by rules version 1]({earlier})"] * bool(
        found.before
    )
    rows = []
    for claim in CLAIMS:
        rule = found.rules[claim.number]
        own = [
            (f"`{suite}`", f"{_about(answer)}{_headline(answer, suite)}", answer.level or f.NOTHING, _power(answer))
            for suite in claim.suites
            if suite in found.cases
            for answer in found.findings[claim.number, suite].answers
        ] or [(f.NOTHING, "not run", f.NOTHING, f.NOTHING)]
        for place, cells in enumerate(own):
            said = str(rule.number) if place else f"[{rule.number}](#{_anchor(rule)}). {rule.claim}"
            before = [found.before.get(claim.number, f.NOTHING) if place == 0 else ""] * bool(found.before)
            rows.append((said, *cells, *before))
    unrun = f.listing(
        [f"`{suite}`" for suite in dict.fromkeys(s for claim in CLAIMS for s in _unrun(claim, [*found.cases]))]
    )
    return "\n\n".join([_markdown(head, rows), *[f"By the paper's protocol, not run: {unrun}."] * bool(unrun)])


def _about(answer: Answer) -> str:
    return f"{answer.about}: " if answer.about else ""


def _said(answer: Answer, suite: str) -> str:
    """Return a verdict, and the reason where there is none."""
    whose = f"this {'small form' if suite.endswith(SMALL) else 'suite'} " * (answer.reading is Reading.CANNOT_SPEAK)
    reason = f": {answer.reason}" if answer.reason and answer.reading is not Reading.DEPENDS else ""
    return f"**{whose}{answer.value}**{reason}"


def _headline(answer: Answer, suite: str) -> str:
    """Return a verdict with the interval that decided it, or the first one."""
    said = _said(answer, suite)
    decisive = next((one.part for one in answer.parts if one.reading is answer.reading), None)
    part = decisive or next((one.part for one in answer.parts), None)
    return f"{said} ({part.what}: {_effect(part)})" if part is not None and part.barred is None else said


def _power(answer: Answer) -> str:
    return ", ".join(words.power(one.power) for one in answer.parts) or f.NOTHING


def _effect(part: Part) -> str:
    return f"{words.value(part.effect.value, part.form)}, {words.interval(part.effect, part.form)}"


def _section(found: Found, claim: Claim, folder: str, rules: str) -> str:
    rule = found.rules[claim.number]
    source = f" ({rule.source})" if rule.source else ""
    parts = [f"## {rule.number}. {rule.title}", f"*{rule.claim}*{source}."]
    there = [suite for suite in claim.suites if suite in found.cases]
    for suite in there:
        parts += _reading(found, claim, suite, folder)
    if claim.number in found.notes.texts:
        parts.append(f"**Not declared**, seen afterwards and judged by no rule: {found.notes.texts[claim.number]}")
    parts.append(_settle(found, claim, there))
    link = f"[{rule.title}]({rules}#{_anchor(rule)})"
    parts.append(f"The measure and the rule, as committed before they were applied: {link}.")
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
        level = f", {answer.level}" if answer.level else ""
        parts.append(f"{_about(answer)}{_said(answer, suite)}{level}.{_again(answer)}")
    rows = [_row(one, bool(answer.margin)) for answer in finding.answers for one in answer.parts]
    if rows:
        parts.append(_markdown(("what", "effect", "95 % interval", "p", "asked", "of", "by itself", "power"), rows))
    parts += finding.told
    parts += [f"![{f.markdown(picture.spoken)}]({folder}/{picture.name}.svg)" for picture in finding.pictures]
    parts += [_folded(table.words, _table(table)) for table in finding.tables]
    return parts


def _row(one: JudgedPart, of_a_margin: bool) -> tuple[str, ...]:
    """Return the row of a comparison in the table of its claim."""
    part, effect = one.part, one.part.effect
    return (
        part.what,
        words.value(effect.value, part.form),
        words.interval(effect, part.form),
        words.p_value(one.p),
        words.asked(part),
        f"{effect.size} {effect.unit}",
        worded(one.reading, of_a_margin),
        words.power(one.power),
    )


def _again(answer: Answer) -> str:
    """Return what the verdict reads as by other tails, or with undecided trials counted the other way."""
    return f" Read again: {'; '.join(f'{look}: {said}' for look, said in answer.others)}." if answer.others else ""


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
    """Return what an open question would take."""
    needed = {
        Reading.INCOMPLETE: f"`ganbench run {suite}`, which completes it",
        Reading.NOTHING_TO_REDUCE: "a setting in which the failure happens without the technique",
        Reading.CANNOT_SPEAK: "settings, or a budget, in which the failure can show itself or trainings have settled",
        Reading.NOT_ASKED: "settings in which gradients explode or vanish in some trials of a cell",
        Reading.DEPENDS: "more seeds and more evaluations, so that it no longer does"
        if "undecided" not in answer.reason
        else "more evaluations and more steps, which decide the undecided trials",
    }
    if answer.reading in needed:
        return [f"{_about(answer)}{needed[answer.reading]}"]
    if answer.reading is not Reading.NOT_ENOUGH:
        return []
    times = times_the_seeds(answer)
    if times is None:
        return [f"{_about(answer)}more seeds of `{suite}` than can be foretold from these"]
    wanted = seeds * times
    return [
        f"{_about(answer)}at least {wanted} seeds if all went on as it came: `ganbench run {suite} --seeds {wanted}`"
    ]


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
