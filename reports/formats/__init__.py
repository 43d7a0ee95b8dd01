"""The forms that a leaderboard is written in.

* ``html``: the page, with ``heat`` (its map of failures) and ``comparison_data`` (any two normalizers).
* ``markdown``, ``latex``: for a code host, a terminal, a paper.
* ``table``: CSV and Parquet.
* ``badge``: an SVG for a README.
"""
