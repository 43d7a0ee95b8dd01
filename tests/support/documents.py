"""A document's code, as a reader would type it: files that have a title, and commands of a shell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

DOCS = Path(__file__).parent.parent.parent / "docs"


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: ``"python"``, ``"sh"``, ...
        title: The file that it is, or ``""``.
        text: What is in it.
    """

    language: str
    title: str
    text: str


def blocks(name: str) -> list[Block]:
    """Return the fenced blocks of a document in docs/, in order."""
    found = []
    for token in MarkdownIt().parse((DOCS / name).read_text()):
        if token.type == "fence":
            language, _, rest = token.info.partition(" ")
            title = re.search(r"title=(\S+)", rest)
            found.append(Block(language, title[1] if title else "", token.content))
    return found


def script(name: str) -> str:
    """Return what a reader does from top to bottom, as a script of a shell: files are written, commands are run."""
    lines = ["set -euo pipefail"]
    for block in blocks(name):
        if block.title:
            assert "\nEND_OF_FILE\n" not in block.text
            folder = Path(block.title).parent
            lines += [f"mkdir -p {folder}", f"cat > {block.title} <<'END_OF_FILE'\n{block.text}END_OF_FILE"]
        elif block.language == "sh":
            lines += ["set -x", block.text.rstrip(), "{ set +x; } 2>/dev/null"]
    return "\n".join(lines) + "\n"
