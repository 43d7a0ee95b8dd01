"""The leaderboard's numbers, without a word.

* ``board``: a row for every normalizer, and everything together.
* ``counting``: how many trials failed, and how; how many did not learn, or are undecided.
* ``comparisons``: normalizers two by two; ``pairing``, who is compared with whom and where; ``pair``, what is found of two.
* ``missing_trials``: which claims would not hold if missing trials had gone against them.
* ``order``: the order of the rows, and the claims that it follows from.
* ``standing``: which normalizers stand in one order, and over which settings.
* ``cost``: the time of a step.
* ``conformance``: what ``ganbench check`` found.
"""

from ganbench.reports.board.board import Board, CellRow, Change, Quality, Row, build, ranked, representative

__all__ = ["Board", "CellRow", "Change", "Quality", "Row", "build", "ranked", "representative"]
