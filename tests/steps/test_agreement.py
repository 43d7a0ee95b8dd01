"""When a program counts as making the plain step's numbers, where that step repeats itself and where it does not."""

from __future__ import annotations

import math

import pytest
import torch
from cells import CATALOG, STORE, a_cell

from ganbench.harness.cells.cell import Trial
from ganbench.harness.stability import load_definition
from ganbench.harness.steps.agreement import FACTOR, MORE, Agreement, compared
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.trial import run_trial

TRUE = [torch.linspace(-1, 1, 2000).view(40, 50), torch.linspace(0.1, 2, 30), torch.tensor(0.7)]


def jittering(seed: int, noise: float = 1e-4):
    """A step that is another time a little different; returns it, and how often it was made."""
    generator, made = torch.Generator().manual_seed(seed), []

    def step() -> list[torch.Tensor]:
        made.append(1)
        return [tensor + noise * torch.randn(tensor.shape, generator=generator) for tensor in TRUE]

    return step, made


def test_a_step_that_repeats_itself_is_compared_bit_for_bit():
    plain = [tensor.clone() for tensor in TRUE]
    assert compared(TRUE, plain, None) == compared(TRUE, plain, lambda: plain) == Agreement(1)
    near = [*TRUE[:2], torch.nextafter(TRUE[2], torch.tensor(1.0))]
    assert compared(near, plain, None) is compared(near, plain, lambda: plain) is None


def test_a_right_program_of_a_step_that_does_not_repeat_itself_is_hardly_ever_refused():
    refused = 0
    for seed in range(300):
        step, made = jittering(seed)
        refused += compared(step(), step(), step) is None
        assert len(made) in (3, 3 + MORE)
    assert refused == 0


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda tensor: tensor + 20 * FACTOR * 1e-4,
        lambda tensor: -tensor,
        lambda tensor: torch.where(tensor == tensor.flatten()[0], math.nan, tensor),
        lambda tensor: torch.zeros_like(tensor),
    ],
    ids=["shifted", "of the other sign", "one value not a number", "nothing"],
)
def test_a_program_that_is_wrong_in_one_tensor_is_always_found(part, wrong):
    for seed in range(30):
        step, _ = jittering(seed)
        made = step()
        made[part] = wrong(made[part])
        assert compared(made, step(), step) is None


def test_a_shift_of_everything_is_found_where_single_values_vary_more_than_it():
    """As Adam's first steps do, which turn round where a gradient is nearly 0."""
    generator = torch.Generator().manual_seed(0)

    def step() -> list[torch.Tensor]:
        turned = (torch.rand(5000, generator=generator) < 1e-3).float()
        return [torch.linspace(1, 2, 5000) + 0.01 * turned]

    shifted = [step()[0] + 0.005]
    assert compared(step(), step(), step) is not None
    assert compared(shifted, step(), step) is None


def test_both_distances_are_reported_and_none_that_is_not_finite():
    step, _ = jittering(0)
    found = compared(step(), step(), step)
    assert found is not None and not found.exact
    assert 1e-5 < found.difference < 2e-3 and 1e-5 < found.spread < 2e-3
    both = found.and_also(Agreement(1))
    assert (both.steps, both.exact, both.spread) == (2, False, found.spread)
    assert Agreement(1, False, math.inf, 1.0).to_json() == {
        "steps": 1,
        "exact": False,
        "spread": None,
        "difference": 1.0,
    }


def test_a_records_provenance_says_how_many_steps_were_compared_and_that_they_were_equal():
    workshop = Workshop(CATALOG, STORE)
    workshop._programs["replayed", True] = ExecutionMode().programs(at_once=True)
    record = run_trial(workshop, Trial(a_cell(steps=40), 7, 0), load_definition(3))
    assert record.provenance["step"] == "replayed"
    assert record.provenance["compared"] == {"steps": 4, "exact": True, "spread": 0.0, "difference": 0.0}
    plain = run_trial(workshop, Trial(a_cell(steps=40), 7, 0), load_definition(3), execution=ExecutionMode("plain"))
    assert plain.provenance["compared"] is None
