"""The contract of a metric: a protocol with a name, made ready once for a data set, then applied to generators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from torch import Tensor

from ganbench.harness.data.dataset import Data, Dataset
from ganbench.harness.errors import InputError
from ganbench.harness.plugins.plugin import Plugin

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store


@dataclass(frozen=True)
class Generated:
    """What a metric is given of a generator.

    Attributes:
        samples: Its samples from the trial's fixed latents, in the form of stored examples (see ``Data.encode``), on the
            device that trains.
        generate: From latents [n, latent] to samples as networks make them (images in [-1, 1]), differentiable; what a
            batch decides, such as batch statistics, is fixed, so that a sample does not depend on its neighbours. None
            where there are only samples.
        latent: Length of a latent vector.
        final: Whether the training is over.
        progress: To be called at least every few minutes by what takes longer: else it is taken for hung.
    """

    samples: Tensor
    generate: Callable[[Tensor], Tensor] | None = None
    latent: int = 0
    final: bool = False
    progress: Callable[[], None] = lambda: None


Evaluate = Callable[[Generated], dict[str, float]]
"""From a generator to numbers by measure; NaN where one could not be computed."""


@runtime_checkable
class Staged(Protocol):
    """An :data:`Evaluate` that can be done stage by stage, for whoever wants to know how long each takes."""

    def stages(self, generated: Generated) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
        """Yield the stages, each of which is done before the next is asked for.

        Yields:
            A name, and what does the stage and returns the numbers that it gave, if any.
        """


@runtime_checkable
class Referenced(Protocol):
    """An :data:`Evaluate` that knows what its measures say of a generator that has learnt next to nothing."""

    def references(self) -> dict[str, float]:
        """Return, by measure, what the data alone say: it is the bar's other end, whatever network is trained."""


def references_of(evaluate: Evaluate) -> dict[str, float]:
    """Return what measures say of a generator that has learnt next to nothing; nothing where that is not known."""
    return evaluate.references() if isinstance(evaluate, Referenced) else {}


@dataclass(frozen=True)
class Measure:
    """One number that a metric reports.

    Attributes:
        key: Its name in traces and tables. What it was computed with is in brackets unless it is the literature's default:
            ``fid[digits-cnn:1k_full]``.
        better: ``"lower"`` or ``"higher"``.
    """

    key: str
    better: str


class Metric(Plugin):
    """Base of all metrics.

    A metric's parameters are its protocol and enter the cell's identity: numbers from different protocols never share a
    column.
    """

    kind: ClassVar[str] = "metric"

    def parts(self) -> Sequence[Metric]:
        """Return the metrics that this one is a combination of; itself unless it is one."""
        return (self,)

    def sample_count(self) -> int:
        """Return how many samples one evaluation needs; 0 for a metric that makes its own."""
        raise NotImplementedError

    def measures(self) -> tuple[Measure, ...]:
        """Return what is reported; the first is the one that trials are ranked by."""
        raise NotImplementedError

    def check(self, dataset: Dataset) -> str | None:
        """Say why the metric does not apply to a data set, or return None when it does; nothing is loaded."""
        raise NotImplementedError

    def fits(self, data: Data) -> str | None:
        """Say why the metric does not apply to loaded data, such as too few images, or return None when it does."""
        return None

    def missing(self, store: Store) -> str | None:
        """Say what is absent or damaged and how to get it, or return None when :meth:`prepare` has what it needs."""
        return None

    def fetch(self, store: Store) -> None:
        """Bring what :meth:`prepare` needs to this machine, unless it is here; a sweep asks before its first trial.

        Raises:
            InputError: It cannot be brought; the message says how to get it.
        """
        if (absent := self.missing(store)) is not None:
            raise InputError(absent)

    def prepare(self, data: Data, store: Store) -> Evaluate:
        """Compute what depends on the real data alone, and return the function that is applied to generators.

        Raises:
            InputError: What it needs is absent or damaged; the message says how to get it. A trial then has no result,
                and the machine is not fit for it.
        """
        raise NotImplementedError
