"""The pages beside the leaderboard: one for every cell, every setting and every normalizer.

names.py      where they stand; cheap to import
view.py       a cell with all that belongs to it
panels.py     the charts
rendering.py  evidence and templates become text
writing.py    text becomes files
"""

from ganbench.reports.pages.names import cell_href, normalizer_href, seed_href, setting_href

__all__ = ["cell_href", "normalizer_href", "seed_href", "setting_href"]
