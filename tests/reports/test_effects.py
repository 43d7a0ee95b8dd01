"""What failures depend on: rates by the value of each hyperparameter that a suite drew, as numbers, picture and table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench import load_suite, run
from ganbench.harness.errors import LedgerError
from ganbench.harness.stability.verdict import UNDECIDED, Verdict
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.reports import Leaderboard, leaderboard
from ganbench.reports.board.effects import _edges, effects
from ganbench.reports.evidence.gathering import gather
from ganbench.reports.figures import draw
from ganbench.reports.formats.effects import effect_table

LOG = {"lr_d": {"log": [0.5, 10]}}
NAMES = ["x" * length for length in range(1, 9)]
"""Of settings: their length is the learning rate that the hand-made ledgers' specifications have, and their loss."""


def drawn_ledger(ledgers: Any, outcomes: Mapping[str, Sequence[str]], drawn: Mapping[str, Any], **rest: Any) -> Any:
    """Return a hand-made ledger whose settings have learning rates from 1 on, as if a suite had drawn them."""
    ledger = ledgers(outcomes, settings=[(name, ledgers.points) for name in NAMES], **rest)
    plan = ledger.plan()
    ledger.write_plan(plan | {"cells": [cell | {"drawn": drawn} for cell in plan["cells"]]})
    return ledger


RATES = {"a": ("..", "..", "..", "c.", "..", "cc", "cc", "cc"), "b": ("..",) * 8}


def test_a_range_has_four_bins_of_equal_counts_with_short_edges(ledgers):
    (effect,) = effects(gather(drawn_ledger(ledgers, RATES, LOG)))
    assert (effect.key, effect.tied, effect.ranged) == ("lr_d", (), True)
    assert [item.ends for item in effect.bins] == [(0.5, 3), (3, 5), (5, 7), (7, 10)]
    assert [item.settings for item in effect.bins] == [2, 2, 2, 2]


def test_rates_are_failed_of_decided_and_a_setting_is_one_observation(ledgers):
    (effect,) = effects(gather(drawn_ledger(ledgers, RATES, LOG)))
    counts = [item.rates["a"].count for item in effect.bins]
    assert [(found.unstable, found.decided, found.rate) for found in counts] == [
        (0, 4, 0), (1, 4, 0.25), (2, 4, 0.5), (4, 4, 1)
    ]  # fmt: skip
    assert [(found.low, found.high) for found in counts] == [rate_interval(2 * found.rate, 2) for found in counts]
    assert all(item.rates["b"].count.rate == 0 for item in effect.bins)


def test_cells_without_decided_trials_are_left_out(ledgers):
    evidence = gather(drawn_ledger(ledgers, {"a": ("  ", "..", "cc", *["  "] * 5)}, LOG))
    undecided = evidence.groups[2].cells["a"]
    results = {seed: replace(item, verdict=Verdict(UNDECIDED, 3)) for seed, item in evidence.results[undecided].items()}
    (effect,) = effects(replace(evidence, results=evidence.results | {undecided: results}))
    rates = [item.rates["a"] for item in effect.bins]
    assert [(found.settings, found.count.unstable, found.count.decided) for found in rates] == [
        (1, 0, 2), (0, 0, 0), (0, 0, 0), (0, 0, 0)
    ]  # fmt: skip
    assert [item.settings for item in effect.bins] == [2, 2, 2, 2]


def test_a_list_has_a_bin_for_each_value_numbers_rising(ledgers):
    lists = {"loss": NAMES[::-1], "lr_d": [float(number) for number in range(8, 0, -1)]}
    loss, rate = effects(gather(drawn_ledger(ledgers, RATES, lists)))
    assert [item.ends for item in loss.bins] == [(name,) for name in NAMES]
    assert [item.ends for item in rate.bins] == [(number,) for number in range(1, 9)]
    assert [item.rates["a"].count.rate for item in rate.bins] == [0, 0, 0, 0.5, 0, 1, 1, 1]


def test_keys_that_are_tied_have_one_effect(ledgers):
    found = effects(gather(drawn_ledger(ledgers, RATES, LOG | {"steps": {"same": "lr_d"}})))
    assert [(effect.key, effect.tied) for effect in found] == [("lr_d", ("steps",))]


def test_a_plan_whose_values_are_not_in_its_specifications_is_refused(ledgers):
    for drawn, said in (
        ({"lr_x": [1]}, "lr_x: is not in the specification"),
        ({"loss": {"log": [1, 2]}}, "loss: expected a number, found 'x'"),
        ({"lr_d": {"same": "lr_g"}}, "lr_d: same: expected another key"),
    ):
        with pytest.raises(LedgerError, match=said):
            gather(drawn_ledger(ledgers, RATES, drawn))


numbers = st.lists(st.integers(1, 999).map(lambda number: number / 1000), min_size=1, max_size=40).map(sorted)


@given(numbers)
def test_equal_values_are_in_one_bin_and_bins_are_as_equal_as_they_can_be(values):
    edges = _edges(values)
    assert edges == sorted(set(edges)) and len(edges) <= 3
    sizes = [sum(sum(edge <= value for edge in edges) == place for value in values) for place in range(len(edges) + 1)]
    assert all(sizes)
    if len(set(values)) == len(values):
        assert len(sizes) == min(4, len(values))
        assert max(sizes) - min(sizes) <= 1


LOOKS_AT_PAPER = True

# --- the picture and the table ----------------------------------------------------------------------------------------

HOSTILE = {"_a": RATES["a"], "$x$ <i>|`": RATES["b"], "": RATES["a"]}
LISTS = {"loss": NAMES}


@pytest.fixture(scope="module")
def page(shared):
    return leaderboard(drawn_ledger(shared, HOSTILE, LOG | LISTS))


def test_every_hyperparameter_has_a_panel_with_its_values_and_every_name_is_there(page):
    (drawing,) = [drawing for drawing in draw(page.evidence, page.board) if drawing.name == "effects"]
    (part,) = drawing.parts
    texts = [item.text for item in ElementTree.fromstring(part.svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {"lr_d", "loss", "0.5", "3", "5", "7", "10", *NAMES, "_a", "$x$ <i>|`"} <= set(texts)
    assert texts.count("2") == 4 and texts.count("1") == 8  # settings
    assert not drawing.on_page  # it has a section of its own


def test_the_picture_has_the_same_bytes_again(page):
    def pictures() -> dict[str, bytes]:
        (part,) = next(item for item in draw(page.evidence, page.board) if item.name == "effects").parts
        return part.files()

    assert [*pictures()] == ["effects.svg", "effects.pdf"]
    assert pictures() == pictures()


def test_the_table_says_rates_and_how_many_settings_a_normalizer_lacks(ledgers):
    page = leaderboard(drawn_ledger(ledgers, {"a": RATES["a"], "b": ("cc", "  ", *["  "] * 6)}, LOG))
    table = effect_table(page.evidence, page.board)
    assert table.heads == ("hyperparameter", "values", "settings", "a", "b")
    assert table.rows[0] == ("lr_d", "0.5 to 3", "2", "0 % (at most 84 %)", "100 % (at least 3 %) in 1 setting")
    assert table.rows[3] == ("lr_d", "7 to 10", "2", "100 % (at least 16 %)", "–")


def test_a_suite_that_drew_nothing_has_no_such_section(shared):
    plain = leaderboard(shared(RATES, settings=[(name, shared.points) for name in NAMES]))
    assert effect_table(plain.evidence, plain.board) is None
    assert "What failures depend on" not in plain.markdown()
    assert 'id="effects"' not in plain.html()


# --- a suite from start to end ----------------------------------------------------------------------------------------

SUITE = """\
suite: drawn
version: 1
seeds: 1
definition: 2
normalizers: [none, spectral_norm]
grid:
  - dataset: {name: ring8, size: 500}
    architecture: {name: mlp, width: 8}
    metric: {name: mode_coverage, samples: 100}
    common: {steps: 4, batch_size: 8, evaluations: 2, log_points: 4, optimizer: adam}
    settings:
      draw: 3
      seed: 3
      from:
        lr_d: {log: [1e-5, 1e-3]}
        lr_g: {same: lr_d}
        optimizer.beta1: [0, 0.5]
"""


def reported(page: Leaderboard, out: Any) -> dict[str, str]:
    return {
        path.name: path.read_text() for path in page.write(out, pages=False) if path.suffix in (".md", ".html", ".svg")
    }


def test_a_drawn_suite_is_run_raised_and_reported(tmp_path):
    path = tmp_path / "drawn.yaml"
    path.write_text(SUITE)
    assert run(load_suite(path), tmp_path / "out", address="inline").committed == 6
    path.write_text(SUITE.replace("draw: 3", "draw: 4"))
    raised = run(load_suite(path), tmp_path / "out", address="inline")
    assert (raised.before, raised.committed) == (6, 2)
    page = leaderboard(tmp_path / "out")
    found = reported(page, tmp_path / "board")
    assert "| lr_d = lr_g | 1e-5 to " in found["leaderboard.md"]
    assert "| optimizer.beta1 | 0.5 |" in found["leaderboard.md"]
    section = found["leaderboard.html"].split('id="effects"')[1].split("<h2")[0]
    assert "<svg" in section and "lr_d = lr_g" in section and 'id="effect-table"' in section
    assert "lr_d = lr_g" in found["effects.svg"]
    assert [*page.evidence.groups[0].drawn] == ["lr_d", "lr_g", "optimizer.beta1"]
