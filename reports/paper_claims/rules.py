"""The rules, as they stand in ``rules-2.md``: committed before they were applied, and quoted on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ganbench.harness.errors import InputError

FILE = Path(__file__).with_name("rules-2.md")

_HEAD = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_CLAIM = re.compile(r"^\*(.+?)\*(?: \((.+?)\))?\.", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """The section of one claim.

    Attributes:
        number: Of the claim.
        title: Its heading.
        claim: What is claimed, in one sentence.
        source: Where.
        text: Measure, cells and rule, in markdown.
    """

    number: int
    title: str
    claim: str
    source: str
    text: str


def read_rules() -> dict[int, Rule]:
    """Return the rules by the numbers of their claims."""
    parts = _HEAD.split(FILE.read_text(encoding="utf-8"))[1:]
    found = {}
    for number, title, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        match = _CLAIM.match(body.strip())
        assert match is not None, f"{FILE.name}: claim {number} does not begin with its sentence"
        claim, source = (" ".join((text or "").split()) for text in match.groups())
        found[int(number)] = Rule(int(number), title, claim, source, body.strip()[match.end() :].strip())
    return found


@dataclass(frozen=True)
class Notes:
    """What somebody saw in the runs beside what the rules declare, by hand.

    Attributes:
        texts: By the number of the claim, in markdown.
        options: How a command names the file; nothing where there is none.
    """

    texts: Mapping[int, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


def read_notes(file: Path | None) -> Notes:
    """Read notes: a file in markdown with a heading ``## NUMBER. TITLE`` for every claim that it has something on.

    Raises:
        InputError: It cannot be read, or a number is no claim's.
    """
    if file is None:
        return Notes()
    try:
        parts = _HEAD.split(file.read_text(encoding="utf-8"))[1:]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--notes {file}: cannot be read ({error})") from error
    texts = {int(number): body.strip() for number, body in zip(parts[::3], parts[2::3], strict=True)}
    unknown = sorted(set(texts) - set(read_rules()))
    if unknown:
        raise InputError(
            f"--notes {file}: expected the numbers of claims, 1 to {len(read_rules())}, found {unknown[0]}"
        )
    return Notes(texts, ("--notes", file.as_posix()))


def read_verdicts(page: Path) -> dict[int, str]:
    """Return the verdicts on small forms in the summary of a page by rules version 1, by the numbers of the claims."""
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| [")]
    # A verdict is bold and ends its line but for the effect in parentheses, which the other page has.
    return {
        int(row[0].partition("]")[0][1:]): "<br>".join(
            re.sub(r"(\*\*) \(.*\)$", r"\1", said) for said in row[1].split("<br>")
        )
        for row in rows
    }
