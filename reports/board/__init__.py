"""The leaderboard's numbers, without a word.

* ``board``: a row for every normalizer, and everything together.
* ``counting``: how many trials failed, and how; how many did not learn, or are undecided.
* ``comparisons``: normalizers two by two.
* ``order``: of the rows.
* ``cost``: the time of a step.
* ``conformance``: what ``ganbench check`` found.
"""

from ganbench.reports.board.board import RESAMPLES, Board, CellRow, Change, Quality, Row, build, ranked, representative

__all__ = ["RESAMPLES", "Board", "CellRow", "Change", "Quality", "Row", "build", "ranked", "representative"]
