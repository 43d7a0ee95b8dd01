"""Put a copy of the quick suite's leaderboard into docs/, and its main table and picture into the README.

    make leaderboard
    python tools/publish_leaderboard.py results/quick docs/leaderboards/quick

Needs Chromium (`chromium` on the path) and what `make test` installs.
"""

import shutil
import sys
from pathlib import Path

from picture import main as take_picture
from sections import write_section

from ganbench.reports import formatting as f
from ganbench.reports import leaderboard
from ganbench.reports.board import Row
from ganbench.reports.contents.columns import Column, columns

README, PICTURE = Path("README.md"), Path("docs/leaderboard.png")
WITH_GROUNDS = ("rate", "change")
SHOWN = ("rank", "name", "rate", "modes", "change", "lasted", "cost")


def _said(column: Column, row: Row) -> str:
    return f.both_lines(column.text(row), column.more(row) if column.key in WITH_GROUNDS else "")


def main(ledger: str, target: Path) -> None:
    board = leaderboard(ledger)
    for old in target.iterdir() if target.exists() else ():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.name != "README.md":  # says how the copy was made
            old.unlink()
    board.write(target)
    shown = [column for column in columns(board.evidence, board.board) if column.key in SHOWN]
    lines = [[f.markdown(column.title) for column in shown], ["---"] * len(shown)]
    lines += [[f.markdown(_said(column, row)) for column in shown] for row in board.board.rows]
    write_section(README, "quick", "\n".join(f"| {' | '.join(line)} |" for line in lines))
    take_picture(target / "leaderboard.html", PICTURE)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
