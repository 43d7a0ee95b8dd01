"""From a ledger to a leaderboard, and from a leaderboard to files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ganbench.harness.ledger import Ledger
    from ganbench.reports.board import Board
    from ganbench.reports.board.conformance import Conformance
    from ganbench.reports.evidence import Evidence
    from ganbench.reports.sensitivity.comparing import Claim
    from ganbench.reports.wording.contents import Contents


CHECKS = "checks.json"


@dataclass(frozen=True)
class Leaderboard:
    """What a ledger says about its normalizers.

    Attributes:
        ledgers: Where it was read from; read again for the samples that the figures show. None where samples are not
            kept.
        evidence: The plan and what became of its trials.
        board: The numbers.
        doubts: Whether the claims hold when trials are judged in another way; empty without claims.
        reversed_claims: The claims that another way reverses.
    """

    ledgers: tuple[Ledger, ...]
    evidence: Evidence
    board: Board
    doubts: str = ""
    reversed_claims: frozenset[Claim] = frozenset()

    @cached_property
    def contents(self) -> Contents:
        """What page, markdown and LaTeX say."""
        from ganbench.reports.wording.contents import Contents

        return Contents(self.evidence, self.board, self.doubts, self.reversed_claims)

    @property
    def table(self) -> pd.DataFrame:
        """The first table, a row for every normalizer, as in ``leaderboard.csv``.

        A quality column holds the median over all trials with failures worst. Where half or more of them failed it is
        ``inf`` if lower is better and ``-inf`` if higher is; without trials it is empty.
        """
        from ganbench.reports.formats.table import table

        return table(self.evidence, self.board)

    def headline(self) -> str:
        """Return the sentence on top of the page, and which claims another way to judge reverses."""
        from ganbench.reports.formatting import unmarked

        return unmarked(" ".join(filter(None, (self.contents.headline, self.contents.reversals))))

    def markdown(self) -> str:
        """Return ``leaderboard.md``."""
        from ganbench.reports.formats.markdown import render

        return render(self.contents)

    def html(self) -> str:
        """Return ``leaderboard.html``: one file that loads nothing."""
        from ganbench.reports.figures import draw
        from ganbench.reports.formats.html import render

        return render(self.contents, draw(self.evidence, self.board))

    def latex(self) -> str:
        """Return ``leaderboard.tex``: the first table, for a paper."""
        from ganbench.reports.formats.latex import render

        return render(self.contents)

    def csv(self) -> str:
        """Return ``leaderboard.csv``."""
        return self.table.to_csv(index=False, lineterminator="\n")

    def files(self) -> dict[str, bytes]:
        """Return what :meth:`write` writes, by name."""
        from ganbench.reports.figures import files as figures
        from ganbench.reports.formats.table import as_parquet, cell_table, pair_table

        cells, pairs = cell_table(self.evidence, self.board), pair_table(self.board)
        texts = {
            "leaderboard.md": self.markdown(),
            "leaderboard.html": self.html(),
            "leaderboard.csv": self.csv(),
            "leaderboard.tex": self.latex(),
            "cells.csv": cells.to_csv(index=False, lineterminator="\n"),
            "pairs.csv": pairs.to_csv(index=False, lineterminator="\n"),
        }
        found = {name: text.encode("utf-8", errors="replace") for name, text in texts.items()}
        found["leaderboard.parquet"] = as_parquet(self.table, self.evidence.hash())
        return found | figures(self.evidence, self.board)

    def write(self, out: str | Path, *, pages: bool = True) -> list[Path]:
        """Write the page, its tables, and the figures. The same ledger gives the same bytes.

        Args:
            out: The folder; made if it is absent.
            pages: Whether to write a page for every cell, setting and normalizer beside them.

        Returns:
            Page, tables and figures; not the pages beside them.

        Raises:
            InputError: The folder cannot be written.
            LedgerError: Samples for the pages cannot be read.
        """
        from ganbench.harness.errors import InputError
        from ganbench.reports.pages.writing import pages_beside

        folder = Path(out)
        with ExitStack() as stack:
            if pages:  # where there are many, other processes draw them meanwhile
                stack.enter_context(pages_beside(self.evidence, self.board, self._samples, folder))
            files = self.files()
            try:
                for name, content in files.items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(content)
            except OSError as error:
                raise InputError(f"{folder}: cannot be written ({error})") from error
        return [folder / name for name in files]

    def place(self) -> Path:
        """Return where it is written when nothing else is said: beside its ledger, or in the working directory."""
        from ganbench.harness.ledger.names import file_name

        if len(self.ledgers) == 1:
            return self.ledgers[0].beside("leaderboard")
        return Path.cwd() / f"{file_name(str(self.evidence.plan['suite']))}-leaderboard"

    def _samples(self, trial_ids: Collection[str]) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield trials and their samples, each from the first ledger that has them."""
        from ganbench.reports.evidence.gathering import Samples

        wanted = set(trial_ids)
        for ledger in self.ledgers:
            for trial, values in Samples(ledger)(wanted):
                wanted.discard(trial)
                yield trial, values


def leaderboard(
    *ledgers: Ledger | str | Path, baseline: str | None = None, checks: str | Path | None = None
) -> Leaderboard:
    """Read a ledger, or several, and compute the leaderboard.

    Args:
        ledgers: At least one ledger, or folder of one.
        baseline: The normalizer that the others are compared with, instead of the one that the suite declares.
        checks: What ``ganbench check --json`` printed; by default the file :data:`CHECKS` in the ledgers' folders.

    Raises:
        LedgerError: A folder holds no ledger, or a record is damaged.
        InputError: A ledger's definition of instability is not known here, several ledgers do not fit together, or there
            is no such baseline.
    """
    from ganbench.harness.errors import InputError
    from ganbench.harness.ledger import Ledger, read_ledger
    from ganbench.reports.board import build
    from ganbench.reports.evidence.combining import combine
    from ganbench.reports.evidence.gathering import gather
    from ganbench.reports.sensitivity.doubts import doubts

    if not ledgers:
        raise InputError("expected at least one ledger")
    opened = [item if isinstance(item, Ledger) else read_ledger(item) for item in ledgers]
    # One that is named twice is read once.
    named = {ledger.where: (ledger, _name(item)) for item, ledger in zip(ledgers, opened, strict=True)}
    sources = tuple(ledger for ledger, _ in named.values())
    names = [name for _, name in named.values()]
    evidence = combine([gather(source) for source in sources], names, baseline)
    board = build(evidence, _conformance(sources, checks))
    return Leaderboard(sources, evidence, board, *doubts(sources, names, evidence, board))


def leaderboard_from_mlflow(uri: str, experiment: str, baseline: str | None = None) -> Leaderboard:
    """Read an experiment back and compute its leaderboard.

    Tables and statistics equal those of the ledger. Curves have at most 25 points; samples, and what was measured of
    layers, are in the ledger only, and so in no figure here.

    Args:
        uri: The tracking URI.
        experiment: The experiment's name, as ``quick v1``.
        baseline: The normalizer that the others are compared with, instead of the one that the suite declares.

    Raises:
        InputError: There is no such experiment, it lacks what a leaderboard needs, its definition of instability is not
            known here, or there is no such baseline.
        TrackingError: The server cannot be reached or refuses a request.
    """
    from ganbench.harness.tracking import read_back
    from ganbench.reports.board import build
    from ganbench.reports.evidence.combining import combine
    from ganbench.reports.evidence.from_mlflow import evidence_of
    from ganbench.reports.sensitivity.comparing import claims_of

    evidence = combine([evidence_of(read_back(uri, experiment))], [experiment], baseline)
    board = build(evidence)
    doubts = "Whether claims hold in other ways to judge is in the ledger only." if claims_of(board) else ""
    return Leaderboard((), evidence, board, doubts)


def _conformance(ledgers: Sequence[Ledger], checks: str | Path | None) -> dict[str, Conformance]:
    from ganbench.reports.board.conformance import load_conformance

    beside = [ledger.folder / CHECKS for ledger in ledgers if ledger.folder is not None]
    files = [Path(checks)] if checks is not None else [path for path in beside if path.exists()]
    return {name: found for path in files for name, found in load_conformance(path).items()}


def _name(ledger: Ledger | str | Path) -> str:
    """Return what whoever asked calls a ledger."""
    from ganbench.harness.ledger import Ledger

    return ledger.where if isinstance(ledger, Ledger) else str(ledger)
