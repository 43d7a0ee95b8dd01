"""What a leaderboard says, put together once: page, markdown and LaTeX print it and compute nothing themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence
from ganbench.reports.published.matching import published
from ganbench.reports.published.words import Section, section
from ganbench.reports.wording.columns import Column, columns
from ganbench.reports.wording.failures import Failure, failures
from ganbench.reports.wording.headline import Claims, caution, claims, headline, intro
from ganbench.reports.wording.measured import Fact, facts
from ganbench.reports.wording.measures import MeasureTable, measure_tables
from ganbench.reports.wording.rules import Meaning, meanings
from ganbench.reports.wording.seen import seen


@dataclass(frozen=True)
class Contents:
    """The words and tables of a leaderboard.

    Attributes:
        evidence: The trials.
        board: The numbers.
    """

    evidence: Evidence
    board: Board

    @cached_property
    def headline(self) -> str:
        """The answer to "what should I use, and how sure are you?"."""
        return headline(self.evidence, self.board)

    @cached_property
    def caution(self) -> str:
        """What is missing; empty when nothing is."""
        return caution(self.evidence, self.board)

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
        return intro(self.evidence)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The main table's columns; its rows are those of the board."""
        return columns(self.evidence, self.board)

    @cached_property
    def claims(self) -> Claims:
        """What is said of pairs of normalizers."""
        return claims(self.evidence, self.board)

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
