"""A node that is set aside is named with its reason: by the status while it is, and on the page afterwards."""

from __future__ import annotations

import json

import pytest
from cells import a_cell
from tracked import make_ledger, make_record

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.ledger.unfit import nodes_aside, unfit_nodes
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import DEVICE, Done, Failed
from ganbench.harness.scheduling.schedule import Node
from ganbench.harness.sweeps.status import in_words, status
from ganbench.harness.sweeps.unfit import UnfitNodes
from ganbench.reports.evidence.gathering import gather

SAID = "device or system failed: CUDA error: uncorrectable ECC error"


class SickCluster:
    """Two nodes; what runs on the first one fails, until it is well."""

    def __init__(self) -> None:
        self.flying, self.well = [], False

    def nodes(self):
        return NODES

    def submit(self, submission) -> None:
        self.flying.append(submission)

    def wait(self, seconds):
        task = self.flying.pop(0)
        if "a" in task.avoid or self.well:
            return [(task, [Done(task.attempts[0].trial.id, "stable", (), 1.0, True, node="b", host="well")])]
        return [(task, [Failed(DEVICE, SAID, "a", host="sick")])]


NODES = [Node("a", Resources(1)), Node("b", Resources(1))]


@pytest.fixture
def ledger(tmp_path):
    return make_ledger(tmp_path / "out", make_record())


def play(ledger, cluster: SickCluster, step: int = 40):
    unfit = UnfitNodes(ledger.storage, clock=iter(range(10**6)).__next__)
    trials = [Trial(a_cell(), 0, seed) for seed in range(60)]
    round_ = Round(trials, str, observe=unfit.observe)
    for _ in drive(round_, cluster, iter(range(0, 10**6, step)).__next__):
        yield


def test_while_a_node_is_set_aside_the_status_says_so_and_why(ledger):
    cluster = SickCluster()
    seen = []
    for _ in play(ledger, cluster):
        lines = [line for line in in_words(status(ledger)) if "no trials now" in line]
        seen += lines if lines not in ([], seen[-1:]) else []
        cluster.well = cluster.well or bool(lines)
    assert seen == [f"node sick gets no trials now: {SAID}"]
    assert not nodes_aside(ledger.storage), "it was given trials again"
    assert [line.reason for line in unfit_nodes(ledger.storage)] == [SAID, ""]


def test_programs_get_it_too(ledger):
    next(item for item in play(ledger, SickCluster()) if nodes_aside(ledger.storage))
    (node,) = json.loads(json.dumps(status(ledger).to_json()))["unfit"]
    assert (node["node"], node["host"], node["reason"]) == ("a", "sick", SAID)


def test_the_page_says_it_without_the_name_of_a_machine(ledger):
    from ganbench.reports.board import build
    from ganbench.reports.wording.measured import facts

    for _ in play(ledger, SickCluster(), step=400):
        pass
    evidence = gather(ledger)
    (fact,) = [fact for fact in facts(evidence, build(evidence)) if fact.term == "Nodes set aside"]
    assert "uncorrectable ECC error" in fact.lines[0] and "times; what failed there ran again" in fact.lines[0]
    assert "sick" not in fact.lines[0]


def test_what_a_killed_sweep_left_is_taken_back_by_the_next_one(ledger):
    next(item for item in play(ledger, SickCluster()) if nodes_aside(ledger.storage))
    UnfitNodes(ledger.storage).observe([], {})
    assert not nodes_aside(ledger.storage)


def test_the_plan_that_a_sweep_writes_holds_none_of_it(ledger):
    next(item for item in play(ledger, SickCluster()) if nodes_aside(ledger.storage))
    plan = ledger.plan()
    assert plan["unfit"] == [("a", SAID)]
    ledger.write_plan(plan)
    assert "unfit" not in json.loads(ledger.storage.read("suite.json"))


def test_a_line_that_is_none_is_passed_over(ledger):
    ledger.storage.append("nodes.jsonl", '{"node": 3}')
    ledger.storage.append("nodes.jsonl", "nonsense")
    assert unfit_nodes(ledger.storage) == []
