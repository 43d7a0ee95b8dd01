"""Parameters of which a few are tested every day by turns, and all of them in ``make test-long``."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from datetime import date

import pytest
from _pytest.mark import ParameterSet

ROTATION = int(os.environ.setdefault("GANBENCH_ROTATION", str(date.today().toordinal())))
"""Which turn it is; in the environment, so that every process of a test run has the same."""


def of_today(names: Sequence[str], count: int) -> set[str]:
    """Return so many of some names, by turns."""
    return {names[(ROTATION * count + index) % len(names)] for index in range(count)}


def rotating(names: Sequence[str], fixed: Collection[str], count: int) -> list[ParameterSet]:
    """Return parameters: those fixed, which cover every kind, and a count of the others by turns; the rest are long."""
    always = {*fixed, *of_today([name for name in names if name not in fixed], count)}
    return [pytest.param(name, marks=[] if name in always else pytest.mark.long) for name in names]
