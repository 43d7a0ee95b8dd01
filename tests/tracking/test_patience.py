"""Asking again: for how long, after what, and never twice what must be done once."""

from __future__ import annotations

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE

from ganbench.harness.tracking import Patience


class Clock:
    """Time that passes only while somebody sleeps, or a request takes long."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def patience(self, seconds: float = 20.0) -> Patience:
        return Patience(seconds, clock=lambda: self.now, sleep=self.sleep)


def failing(
    times: int, code: int = INTERNAL_ERROR, then: object = "answer", clock: Clock | None = None, took: float = 0
):
    left = [times]

    def request() -> object:
        if clock is not None:
            clock.now += took
        if left[0] > 0:
            left[0] -= 1
            raise MlflowException("out of order", error_code=code)
        return then

    request.left = left
    return request


def test_what_passes_is_repeated_and_what_lasts_is_not():
    clock = Clock()
    assert clock.patience().ask(failing(5)) == "answer"
    assert 0 < clock.now <= 20
    with pytest.raises(MlflowException):
        clock.patience().ask(request := failing(1, INVALID_PARAMETER_VALUE))
    assert request() == "answer", "a refused request was sent again"


def test_it_ends_when_its_time_is_over():
    clock = Clock()
    with pytest.raises(MlflowException):
        clock.patience(20).ask(request := failing(1000))
    assert clock.now <= 20
    assert 5 < 1000 - request.left[0] < 12


def test_a_request_that_took_longer_than_that_is_not_sent_again():
    clock = Clock()
    with pytest.raises(MlflowException):
        clock.patience(20).ask(request := failing(1000, clock=clock, took=30))
    assert request.left[0] == 999 and clock.now == 30


def test_what_a_lost_answer_has_brought_about_is_found_and_not_made_again():
    made, clock = [], Clock()

    def create() -> str:
        made.append("run")
        raise MlflowException("the connection broke")

    assert clock.patience().ask(create, done=lambda: made[0] if made else None) == "run"
    assert made == ["run"]


def test_it_is_looked_for_only_after_a_failure_and_the_look_may_fail_too():
    clock, looks = Clock(), []
    look = failing(2, then=None)

    def done() -> object:
        looks.append(clock.now)
        return look()

    assert clock.patience().ask(failing(0), done) == "answer" and looks == []
    assert clock.patience().ask(failing(1), done) == "answer"
    assert len(looks) == 3 and looks == sorted(set(looks))
