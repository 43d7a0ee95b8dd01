"""From ledgers to the page of findings and its figures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.reports.paper_claims.judging.reading import Answer

DOCS = Path("docs")


def write_findings(
    ledgers: Sequence[str | Path], out: str | Path, notes: Path | None = None
) -> list[tuple[str, str, Answer]]:
    """Apply the rules to some ledgers and write the page; its figures go into a folder beside it, of the same name.

    Where a page by rules version 1 stands beside it, ``findings-rules-1.md`` for ``findings.md``, its verdicts are quoted.
    The same ledgers give the same bytes.

    Args:
        ledgers: Folders or addresses; each of another suite. Of suites that no rule reads the costs are told.
        out: The page, a file that ends in ``.md``.
        notes: What else was seen, to be quoted at its claim and told apart
        (:func:`ganbench.reports.paper_claims.rules.read_notes`).

    Returns:
        The claim, the suite, and the answer, whose ``value`` is the verdict in words.

    Raises:
        InputError: No rule reads any of the suites, two ledgers are of the same one, or the file cannot be written.
        LedgerError: A ledger cannot be read.
    """
    from ganbench.harness.ledger import read_ledger
    from ganbench.reports.paper_claims.claims import CLAIMS
    from ganbench.reports.paper_claims.judging.cases import Cases, read_cases
    from ganbench.reports.paper_claims.page import figures, find, render
    from ganbench.reports.paper_claims.rules import read_notes, read_verdicts

    page = Path(out)
    if page.suffix != ".md":
        raise InputError(f"--out {page}: expected a file that ends in .md")
    known = sorted({suite for claim in CLAIMS for suite in claim.suites})
    cases: dict[str, Cases] = {}
    places: dict[str, str] = {}
    for place in ledgers:
        ledger = read_ledger(place)
        suite = str(ledger.plan()["suite"])
        if suite in cases:
            raise InputError(f"{place}: a ledger of {suite!r} was given already: {places[suite]}")
        cases[suite], places[suite] = read_cases(ledger), str(place)
    if not set(known) & set(cases):
        suite, place = places.popitem()
        hint = did_you_mean(suite, known)
        raise InputError(f"{place}: no claim is read from a suite {suite!r}{hint}; known: {', '.join(known)}")
    found = find(cases, places, read_notes(notes), read_verdicts(page.with_name(f"{page.stem}-rules-1.md")))
    folder = page.with_suffix("")
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
        page.parent.mkdir(parents=True, exist_ok=True)
        drawn = figures(found)
        if drawn:
            folder.mkdir()
        for name, data in drawn.items():
            (folder / name).write_bytes(data)
        docs = Path(os.path.relpath(DOCS, page.parent)).as_posix()
        text = render(found, folder=folder.name, docs=docs, out=page.as_posix())
        page.write_bytes(text.encode("utf-8", errors="replace"))
    except OSError as error:
        raise InputError(f"--out {page}: cannot be written ({error})") from error
    return [
        (f"{number}. {found.rules[number].title}{f' ({answer.about})' if answer.about else ''}", suite, answer)
        for (number, suite), finding in found.findings.items()
        for answer in finding.answers
    ]
