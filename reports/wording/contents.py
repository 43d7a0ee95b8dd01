"""What a leaderboard says, put together once: page, markdown and LaTeX print it and compute nothing themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ganbench.reports.board import Board, Row
from ganbench.reports.evidence import Evidence
from ganbench.reports.published.matching import published
from ganbench.reports.published.words import Section, section
from ganbench.reports.sensitivity.comparing import Claim
from ganbench.reports.wording.columns import Column, columns
from ganbench.reports.wording.devices import devices
from ganbench.reports.wording.failures import Failure, failures
from ganbench.reports.wording.headline import headline
from ganbench.reports.wording.levels import apart_words, intro, support
from ganbench.reports.wording.matrix import Entry, matrix
from ganbench.reports.wording.measured import Fact, facts
from ganbench.reports.wording.measures import MeasureTable, measure_tables
from ganbench.reports.wording.missing import caution, in_short
from ganbench.reports.wording.rules import Meaning, meanings
from ganbench.reports.wording.seen import seen


@dataclass(frozen=True)
class Contents:
    """The words and tables of a leaderboard.

    Attributes:
        evidence: The trials.
        board: The numbers.
        doubts: Whether the claims hold when trials are judged in another way; empty without claims.
        reversed_claims: The claims that another way reverses.
    """

    evidence: Evidence
    board: Board
    doubts: str = ""
    reversed_claims: frozenset[Claim] = frozenset()

    @cached_property
    def headline(self) -> str:
        """What failed least, by how much, how sure, on what and at what cost."""
        return headline(self.evidence, self.board)

    @property
    def reversals(self) -> str:
        """The claims that another way to judge reverses, in words; empty where none is."""
        return self.doubts if self.reversed_claims else ""

    @cached_property
    def caution(self) -> str:
        """What is reversed, what is missing, and who ran on another device; empty when nothing is and nobody did."""
        return self._warned(caution(self.evidence, self.board))

    @property
    def short_caution(self) -> str:
        """The same for a caption."""
        return self._warned(in_short(self.evidence, self.board))

    def _warned(self, missing: str) -> str:
        return " ".join(filter(None, (self.reversals, missing, devices(self.evidence, self.board))))

    @property
    def held(self) -> str:
        """Whether the claims hold when trials are judged in another way; empty where :attr:`reversals` says they do not."""
        return "" if self.reversed_claims else self.doubts

    @cached_property
    def seen(self) -> str:
        """What was seen and what was not; empty for definitions that call every trial stable or failed."""
        return seen(self.evidence)

    @cached_property
    def meanings(self) -> list[Meaning]:
        """What the outcomes mean; likewise."""
        return meanings(self.evidence.definition)

    @cached_property
    def intro(self) -> str:
        """What the main table shows."""
        return intro(self.evidence, self.board)

    @cached_property
    def support(self) -> str:
        """What is claimed on which level; empty where there is nothing to compare."""
        return support(self.evidence, self.board)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The main table's columns; its rows are those of the board."""
        return columns(self.evidence, self.board)

    @cached_property
    def matrix(self) -> list[tuple[str, list[Entry | None]]]:
        """What is said of pairs of normalizers, row by row."""
        return matrix(self.board)

    @cached_property
    def apart(self) -> list[tuple[Row, str]]:
        """The normalizers that stand in no order, and why."""
        return [(row, apart_words(row, self.board, len(self.evidence.groups))) for row in self.board.apart]

    @cached_property
    def measures(self) -> list[MeasureTable]:
        """Every measure of quality, by protocol."""
        return measure_tables(self.evidence, self.board)

    @cached_property
    def failures(self) -> list[Failure]:
        """All failed trials."""
        return failures(self.evidence)

    @cached_property
    def published(self) -> Section:
        """The papers' numbers."""
        return section(published(self.evidence))

    @cached_property
    def facts(self) -> list[Fact]:
        """How it was measured."""
        return facts(self.evidence, self.board)
