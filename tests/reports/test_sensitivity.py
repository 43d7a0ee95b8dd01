"""A board judged again: at a part of its budget, and by changed thresholds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from in_process import ganbench_here, printed
from tracked import make_trace

from ganbench import read_ledger
from ganbench.harness.stability import judge, load_definition
from ganbench.harness.traces.cutting import cut
from ganbench.reports import leaderboard
from ganbench.reports.board import build
from ganbench.reports.formats.badge import normalizer_badge
from ganbench.reports.sensitivity.comparing import compared, healed, transitions
from ganbench.reports.sensitivity.rejudging import rejudged
from ganbench.reports.sensitivity.variants import PLAUSIBLE, Variant, variants
from ganbench.reports.tryout import notes

BOARDS = sorted((Path(__file__).parents[2] / "docs" / "leaderboards").glob("*/ledger"))
DEFINITION = load_definition(3)
FULL, HALF = Variant("budget", 1.0, DEFINITION), Variant("budget", 0.5, DEFINITION, 0.5)


@pytest.fixture(scope="module")
def published() -> tuple[Counter, list]:
    """How outcomes move from half of the budget to its end over all published boards, and how claims do."""
    moved, claims = Counter(), []
    for ledger in BOARDS:
        full, half = rejudged(read_ledger(ledger), [FULL, HALF])
        moved += transitions(half.verdicts, full.verdicts)
        claims.append(compared(build(half.evidence), build(full.evidence)))
    return moved, claims


def test_what_broke_by_half_of_the_budget_is_hardly_ever_stable_at_the_end(published):
    share = healed(published[0], ["broke"])
    assert share.of >= 50
    assert share.count <= 0.05 * share.of


def test_what_has_not_learnt_by_half_of_the_budget_is_seldom_stable_at_the_end(published):
    share = healed(published[0], ["not_learnt"])
    assert share.of >= 100
    assert share.count <= 0.2 * share.of


def test_no_claim_at_half_of_the_budget_is_reversed_at_the_end(published):
    assert sum(claims.reversed for claims in published[1]) == 0


def test_what_is_stable_at_half_of_the_budget_stays_so(published):
    """Not asked, and a sign that early verdicts are no accident."""
    stable = {late: count for (early, late), count in published[0].items() if early == "stable"}
    assert sum(stable.values()) >= 15
    assert stable["stable"] >= 0.9 * sum(stable.values())


def test_a_cut_trace_has_nothing_of_after_the_cut():
    whole = make_trace()
    half = cut(whole, 0.5)
    assert (half.budget, half.stopped) == (whole.budget // 2, whole.budget // 2)
    columns = [(half.steps, half.scalars), (half.evaluation_steps, half.evaluations)]
    for steps, series in columns:
        assert steps.max() <= half.budget
        assert {len(column) for column in series.values()} == {len(steps)}
    assert half.probe_steps.max() <= half.budget
    assert all(len(half.steps_of(layer)) == len(layer.sigma) for layer in half.layers.values())
    for name, column in half.scalars.items():
        np.testing.assert_array_equal(column, whole.scalars[name][: len(column)])
    assert judge(cut(whole, 1.0), DEFINITION) == judge(whole, DEFINITION)


def test_each_threshold_is_varied_around_the_published_one():
    values, ways = DEFINITION.model_dump(), list(variants(DEFINITION))
    assert ways[0] == FULL
    for what, plausible in PLAUSIBLE.items():
        rule, parameter = what.split(".")
        assert min(plausible) <= values[rule][parameter] <= max(plausible)
        assert len([way for way in ways if way.what == what]) >= 2


def test_the_command_writes_the_page_and_prints_the_summary(tmp_path):
    ledger = next(path for path in BOARDS if path.parent.name == "weight-norm-small")
    found = ganbench_here("sensitivity", ledger, "--out", tmp_path / "page.md")
    assert found.exit_code == 0, printed(found)
    page = (tmp_path / "page.md").read_text()
    assert "| broke |" in printed(found)
    assert "| loss.factor | 1.5 |" in page
    refused = ganbench_here("sensitivity", ledger, "--definition", "2", "--out", tmp_path / "page.md")
    assert "definition 2 has no undecided outcome" in str(refused.exception)


def test_doubts_say_what_was_tried_and_on_which_levels(ledgers):
    points = [(f"s{place}", ledgers.points) for place in range(7)]
    page = leaderboard(ledgers({"v": ("....",) * 7, "w": ("cccc",) * 7}, settings=points))
    assert page.evidence.definition.evidence is None
    assert page.contents.doubts == (
        "Judged at half of the budget, no claim is reversed, and 1 of 1, and on settings like these 1 of 1, are made then,"
        " too."
    )


def test_a_claim_that_half_of_the_budget_reverses_is_firm_nowhere(ledgers):
    """v is of poor quality until step 60, and w diverges after step 70."""

    def late(record):
        trace, poor = record.trace, record.spec["cell"]["normalizer"]["name"] == "v"
        shares = np.where(np.array(trace.evaluation_steps) <= 60 * poor, 0.02, 0.9)
        gradient = np.where(np.array(trace.steps) < 70 + 99 * poor, 1.5, np.nan)
        evaluations = {**trace.evaluations, "high_quality_share": shares}
        return ledgers.retraced(record, evaluations=evaluations, scalars={**trace.scalars, "d_grad_norm": gradient})

    page = leaderboard(ledgers({"v": ("." * 8,), "w": ("d" * 8,)}, baseline="w", change=late))
    said = (
        "Not to be relied on: judged at half of the budget, these claims are reversed: v fails less often than w at half of"
        " the budget."
    )
    assert page.board.pairs[0].significant and page.board.pairs[0].better == "v"
    for name in "vw":
        badge = normalizer_badge(page.evidence, page.board, name, page.reversed_claims)
        assert badge.colour == "provisional" and badge.value.endswith(" · provisional")
    assert page.headline().endswith(f". {said}") and notes(page) == [said]
    assert page.markdown().split("\n\n")[2].replace("*", "") == said
    assert 'class="caution">Not to be relied on' in page.html()
