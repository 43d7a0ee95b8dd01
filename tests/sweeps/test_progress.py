"""What a person sees of a sweep: done, failures by mode, rate, time left; live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from ganbench.harness.durations import duration
from ganbench.harness.scheduling.endings import Done, Lost, Retried
from ganbench.harness.sweeps import progress
from ganbench.harness.sweeps.progress import SweepDisplay, status_line
from ganbench.harness.sweeps.sweep import SweepReport


def report() -> SweepReport:
    made = SweepReport(planned=20, before=4)
    for index in range(6):
        made.add(Done(str(index), "unstable" if index < 3 else "stable", ("mode_collapse",) * (index < 3), 1.0, True))
    made.seconds = 12.0
    return made


def test_the_line_has_done_failures_by_mode_rate_and_time_left():
    expected = "10/20 trials · of 6 new: 3 unstable (mode collapse 3) · 30 a minute · 20 s left"
    assert status_line(report()) == expected


def test_the_line_counts_every_outcome_apart():
    made = SweepReport(planned=20, before=0)
    ends = [
        ("unstable", ("diverged", "lost_quality")),
        ("unstable", ("diverged",)),
        ("method_error", ("method_error",)),
    ]
    ends += [("not_learnt", ())] * 2 + [("undecided", ())] * 4 + [("stable", ())]
    for index, (outcome, modes) in enumerate(ends):
        made.add(Done(str(index), outcome, modes, 1.0, True))
    told = "of 10 new: 2 unstable (diverged 2, lost quality 1), 1 method error, 2 not learnt, 4 undecided"
    assert status_line(made) == f"10/20 trials · {told}"


def test_a_sweep_that_has_nothing_to_do_has_a_line_too():
    assert status_line(SweepReport(planned=4, before=4)) == "4/4 trials"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (240, "4 min"), (7200, "2.0 h"), (86400 * 3.1, "3.1 days")]
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def _shown(terminal: bool, monkeypatch) -> str:
    monkeypatch.setattr(progress, "PLAIN_EVERY_SECONDS", 0.0)
    out = io.StringIO()
    with SweepDisplay(Console(file=out, force_terminal=terminal, width=100)) as display:
        display(SweepReport(planned=20, before=4), None)
        made = report()
        display(made, Done("5", "stable", (), 1.0, True))
        made.add(Retried("6", "worker died"))
        display(made, Retried("6", "worker died"))
        made.add(Lost("7", "a [bug] of ours"))
        display(made, Lost("7", "a [bug] of ours"))
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_losses_and_retries_are_shown_on_a_terminal_and_in_a_log(terminal, monkeypatch):
    raw = _shown(terminal, monkeypatch)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", raw)
    assert "20 trials, 4 already committed, 16 to run" in shown
    assert "10/20 trials" in shown
    assert "queued again: worker died" in shown
    assert "a [bug] of ours" in shown
    assert ("\x1b[" in raw) == terminal


def test_a_lost_trial_is_missing_and_no_failure():
    made = report()
    made.add(Lost("9", "a bug"))
    assert (made.committed, made.outcomes, made.missing) == (6, {"stable": 3, "unstable": 3}, 10)
