"""The step function compiled as a whole, with a plain one to fall back to."""

from __future__ import annotations

from collections.abc import Callable

import torch

from harness.models.network import Network
from harness.training.gradients import functional_gradients
from harness.training.protocol import Protocol
from harness.training.step import Batch, Observations, State, StepFunction, make_step


class CompiledStep:
    """A cell's step function, compiled by ``torch.compile`` without graph breaks.

    The step is pure, so that a compiled call that fails can be made again plainly: where that succeeds, it was the
    compiler's failure, and the trial goes on plainly; where it fails too, it was the method's, and raises as it would
    have. Results are those of the plain step up to rounding, not bit for bit.

    Args:
        generator: The generator.
        discriminator: The discriminator.
        protocol: The rules.
        tell: Called with one line when the plain step takes over.
        backend: Of ``torch.compile``.
    """

    def __init__(
        self,
        generator: Network,
        discriminator: Network,
        protocol: Protocol,
        tell: Callable[[str], None],
        backend: str = "inductor",
    ) -> None:
        self._tell = tell
        self._plain = make_step(generator, discriminator, protocol)
        self._compiled: StepFunction | None = None
        reason = cannot_run("compiled", generator, discriminator)
        if reason:
            tell(f"not compiled: {reason}")
            return
        # Every trial is a program of its own, and torch stops compiling a function after eight of them.
        torch._dynamo.reset()
        self._compiled = torch.compile(
            make_step(generator, discriminator, protocol, functional_gradients),
            fullgraph=True,
            dynamic=False,
            backend=backend,
        )

    @property
    def mode(self) -> str:
        """How steps are run now: ``"compiled"`` or ``"plain"``."""
        return "plain" if self._compiled is None else "compiled"

    def __call__(self, state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
        """Make a step."""
        if self._compiled is None:
            return self._plain(state, batch, observe)
        try:
            return self._compiled(state, batch, observe)
        except Exception as error:
            result = self._plain(state, batch, observe)
            self._compiled = None
            self._tell(f"not compiled: {type(error).__name__}: {str(error).strip().splitlines()[0]}")
            return result


def cannot_run(mode: str, *networks: Network) -> str | None:
    """Return which normalizer declares that it cannot run in a mode, or None."""
    names = (network.normalizer.name for network in networks if not network.normalizer.runs(mode))
    name = next(names, None)
    return None if name is None else f"normalizer {name!r} declares that it cannot run {mode}"
