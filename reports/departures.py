"""What a suite file says about where it departs from the protocol that it repeats."""

from __future__ import annotations

import re


def departures(text: str) -> list[str]:
    """Return what a suite file says about where it departs from its protocol.

    A note begins with ``# departure:``, on a line of its own or behind a key, or with ``# departure (fact, fact):``, where
    the facts in which a suite differs from its paper's code are compared with it (tests/suites/test_departures.py). On
    lines of their own it goes on until a comment begins with a capital letter, or there is none.
    """
    found: list[list[str]] = []
    running = False
    for line in text.splitlines():
        if marked := re.search(r"# departure(?: \([^)]*\))?:(.*)", line):
            note = marked[1]
            key = re.sub(r"&\w+ ", "", line[: marked.start()].strip().lstrip("- "))  # anchors are for YAML
            found.append([f"{key}: {note.strip()}" if key else note.strip()])
            running = not key
        elif running and re.match(r"# [^A-Z#]", line):
            found[-1].append(line[2:].strip())
        else:
            running = False
    return [" ".join(note) for note in found]
