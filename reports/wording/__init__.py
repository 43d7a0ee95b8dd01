"""What a leaderboard says, in words: every format prints this, so that no two can disagree.

* ``contents``: everything together.
* ``columns``: the main table's.
* ``headline``: headline, caution, claims.
* ``failures``: every failed trial, with step and reason.
* ``measures``: every measure of quality.
* ``measured``: how it was measured.
"""
