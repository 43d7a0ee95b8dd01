"""What the GPU's path does, seen without a GPU: doubles stand for a step that does not repeat itself, and for streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import torch
from cells import a_cell, a_training
from torch import Tensor

from ganbench.harness.steps import program as programs_module
from ganbench.harness.steps.captured import CallTape, Captured
from ganbench.harness.steps.form import state_like, state_tensors
from ganbench.harness.steps.graph import StepGraph
from ganbench.harness.steps.program import WAYS, Programs
from ganbench.harness.steps.replayed import Run, replayed
from ganbench.harness.steps.step import Batch, Observations, State, StepFunction
from ganbench.harness.training.lanes import places
from ganbench.harness.training.training import Training

# --- a wrong program beside a plain step that does not repeat itself --------------------------------------------------


def jittering(plain: StepFunction, noise: float) -> StepFunction:
    """A step whose matrices are another time a little different, as sums in no fixed order make them."""

    def step(state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
        made, seen = plain(state, batch, observe)
        tensors = [
            tensor + noise * torch.randn_like(tensor) if tensor.dim() == 2 else tensor for tensor in state_tensors(made)
        ]
        return state_like(made, tensors), seen

    return step


WRONG: dict[str, Callable[[Tensor], Tensor]] = {
    "adds 0.01 to every matrix": lambda tensor: tensor + 0.01 if tensor.dim() == 2 else tensor,
    "makes every matrix 1 percent larger": lambda tensor: tensor * 1.01 if tensor.dim() == 2 else tensor,
    "turns the sign of every vector": lambda tensor: -tensor if tensor.dim() == 1 else tensor,
    "makes every matrix not finite": lambda tensor: tensor / 0 if tensor.dim() == 2 else tensor,
}


class Elsewhere(Tensor):
    """A tensor that says that it lies on a GPU; what is computed of it are tensors as they always are."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @property
    def device(self) -> torch.device:
        return torch.device("cuda")


@pytest.fixture
def trained(monkeypatch) -> Callable[[Callable[[Tensor], Tensor], float], Training]:
    """Train some steps by a program that is changed somehow, where the plain step jitters as on a GPU."""

    def train(change: Callable[[Tensor], Tensor], noise: float) -> Training:
        def changed(graph: StepGraph, example: list[Tensor]) -> Run:
            run = replayed(graph, example)
            return lambda tensors: [change(tensor) for tensor in run(tensors)]

        monkeypatch.setattr(programs_module, "WAYS", {"replayed": replace(WAYS["replayed"], make=changed)})
        training = a_training(a_cell(normalizer="spectral_norm"), programs=Programs("replayed", CallTape))
        training.step._plain = jittering(training.step._plain, noise)
        draw = training.draw

        def drawn(now: int) -> Batch:
            batch = draw(now)
            return replace(batch, real=batch.real.as_subclass(Elsewhere))

        monkeypatch.setattr(training, "draw", drawn)
        for _ in range(5):
            training.advance(False)
        return training

    return train


def test_a_right_program_is_used(trained):
    """The control of all that follows, also that it is the doubles' path that is taken."""
    training = trained(lambda tensor: tensor, 0.0)
    assert (training.mode, training.notes) == ("replayed", [])


def test_a_right_program_is_used_where_the_plain_step_does_not_repeat_itself(trained):
    assert trained(lambda tensor: tensor, 1e-6).mode == "replayed"


@pytest.mark.parametrize(
    ("what", "noise"),
    [
        pytest.param(what, noise, marks=[pytest.mark.long] if noise and place else [])
        for place, what in enumerate(WRONG)
        for noise in (0.0, 1e-8)
    ],
)
def test_a_wrong_program_is_found(what, noise, trained):
    training = trained(WRONG[what], noise)
    assert training.mode == "plain"
    assert training.notes


class StuckTape(CallTape):
    """A capture that went wrong: what it is asked to repeat it does not do."""

    def replay(self) -> None:
        pass


def test_a_capture_that_went_wrong_is_found_in_every_trial():
    tapes: list[type[CallTape]] = [CallTape]
    programs = Programs("replayed", lambda: tapes[-1]())
    cell = a_cell()
    first = a_training(cell, 0, programs=programs)
    for _ in range(5):
        first.advance(False)
    assert (first.mode, first.notes) == ("replayed", [])
    tapes.append(StuckTape)
    second, plain = a_training(cell, 1, programs=programs), a_training(cell, 1)
    for _ in range(5):
        second.advance(False)
        plain.advance(False)
    pairs = zip(state_tensors(second.state), state_tensors(plain.state), strict=True)
    assert all(torch.equal(ours, expected) for ours, expected in pairs)


# --- streams, and the workspaces that libraries keep for each of them -------------------------------------------------

POOL = 32
"""Streams that PyTorch hands out in turn: who asks for one more gets the first again."""


class Streams:
    """Stands for `torch.cuda`'s streams and graphs; remembers the stream and the pool that each graph was captured on."""

    def __init__(self) -> None:
        self.made, self.current, self.captured = 0, [-1], list[int]()
        self.pools: list[object] = []
        self.events: list[str] = []
        self.error: Exception | None = None

    def new(self, *_: object, **__: object) -> Stream:
        self.made += 1
        return Stream((self.made - 1) % POOL)

    @contextmanager
    def on(self, stream: Stream) -> Iterator[None]:
        before = self.current[:]
        self.current.append(stream.number)
        try:
            yield
        finally:
            self.current[:] = before

    @contextmanager
    def graph(self, *_: object, stream: Stream, pool: object = None, **__: object) -> Iterator[None]:
        """As torch's own: where it cannot end the capture it raises before it leaves its stream."""
        self.captured.append(stream.number)
        self.pools.append(pool)
        self.current.append(stream.number)
        self.events.append("captured")
        yield
        if self.error is not None:
            raise self.error
        self.current.pop()


@dataclass(frozen=True)
class Stream:
    number: int

    @property
    def cuda_stream(self) -> int:
        return self.number + 1

    def wait_stream(self, other: Stream) -> None:
        pass


@pytest.fixture
def streams(monkeypatch) -> Streams:
    double = Streams()
    monkeypatch.setattr(torch.cuda, "Stream", double.new)
    monkeypatch.setattr(torch.cuda, "stream", double.on)
    monkeypatch.setattr(torch.cuda, "graph", double.graph)
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: double.events.append("cleared"))
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda *_: Stream(double.current[-1]))
    return double


@pytest.mark.parametrize(("lanes", "trials"), [(4, 16), (8, 8), (16, 16), (32, 64)])
def test_no_lanes_graph_is_captured_on_a_stream_that_another_lane_uses(lanes, trials, streams):
    """Each trial captures two programs, for steps that are observed and for others; a lane's last trial is what lives."""
    where = places(lanes, "cuda")
    used: dict[int, set[int]] = {}
    for trial in range(trials):
        lane = trial % lanes
        with where[lane]():
            used[lane] = {streams.current[-1]}
            for _ in range(2):
                streams.captured.clear()
                Captured(lambda tensors: tensors, [torch.zeros(1).as_subclass(Elsewhere)], 1)
                used[lane] |= set(streams.captured)
    shared = [(one, other) for one in used for other in used if one < other and used[one] & used[other]]
    assert shared == []


def captured(streams: Streams) -> None:
    Captured(lambda tensors: tensors, [torch.zeros(1).as_subclass(Elsewhere)], 1)


def test_a_training_on_the_default_stream_is_captured_on_another_one(streams):
    captured(streams)
    assert streams.captured == [0] and streams.current == [-1]


def test_libraries_have_a_workspace_of_its_own_in_each_graph(streams):
    captured(streams)
    assert streams.events == ["cleared", "captured", "cleared"]


def test_a_capture_that_fails_leaves_the_stream_as_it_was(streams):
    streams.error = RuntimeError("operation failed due to a previous error during capture")
    for place in places(2, "cuda"):
        with place():
            before = streams.current[:]
            with pytest.raises(RuntimeError, match="during capture"):
                captured(streams)
            assert streams.current == before
    assert streams.current == [-1]


def test_all_kinds_of_steps_of_a_trial_are_captured_into_one_pool_and_those_of_another_into_another(streams):
    programs = Programs("replayed")
    steps = [a_training(a_cell(), seed, programs=programs).step for seed in (0, 1)]
    for step in steps:
        for kind in ("observed", "not"):
            step._here(lambda tensors: tensors, (kind,), [torch.zeros(1).as_subclass(Elsewhere)], 1)
    first, second = streams.pools[:2], streams.pools[2:]
    assert first == [first[0]] * 2 and second == [second[0]] * 2
    assert first[0] is not None and first[0] is not second[0]
