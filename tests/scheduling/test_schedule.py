"""The scheduler: what a cluster is given, when, and what becomes of a trial whose machine is lost."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cells import a_cell

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.errors import ClusterError
from ganbench.harness.scheduling.duration import Durations
from ganbench.harness.scheduling.endings import (
    FAULT,
    GPU_MEMORY,
    MEMORY,
    NODE,
    PLUGIN,
    STOPPED,
    UNFIT,
    WORKER,
    Done,
    Ending,
    Failed,
    Kind,
    Lost,
    Note,
    Retried,
)
from ganbench.harness.scheduling.health import AVOID_SECONDS, STRIKES
from ganbench.harness.scheduling.order import ordered
from ganbench.harness.scheduling.schedule import LEAST_WINDOW, Node, Schedule, Submission

CPU = Resources(1)
TEN = (Node("n", Resources(10, 0, 64)),)


@pytest.fixture(scope="module")
def cell() -> Cell:
    return a_cell()


def trials(cell: Cell, count: int, resources: Resources = CPU) -> list[Trial]:
    return [Trial(replace(cell, resources=resources), 0, seed) for seed in range(count)]


def done(submission: Submission, seconds: float = 60.0) -> list[Ending]:
    return [Done(attempt.trial.id, "stable", (), seconds, True) for attempt in submission.attempts]


def failed(submission: Submission, kind: Kind, node: str | None = None) -> list[Ending]:
    return [Failed(kind, "because", node)] * len(submission.attempts)


def given(schedule: Schedule, nodes: Sequence[Node], now: float = 0.0) -> list[Submission]:
    return list(schedule.submissions(nodes, now))


def after(schedule: Schedule, submission: Submission, endings: list[Ending], now: float = 0.0) -> list[object]:
    return list(schedule.ended(submission, endings, now))


# --- what is given when -----------------------------------------------------------------------------------------------


def test_a_cluster_is_given_twice_what_it_has_room_for_and_more_as_that_ends(cell):
    schedule = Schedule(trials(cell, 100))
    first = given(schedule, TEN)
    assert len(first) == 20
    assert given(schedule, TEN) == []
    after(schedule, first[0], done(first[0]))
    assert len(given(schedule, TEN)) == 1


def test_a_cluster_without_room_is_given_a_few_so_that_it_grows_and_its_operator_is_told(cell):
    schedule = Schedule(trials(cell, 100, Resources(1, 0.5)))
    assert len(given(schedule, TEN)) == LEAST_WINDOW
    (note,) = schedule.notes()
    assert note == Note("no node offers 1 CPU, 0.5 GPU yet; trials that need it wait for one")
    given(schedule, TEN)
    assert schedule.notes() == []


def test_of_shapes_together_a_cluster_is_given_no_more_than_the_jobs_that_were_asked_for(cell):
    mixed = trials(cell, 50) + [
        Trial(replace(cell, resources=Resources(1, 0.25), steps=21), 0, seed) for seed in range(50)
    ]
    schedule, node = Schedule(mixed, jobs=3), (Node("g", Resources(4, 2, 64)),)
    first = given(schedule, node)
    assert len(first) == 3 and given(schedule, node) == []
    after(schedule, first[0], done(first[0]))
    assert len(given(schedule, node)) == 1


def test_what_waits_for_a_node_that_is_not_there_keeps_no_job_from_others(cell):
    mixed = trials(cell, 9) + [Trial(replace(cell, resources=Resources(1, 1)), 0, seed) for seed in range(9)]
    shapes = Counter(submission.resources for submission in given(Schedule(mixed, jobs=2), TEN))
    assert shapes == {Resources(1): 2, Resources(1, 1): 1}


def test_each_shape_has_a_window_of_its_own(cell):
    mixed = trials(cell, 50) + [
        Trial(replace(cell, resources=Resources(1, 0.25), steps=21), 0, seed) for seed in range(50)
    ]
    node = Node("g", Resources(4, 2, 64))
    shapes = Counter(submission.resources for submission in given(Schedule(mixed), (node,)))
    assert shapes == {Resources(1, 0.25): 8, Resources(1): 8}


@pytest.mark.parametrize(
    ("has", "need", "slots"),
    [
        (Resources(4, 2), Resources(1, 0.3), 4),
        (Resources(64, 2), Resources(1, 0.3), 6),  # three on each GPU
        (Resources(64, 2), Resources(1, 0.4), 4),  # two on each: no trial is on two
        (Resources(64, 8), Resources(4, 1), 8),
        (Resources(3, 8), Resources(4, 1), 0),
        (Resources(0.3, 0), Resources(0.1), 3),
        (Resources(8, 0, 10), Resources(1, 0, 4), 2),
        (Resources(8, 0, 10), Resources(1, 0, 0), 8),
    ],
)
def test_a_node_has_room_for_what_its_scarcest_resource_allows(has, need, slots):
    assert has.slots(need) == slots


def test_short_trials_share_a_task_and_long_ones_do_not(cell):
    for seconds, together in ((0.01, 24), (0.15, 2), (0.3, 1), (60.0, 1)):
        durations = Durations({cell.id: (3, 3 * seconds)})
        first = given(Schedule(trials(cell, 500), durations), TEN)[0]
        assert len(first.attempts) == together, seconds  # a fiftieth of a second is a twentieth of 0.4


def test_nothing_shares_a_task_before_it_is_known_how_long_it_takes(cell):
    assert {len(submission.attempts) for submission in given(Schedule(trials(cell, 500)), TEN)} == {1}


def test_a_gpu_s_start_up_is_shared_by_trials_of_a_minute(cell):
    durations = Durations({cell.id: (1, 60.0)})
    node = Node("g", Resources(8, 4))
    first = given(Schedule(trials(cell, 500, Resources(1, 1)), durations), (node,))[0]
    assert len(first.attempts) == 3  # 10 s of start-up are a twentieth of 200 s


def test_towards_the_end_tasks_are_small_so_that_all_slots_end_together(cell):
    durations = Durations({cell.id: (1, 0.001)})
    schedule = Schedule(trials(cell, 300), durations)
    sizes = []
    while schedule.unfinished:
        for submission in given(schedule, TEN):
            sizes.append(len(submission.attempts))
            after(schedule, submission, done(submission, 0.001))
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (14, 1)


def test_the_longest_trials_come_first_and_pairs_stay_together():
    cells = [a_cell(normalizer=name, steps=steps) for steps in (20, 90) for name in ("none", "spectral_norm", "bssn")]
    order = ordered(
        [Trial(cell, 0, seed) for seed in range(4) for cell in cells],
        Durations().guess(cells),
    )
    assert [(trial.cell.steps, trial.seed) for trial in order] == [
        (steps, seed) for steps in (90, 20) for seed in range(4) for _ in range(3)
    ]
    firsts = {tuple(trial.cell.normalizer.name for trial in order[start : start + 3]) for start in range(0, 24, 3)}
    assert len(firsts) > 1, "an order drawn anew for each seed"


def test_what_is_expected_of_a_cell_comes_from_its_own_trials_or_from_its_likes(cell):
    twice, other = replace(cell, steps=40), a_cell(dataset="grid25")
    guess = Durations({cell.id: (2, 10.0)}).guess([cell, twice, other])
    assert guess == {cell.id: 5.0, twice.id: 10.0, other.id: 5.0}
    fresh = Durations().guess([cell, twice])
    assert fresh[twice.id] == 2 * fresh[cell.id]


# --- what becomes of a lost trial -------------------------------------------------------------------------------------


def lose(schedule: Schedule, kind: Kind, times: int, nodes: Sequence[Node] = TEN) -> tuple[list[object], list[float]]:
    """Lose a schedule's only trial over and over; return the events, and when it was given out."""
    events, starts, now = [], [], 0.0
    for _ in range(times):
        submissions = given(schedule, nodes, now)
        while not submissions and schedule.unfinished:
            now += 0.25
            submissions = given(schedule, nodes, now)
        if not submissions:
            break
        starts.append(now)
        events += after(schedule, submissions[0], failed(submissions[0], kind), now)
    return events, starts


def test_a_lost_trial_is_tried_again_later_and_later_and_given_up_in_the_end(cell):
    events, starts = lose(Schedule(trials(cell, 1)), NODE, 100)
    assert [type(event) for event in events] == [Retried] * NODE.budget + [Lost]
    assert "given up after 21 attempts; the last: because" in events[-1].reason
    waits = [later - sooner for sooner, later in itertools.pairwise(starts)]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(waits[6:]) == {60}


def test_a_trial_that_kills_its_process_every_time_is_given_up_within_minutes_with_its_normalizer(cell):
    events, starts = lose(Schedule(trials(cell, 1)), WORKER, 100)
    assert (len(starts), events[-1].normalizer) == (7, cell.normalizer.label())
    assert starts[-1] - starts[0] < 120


def test_a_plugin_that_a_node_cannot_use_is_tried_elsewhere_and_the_node_is_not_rested(cell):
    events, _ = lose(Schedule(trials(cell, 1)), PLUGIN, 100)
    assert [type(event) for event in events] == [Retried] * 3 + [Lost]
    assert not any(isinstance(event, Note) for event in events)


def test_a_fault_of_ours_is_not_tried_again_and_others_go_on(cell):
    schedule = Schedule(trials(cell, 2))
    first, second = given(schedule, TEN)
    assert after(schedule, first, failed(first, FAULT)) == [
        Lost(first.attempts[0].trial.id, "because", cell.normalizer.label())
    ]
    assert isinstance(after(schedule, second, done(second))[0], Done)
    assert not schedule.unfinished


def test_a_trial_that_was_asked_to_stop_goes_on_next_time(cell):
    schedule = Schedule(trials(cell, 1))
    (only,) = given(schedule, TEN)
    (event,) = after(schedule, only, failed(only, STOPPED))
    assert event.reason == "because; the same command goes on from there"
    assert not schedule.unfinished


def test_a_drained_schedule_begins_nothing_more_and_waits_for_what_is_under_way(cell):
    schedule = Schedule(trials(cell, 100))
    flying = given(schedule, TEN)
    schedule.drain()
    assert given(schedule, TEN) == []
    for submission in flying:
        assert schedule.unfinished
        after(schedule, submission, done(submission))
    assert not schedule.unfinished


def test_after_two_nodes_a_trial_is_kept_off_spot_nodes_where_nodes_say_what_they_are(cell):
    labelled = (Node("a", Resources(4), "spot"), Node("b", Resources(4), "on-demand"))
    for nodes, expected in ((labelled, [False, False, True]), (TEN, [False, False, False])):
        schedule, steady = Schedule(trials(cell, 1)), []
        for now in (0.0, 100.0, 200.0):
            (submission,) = given(schedule, nodes, now)
            steady.append(submission.steady)
            after(schedule, submission, failed(submission, NODE), now)
        assert steady == expected


def test_after_running_out_of_memory_a_trial_gets_twice_as_much_until_no_node_has_it(cell):
    schedule, asked = Schedule(trials(cell, 1, Resources(1, 0, 10))), []
    now = 0.0
    while schedule.unfinished:
        for submission in given(schedule, TEN, now):
            asked.append(submission.resources.memory)
            events = after(schedule, submission, failed(submission, MEMORY), now)
        now += 100
    assert asked == [10, 20, 40]
    reason = "because; no node has more than 1 CPU, 40 GiB"
    assert events == [Lost(submission.attempts[0].trial.id, reason, cell.normalizer.label())]
    undeclared = Schedule(trials(cell, 1))
    (submission,) = given(undeclared, TEN)
    after(undeclared, submission, failed(submission, MEMORY))
    assert given(undeclared, TEN, 100.0)[0].resources == Resources(1, 0, 4)


def test_after_a_gpu_had_no_memory_a_trial_gets_twice_the_share_of_one_and_no_more_of_the_machines(cell):
    schedule, asked = Schedule(trials(cell, 1, Resources(1, 0.4, 10))), []
    node = [replace(TEN[0], has=Resources(10, 1, 64))]
    now = 0.0
    while schedule.unfinished:
        for submission in given(schedule, node, now):
            asked.append((submission.resources.gpus, submission.resources.memory))
            after(schedule, submission, failed(submission, GPU_MEMORY), now)
        now += 100
    assert asked == [(0.4, 10), (0.8, 10), (1, 10), (1, 10)]


def test_a_trial_that_was_lost_runs_alone_and_its_companions_are_not_charged_for_what_they_did_not_do(cell):
    schedule = Schedule(trials(cell, 400), Durations({cell.id: (1, 0.01)}))
    first = given(schedule, TEN)[0]
    assert len(first.attempts) > 1
    events = after(schedule, first, [*done(first)[:1], *failed(first, WORKER)[1:]])
    assert [type(event) for event in events] == [Done] + [Retried] * (len(first.attempts) - 1)
    again = [submission for submission in given(schedule, TEN, 100.0) if submission.attempts[0].number == 2]
    assert again and {len(submission.attempts) for submission in again} == {1}


def test_a_node_that_fails_trial_after_trial_gets_no_more_for_a_while(cell):
    nodes = (Node("bad", Resources(5)), Node("good", Resources(5)))
    schedule = Schedule(trials(cell, 50))
    events = []
    for submission in given(schedule, nodes)[:STRIKES]:
        assert submission.avoid == frozenset()
        events += after(schedule, submission, failed(submission, UNFIT, "bad"))
    assert Note("node bad gets no trials for 10 minutes: because") in events
    later = given(schedule, nodes, 2.0)
    assert later == [], "there is room for half as many"
    for now, avoided in ((3.0, {"bad"}), (AVOID_SECONDS + 1, set())):
        schedule._flying.clear()  # as if all had ended
        assert {submission.avoid for submission in given(schedule, nodes, now)} == {frozenset(avoided)}


def test_a_trial_kept_off_spot_nodes_waits_while_all_others_are_not_fit(cell):
    """Given out meanwhile it would be told to avoid them, and wait for ever: tasks keep what they were told."""
    nodes = (Node("lasting", Resources(4)), Node("spot", Resources(4), "spot"))
    schedule = Schedule(trials(cell, 1))
    for now in range(0, 500, 100):
        (submission,) = given(schedule, nodes, float(now))
        kind, node = (NODE, None) if now < 200 else (UNFIT, "lasting")
        after(schedule, submission, failed(submission, kind, node), float(now))
    assert submission.steady
    assert given(schedule, nodes, 900.0) == []
    (submission,) = given(schedule, nodes, 400.0 + AVOID_SECONDS)
    assert submission.steady and not submission.avoid


def test_a_sweep_whose_every_node_is_unfit_ends_with_the_reason(cell):
    schedule = Schedule(trials(cell, 50))
    nodes = (Node("n", Resources(2)),)
    with pytest.raises(ClusterError, match="no node is fit for 1 CPU; the last reason: because"):
        for now in range(1000):
            for submission in given(schedule, nodes, float(now)):
                after(schedule, submission, failed(submission, UNFIT, "n"), float(now))


@pytest.mark.parametrize("patient", [True, False])
def test_an_unfit_node_that_only_some_trials_need_does_not_end_the_others(cell, patient):
    on_gpu = trials(replace(cell, steps=21), 5, Resources(1, 1))
    nodes = (Node("gpu", Resources(4, 1)), Node("cpu", Resources(4)))
    schedule = Schedule([*trials(cell, 5), *on_gpu])
    first = given(schedule, nodes)
    for submission in first:
        if submission.resources.gpus:
            after(schedule, submission, failed(submission, UNFIT, "gpu"))
    assert given(schedule, nodes, 100.0) == [], "those without a GPU are still under way"
    if patient:
        again = given(schedule, nodes, AVOID_SECONDS + 1)
        assert [submission.resources.gpus for submission in again] == [1] * 5
        return
    for submission in first:
        if not submission.resources.gpus:
            after(schedule, submission, done(submission), 100.0)
    with pytest.raises(ClusterError, match="no node is fit for 1 CPU, 1 GPU"):
        given(schedule, nodes, 100.0)


def test_a_result_is_never_tried_again_however_bad_it_is(cell):
    schedule = Schedule(trials(cell, 1))
    (only,) = given(schedule, TEN)
    bad = Done(only.attempts[0].trial.id, "method_error", ("out of memory",), 1.0, True)
    assert after(schedule, only, [bad]) == [bad]
    assert not schedule.unfinished
