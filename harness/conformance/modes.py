"""The other ways of running a step: batched over seeds, and compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganbench.harness.conformance.outcome import Failed, Skipped
from ganbench.harness.conformance.subject import Subject, differences
from ganbench.harness.normalizer.composition import parts_of

if TYPE_CHECKING:
    from ganbench.harness.training.training import Training

TOLERANCE = 1e-7
"""Of a step in float64, where rounding leaves about 1e-12."""


def runs_batched(subject: Subject) -> None:
    """Three seeds in one step make the steps that they make alone, and one that has diverged changes no other."""
    import torch
    from torch.utils import _pytree as pytree

    from ganbench.harness.steps.batched import batched, stacked, unstacked

    declared(subject, "batched")
    trainings = [subject.training(subject.image_cell, seed) for seed in range(3)]
    states = [_double(training.state) for training in trainings]
    batches = [_double(training.draw(1)) for training in trainings]
    step = batched(_functional(trainings[0]))
    try:
        together, _ = step(stacked(states), stacked(batches), False)
    except Exception as error:
        raise hindered("torch.func.vmap cannot batch it", "batched", error) from error
    for index, training in enumerate(trainings):
        alone, _ = training.step(states[index], batches[index], False)
        far = differences(unstacked(together, index), alone)
        if not far <= TOLERANCE:
            raise Failed(f"seed {index} of three in one step ends {far:.2g} away from where it ends alone, in float64")
    broken = pytree.tree_map(
        lambda part: torch.full_like(part, float("nan")) if isinstance(part, torch.Tensor) else part, states[1]
    )
    sick, _ = step(stacked([states[0], broken, states[2]]), stacked(batches), False)
    for index in (0, 2):
        if not differences(unstacked(together, index), unstacked(sick, index)) == 0:
            raise Failed("a seed feels that its neighbour in the same step has diverged; mix nothing between calls")


def runs_compiled(subject: Subject) -> None:
    """A step is followed as a whole, and its replay makes the same numbers, bit for bit.

    Which machine code a compiler makes of the same graph is the compiler's affair, and takes half a minute.
    """
    from ganbench.harness.steps.form import batch_tensors, state_like, state_tensors
    from ganbench.harness.steps.program import Programs
    from ganbench.harness.training.training import protocol_of

    declared(subject, "compiled")
    training = subject.training(subject.image_cell)
    protocol = protocol_of(training.trial.cell)
    program = Programs().of("", training.generator, training.discriminator, protocol)
    plain = replayed = training.state
    kept = len(state_tensors(plain))
    for now in (1, 2):
        batch = training.draw(now)
        plain, _ = training.step(plain, batch, False)
        try:
            run, _, _ = program.run(replayed, batch, False)
        except Exception as error:
            raise hindered("a step cannot be followed on tensors without values", "compiled", error) from error
        replayed = state_like(replayed, run(state_tensors(replayed) + batch_tensors(batch))[:kept])
        far = differences(plain, replayed)
        if far != 0:
            raise Failed(f"replayed, step {now} ends {far:.2g} away from the plain one; keep nothing outside the state")


def declared(subject: Subject, mode: str) -> None:
    """Skip a check of a mode that the normalizer declares out.

    Raises:
        Skipped: It does.
    """
    if not subject.normalizer.runs(mode):
        names = [part.name for part in parts_of(subject.normalizer) if not part.runs(mode)]
        raise Skipped(f"{names[0]} declares that it cannot run {mode}; its trials run plainly")


def hindered(words: str, mode: str, error: Exception, hook: str = "reparameterize") -> Failed:
    """Return the finding that torch cannot run a hook in a mode, with what to do."""
    said = str(error).strip().splitlines() or [""]
    return Failed(
        f"{words} ({type(error).__name__}: {said[0][:160]}); use no .item(), no `if` on values, nothing in place, or"
        f" declare it: modes = MODES - {{{mode!r}}}",
        hook,
    )


def _functional(training: Training) -> Any:
    from ganbench.harness.steps.gradients import functional_gradients
    from ganbench.harness.steps.step import make_step
    from ganbench.harness.training.training import protocol_of

    return make_step(training.generator, training.discriminator, protocol_of(training.trial.cell), functional_gradients)


def _double(value: Any) -> Any:
    import torch
    from torch.utils import _pytree as pytree

    from ganbench.harness.steps.batched import stacked

    stacked([value])  # registers the dataclasses
    return pytree.tree_map(
        lambda part: part.double() if isinstance(part, torch.Tensor) and part.is_floating_point() else part, value
    )
