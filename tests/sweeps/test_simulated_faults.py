"""A sweep under schedules of faults, in virtual time: whatever happens, a quiet run completes the undisturbed ledger."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulation import a_folder
from simulation_faults import FAULTS, HORIZON, Fault, Plan, Seen, simulate

LONG = os.environ.get("GANBENCH_SCHEDULES")
"""How many schedules the documented long run draws (``make test-faults``), anew from a seed that it prints."""

MARKETS = st.sampled_from(["spot", "on-demand"])
ANY_FAULT = st.builds(
    Fault, st.sampled_from(sorted(FAULTS)), st.integers(0, HORIZON), st.integers(0, 9), st.integers(0, 99)
)
PLANS = st.builds(
    Plan,
    cells=st.integers(1, 4),
    seeds=st.sampled_from([1, 2, 3, 8]),  # of eight more wait than a window holds
    machines=st.lists(MARKETS, max_size=3).map(tuple),
    labels=st.booleans(),
    compact_from=st.sampled_from([1000, 2, 4]),
    pack=st.sampled_from([1, 2, 4]),
    faults=st.lists(ANY_FAULT, max_size=12).map(tuple),
)


def a_plan(cells: int, seeds: int, machines: str, *faults: tuple[str, int, int, int]) -> Plan:
    return Plan(cells, seeds, tuple(machines.split()), labels=False, faults=tuple(Fault(*fault) for fault in faults))


SPOILT = ("dies_writing", 165, 0, 84), ("record_spoilt", 218, 0, 24), ("disk_full", 250, 1, 2)
SICK = ("sick_device", 36, 1, 91), ("signalled", 40, 8, 51), ("node_dies", 178, 6, 0), ("device_hangs", 263, 1, 0)
COVER = [
    a_plan(3, 3, "spot", ("partition", 6, 2, 72), ("process_dies", 88, 3, 31), *SPOILT),
    a_plan(1, 1, "on-demand on-demand", *SICK),
    a_plan(1, 1, "on-demand spot", ("thirsty", 0, 8, 4), ("head_gone", 17, 5, 44), ("greedy", 142, 6, 82)),
    a_plan(1, 1, "", ("device_hangs", 42, 1, 60), ("broken", 79, 9, 89)),
    a_plan(3, 8, "", ("sick_device", 84, 4, 92), ("checkpoint_spoilt", 128, 7, 2), ("other_version", 249, 2, 4)),
    a_plan(1, 1, "spot spot", ("notice", 123, 0, 16)),
]
"""In which together everything is met that is to be met."""

TO_BE_MET = {
    "a device hangs",
    "a fault of ours",
    "a hook does not return",
    "asked to stop",
    "a hook met a failing device or system",
    "came to its end unheard",
    "checkpoint spoilt",
    "device or system failed",
    "ClusterError",
    "done",
    "held",
    "killed: node lost",
    "killed: out of memory",
    "killed: process killed",
    "killed: while it wrote",
    "machine taken away",
    "node not fit",
    "out of memory",
    "plugin cannot be used here",
    "record spoilt",
    "results cannot be written",
    "signalled",
    "zombies",
}


RARE = {"sync: TrackingError"}
"""Met in long runs only, for sure."""


def play(plan: Plan) -> Seen:
    with a_folder() as folder:
        return simulate(plan, folder / "ledger")


@pytest.mark.parametrize("schedules", [40, pytest.param(260, marks=pytest.mark.long)])
def test_after_any_faults_a_quiet_run_completes_the_undisturbed_ledger(schedules):
    met: Counter[str] = Counter()

    @settings(
        max_examples=int(LONG or schedules),
        deadline=None,
        derandomize=LONG is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(PLANS)
    def holds(plan: Plan) -> None:
        met.update(play(plan).happened)

    if not LONG:
        for plan in COVER:
            met.update(play(plan).happened)
    holds()
    print("schedules in which each of these was met:", dict(sorted(met.items())))
    wanted = TO_BE_MET | RARE if LONG else TO_BE_MET
    assert met.keys() >= wanted, f"never met: {wanted - met.keys()}"


def test_where_nothing_goes_wrong_every_trial_is_done_once():
    seen = play(Plan(cells=4, seeds=3, machines=("spot", "on-demand"), compact_from=4))
    assert seen.happened == {"done"}


def test_what_finds_no_memory_beside_others_is_tried_alone_before_it_counts():
    faults = (Fault("greedy", 0, 1), Fault("greedy", 0, 2))
    seen = play(Plan(cells=3, seeds=8, pack=4, faults=faults))
    assert seen.happened == {"done", "out of memory beside others", "out of memory"}


def test_a_schedule_is_repeated_exactly():
    faults = tuple(Fault(kind, 20 * number, number, 7 * number) for number, kind in enumerate(sorted(FAULTS)))
    plan = Plan(cells=4, seeds=2, machines=("spot", "spot"), compact_from=2, pack=3, faults=faults)
    first = play(plan)
    assert first.happened > {"done"}
    assert play(plan) == first
