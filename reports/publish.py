"""From a ledger to a leaderboard, and from a leaderboard to files."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from harness.ledger import Ledger
    from reports.board import Board
    from reports.evidence import Evidence


@dataclass(frozen=True)
class Leaderboard:
    """What a ledger says about its normalizers.

    Attributes:
        ledger: Where it was read from; read again for the samples that the figures show.
        evidence: The plan and what became of its trials.
        board: The numbers.
    """

    ledger: Ledger
    evidence: Evidence
    board: Board

    @property
    def table(self) -> pd.DataFrame:
        """The first table, a row for every normalizer, as in ``leaderboard.csv``.

        A quality column holds the median over all trials with failures worst. Where half or more of them failed it is
        ``inf`` if lower is better and ``-inf`` if higher is; without trials it is empty.
        """
        from reports.table import table

        return table(self.evidence, self.board)

    def markdown(self) -> str:
        """Return ``leaderboard.md``."""
        from reports.markdown import render

        return render(self.evidence, self.board)

    def html(self) -> str:
        """Return ``leaderboard.html``: one file that loads nothing."""
        from reports.figures import draw
        from reports.html import render

        return render(self.evidence, self.board, draw(self.evidence, self.board))

    def csv(self) -> str:
        """Return ``leaderboard.csv``."""
        return self.table.to_csv(index=False, lineterminator="\n")

    def write(self, out: str | Path, *, pages: bool = True) -> list[Path]:
        """Write ``leaderboard.md``, ``leaderboard.html`` and ``leaderboard.csv``. The same ledger gives the same bytes.

        Args:
            out: The folder; made if it is absent.
            pages: Whether to write a page for every cell, setting and normalizer beside them.

        Returns:
            Those three files.

        Raises:
            InputError: The folder cannot be written.
            LedgerError: Samples for the pages cannot be read.
        """
        from harness.errors import InputError
        from reports.gathering import Samples
        from reports.pages.writing import pages_beside

        folder = Path(out)
        with ExitStack() as stack:
            if pages:  # where there are many, other processes draw them meanwhile
                stack.enter_context(pages_beside(self.evidence, self.board, Samples(self.ledger), folder))
            files = {"leaderboard.md": self.markdown(), "leaderboard.html": self.html(), "leaderboard.csv": self.csv()}
            try:
                folder.mkdir(parents=True, exist_ok=True)
                for name, text in files.items():
                    (folder / name).write_bytes(text.encode("utf-8", errors="replace"))
            except OSError as error:
                raise InputError(f"{folder}: cannot be written ({error})") from error
        return [folder / name for name in files]


def leaderboard(ledger: Ledger | str | Path) -> Leaderboard:
    """Read a ledger and compute its leaderboard.

    Args:
        ledger: A ledger, or its folder.

    Raises:
        LedgerError: The folder holds no ledger, or a record is damaged.
        InputError: The ledger's definition of instability is not known here.
    """
    from harness.ledger import Ledger, read_ledger
    from reports.board import build
    from reports.gathering import gather

    source = ledger if isinstance(ledger, Ledger) else read_ledger(ledger)
    evidence = gather(source)
    return Leaderboard(source, evidence, build(evidence))
