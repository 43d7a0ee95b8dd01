"""The rules, as they stand in ``rules.md``: committed before the runs that they judge, and quoted on the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("rules.md")

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


def departures(text: str) -> list[str]:
    """Return what a suite file says about where it departs from its protocol.

    A note begins with ``# departure:``, on a line of its own or behind a key. On lines of their own it goes on until a
    comment begins with a capital letter, or there is none.
    """
    found: list[list[str]] = []
    running = False
    for line in text.splitlines():
        before, marked, note = line.partition("# departure:")
        if marked:
            key = before.strip().lstrip("- ")
            found.append([f"`{key}`: {note.strip()}" if key else note.strip()])
            running = not key
        elif running and re.match(r"# [^A-Z#]", line):
            found[-1].append(line[2:].strip())
        else:
            running = False
    return [" ".join(note) for note in found]
