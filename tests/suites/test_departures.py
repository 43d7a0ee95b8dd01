"""What a suite says of its departures is what the paper's code and the expanded cells differ in."""

from __future__ import annotations

import departures
import pytest

from ganbench.harness.planning.suite import load_suite

COMPARED = sorted(departures.configurations())


@pytest.mark.parametrize("suite", COMPARED)
def test_the_departures_that_a_suite_declares_are_those_that_it_has(suite):
    loaded = load_suite(suite)
    assert departures.declared(loaded.text) == departures.differing(suite, loaded.plan())
