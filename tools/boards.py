"""Make the published leaderboards from their ledgers, and say whether what is committed is what the ledgers give.

    make boards                                    every page, into results/boards; exit code 1 if a committed file differs
    python tools/boards.py --write                 the same, and write the committed files anew
    python tools/boards.py --publish results/quick put a ledger into docs/leaderboards first, in one part

Of each board the repository keeps the ledger, `leaderboard.md` and `forest.svg`; the pages with everything else are made
here. The README's table and the list of boards are written with --write.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from sections import write_section

from ganbench import leaderboard, read_ledger
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.forgotten import add_forgotten, read_forgotten
from ganbench.harness.ledger.names import PLAN
from ganbench.reports import Leaderboard
from ganbench.reports import formatting as f
from ganbench.reports.board import Row
from ganbench.reports.wording.columns import Column, columns

BOARDS, OUT = Path("docs/leaderboards"), Path("results/boards")
README, LIST = Path("README.md"), BOARDS / "README.md"

KEPT = {"leaderboard.md": "leaderboard.md", "forest.svg": "figures/forest.svg"}
"""What is committed of a board beside its ledger, and what it is called in the folder that is made."""

LEVEL = 19
"""Of zstd: slower than a sweep would like, and 2 % smaller."""

PAGE = 2**26
"""Bytes of a column that are compressed together: more than any has."""

FIRST = "quick"
"""The board whose first table the README shows."""

WITH_GROUNDS = ("rate", "change")
SHOWN = ("rank", "name", "rate", "unlearnt", "undecided", "modes", "change", "lasted", "cost")


def main() -> int:
    """Make all boards, and return how many committed files are not what the ledgers give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--publish", type=Path, metavar="RESULTS")
    options = parser.parse_args()
    if options.publish is not None:
        publish(options.publish)
    different = []
    for folder in folders():
        board = leaderboard(folder / "ledger")
        made = OUT / folder.name
        shutil.rmtree(made, ignore_errors=True)
        board.write(made)
        if options.write:
            for kept, name in KEPT.items():
                shutil.copy(made / name, folder / kept)
        different += [folder / kept for kept, name in KEPT.items() if not same(made / name, folder / kept)]
        if folder.name == FIRST and options.write:
            write_section(README, FIRST, first_table(board))
        print(f"{made / 'leaderboard.html'}")
    if options.write:
        write_section(LIST, "boards", "\n".join(listing()))
    for file in different:
        print(f"{file}: is not what its ledger gives; python tools/boards.py --write makes it anew", file=sys.stderr)
    if not different:
        print("what is committed is what the ledgers give")
    return len(different)


def folders(boards: Path = BOARDS) -> list[Path]:
    """Return the folders of the published boards."""
    return sorted(folder for folder in boards.iterdir() if (folder / "ledger").is_dir())


def publish(results: Path) -> None:
    """Put a ledger into the repository, as small as it gets: its records in one part, and its plan without blanks."""
    ledger = read_ledger(results)
    plan, records = ledger.plan(), list(ledger.records())
    lines = read_forgotten(ledger.storage)
    folder = BOARDS / plan["suite"] / "ledger"
    shutil.rmtree(folder, ignore_errors=True)
    target = Ledger(folder)
    target.write_plan(plan)
    (folder / PLAN).write_text(json.dumps(json.loads((folder / PLAN).read_text()), separators=(",", ":")) + "\n")
    target.parts.write(records, rows=len(records), level=LEVEL, page=PAGE)
    add_forgotten(target.storage, lines)


def same(made: Path, kept: Path) -> bool:
    """Say whether a committed file is the one that was made."""
    return kept.is_file() and made.read_bytes() == kept.read_bytes()


def listing(boards: Path = BOARDS) -> Iterator[str]:
    """Yield the list of boards, with what each takes."""
    yield "| suite | trials | ledger | asks |"
    yield "| --- | --- | --- | --- |"
    for folder in folders(boards):
        ledger = read_ledger(folder / "ledger")
        size = sum(file.stat().st_size for file in (folder / "ledger").rglob("*") if file.is_file())
        asks = " ".join(str(ledger.plan()["description"]).split())
        trials = len(ledger.committed())
        yield f"| [{folder.name}]({folder.name}/leaderboard.md) | {trials:,} | {size / 1e6:.1f} MB | {f.markdown(asks)} |"


def first_table(board: Leaderboard) -> str:
    """Return the README's table."""
    shown = [column for column in columns(board.evidence, board.board) if column.key in SHOWN]
    lines = [[f.markdown(column.title) for column in shown], ["---"] * len(shown)]
    lines += [[f.markdown(_said(column, row)) for column in shown] for row in board.board.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _said(column: Column, row: Row) -> str:
    return f.both_lines(column.text(row), column.more(row) if column.key in WITH_GROUNDS else "")


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
