"""The step function compiled as a whole, with a plain one to fall back to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType

import torch

from harness.models.network import Network
from harness.training.gradients import functional_gradients
from harness.training.protocol import Protocol
from harness.training.step import Batch, Observations, State, StepFunction, make_step

MOST = 32
"""Programs that a process keeps. Each is some megabytes, and a sweep sends a process the cells of one seed in turn."""


class Programs:
    """The compiled steps of a process: of the trials of a cell only the first waits for the compiler.

    Torch keeps what it compiled on the machine's disk as well, so that another process waits for seconds instead of half a
    minute.

    Args:
        backend: Of ``torch.compile``.
    """

    def __init__(self, backend: str = "inductor") -> None:
        self._backend = backend
        self._kept: OrderedDict[str, Program] = OrderedDict()

    def of(self, key: str, generator: Network, discriminator: Network, protocol: Protocol) -> Program:
        """Return the program of a cell in a phase of its growth.

        Args:
            key: Says which; networks and protocol are the same wherever it is.
            generator: The generator.
            discriminator: The discriminator.
            protocol: The rules.
        """
        if key not in self._kept:
            self._kept[key] = Program(key, generator, discriminator, protocol, self._backend)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class Program:
    """A cell's step function compiled by ``torch.compile`` without graph breaks, or the reason why there is none.

    Attributes:
        step: The compiled function; None where there is none.
        reason: Why, in a line; empty where there is one.
    """

    def __init__(
        self, name: str, generator: Network, discriminator: Network, protocol: Protocol, backend: str = "inductor"
    ) -> None:
        self.step: StepFunction | None = None
        self.reason = cannot_run("compiled", generator, discriminator) or ""
        if not self.reason:
            step = make_step(generator, discriminator, protocol, functional_gradients)
            self.step = torch.compile(_of_its_own(step, name), fullgraph=True, dynamic=False, backend=backend)

    def failed(self, error: Exception) -> None:
        """Give the program up: the next trial of the cell need not find out again."""
        self.step = None
        self.reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


class CompiledStep:
    """A trial's step: its cell's program, with the plain step to fall back to.

    The step is pure, so that a compiled call that fails can be made again plainly: where that succeeds, it was the
    compiler's failure, and the trial goes on plainly; where it fails too, it was the method's, and raises as it would
    have. Results are those of the plain step up to rounding, not bit for bit.

    Args:
        program: The cell's.
        plain: The same step, plain.
        tell: Called with one line when the plain step takes over.
    """

    def __init__(self, program: Program, plain: StepFunction, tell: Callable[[str], None]) -> None:
        self._program, self._plain, self._tell = program, plain, tell
        self._compiled = program.step
        if self._compiled is None:
            tell(f"not compiled: {program.reason}")

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
            self._program.failed(error)
            self._tell(f"not compiled: {self._program.reason}")
            return result


def _of_its_own(step: StepFunction, name: str) -> StepFunction:
    """Return the same function with code of its own: torch counts by code what it compiled, and stops after eight."""
    assert isinstance(step, FunctionType)
    code = step.__code__.replace(co_name=f"step_{name}")
    return FunctionType(code, step.__globals__, code.co_name, step.__defaults__, step.__closure__)


def cannot_run(mode: str, *networks: Network) -> str | None:
    """Return which normalizer declares that it cannot run in a mode, or None."""
    names = (network.normalizer.name for network in networks if not network.normalizer.runs(mode))
    name = next(names, None)
    return None if name is None else f"normalizer {name!r} declares that it cannot run {mode}"
