"""What a leaderboard says, in words: every format prints this, so that no two can disagree.

* ``contents``: everything together.
* ``columns``: the main table's.
* ``headline``: headline, caution, claims.
* ``seen``: how many trials are undecided, and how small a loss would have been found.
* ``rules``: what outcomes and failure modes mean.
* ``failures``: every failed trial, with step and reason.
* ``measures``: every measure of quality.
* ``measured``: how it was measured.
"""
