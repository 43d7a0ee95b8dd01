"""The other way of running a step: as a whole."""

from __future__ import annotations

from ganbench.harness.conformance.outcome import Failed, Skipped
from ganbench.harness.conformance.subject import Subject, differences
from ganbench.harness.normalizer.composition import parts_of


def runs_compiled(subject: Subject) -> None:
    """A step is followed as a whole, and its replay makes the same numbers, bit for bit.

    Which machine code a compiler makes of the same graph is the compiler's affair, and takes half a minute.
    """
    from ganbench.harness.steps.form import batch_tensors, state_like, state_tensors
    from ganbench.harness.steps.program import Programs
    from ganbench.harness.training.training import protocol_of

    declared(subject)
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
            raise hindered("a step cannot be followed on tensors without values", error) from error
        replayed = state_like(replayed, run(state_tensors(replayed) + batch_tensors(batch))[:kept])
        far = differences(state_tensors(plain), state_tensors(replayed))
        if far != 0:
            raise Failed(f"replayed, step {now} ends {far:.2g} away from the plain one; keep nothing outside the state")


def declared(subject: Subject) -> None:
    """Skip a check of compiled steps where the normalizer declares them out.

    Raises:
        Skipped: It does.
    """
    if not subject.normalizer.runs("compiled"):
        names = [part.name for part in parts_of(subject.normalizer) if not part.runs("compiled")]
        raise Skipped(f"{names[0]} declares that it cannot run compiled; its trials run plainly")


def hindered(words: str, error: Exception, hook: str = "reparameterize") -> Failed:
    """Return the finding that torch cannot run a hook in a compiled step, with what to do."""
    said = str(error).strip().splitlines() or [""]
    return Failed(
        f"{words} ({type(error).__name__}: {said[0][:160]}); use no .item() and no `if` on values, or"
        " declare it: modes = MODES - {'compiled'}",
        hook,
    )
