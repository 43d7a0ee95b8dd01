"""Several metrics of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import SerializeAsAny

from ganbench.harness.data.dataset import Data, Dataset
from ganbench.harness.errors import InputError
from ganbench.harness.metrics.metric import Evaluate, Generated, Measure, Metric, references_of

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store


class Together(Metric):
    """Several metrics, each with its own protocol; trials are ranked by the first one's first measure."""

    name: ClassVar[str] = "composite"
    summary: ClassVar[str] = "Several metrics together."

    metrics: tuple[SerializeAsAny[Metric], ...]

    def spec(self) -> dict[str, Any]:
        """Return the canonical description: those of all parts."""
        return {"name": self.name, "version": self.version, "parts": [part.spec() for part in self.metrics]}

    def label(self) -> str:
        """Return ``fidelity + reconstruction(steps=100)``."""
        return " + ".join(part.label() for part in self.metrics)

    def source(self) -> str:
        """Return the parts' source hashes."""
        return "+".join(part.source() for part in self.metrics)

    def parts(self) -> Sequence[Metric]:
        """Return the metrics."""
        return self.metrics

    def sample_count(self) -> int:
        """Return what the most demanding part needs; the others are given the first of them."""
        return max(part.sample_count() for part in self.metrics)

    def measures(self) -> tuple[Measure, ...]:
        """Return what the parts report, in their order."""
        return tuple(measure for part in self.metrics for measure in part.measures())

    def check(self, dataset: Dataset) -> str | None:
        """Ask the parts; the first reason is told, with the part's name."""
        return next((f"{part.name}: {reason}" for part in self.metrics if (reason := part.check(dataset))), None)

    def fits(self, data: Data) -> str | None:
        """Ask the parts, likewise."""
        return next((f"{part.name}: {reason}" for part in self.metrics if (reason := part.fits(data))), None)

    def prepare(self, data: Data, store: Store) -> Evaluate:
        """Make all parts ready."""
        return _Parts([(part.sample_count(), part.prepare(data, store)) for part in self.metrics])


@dataclass(frozen=True)
class _Parts:
    """Metrics made ready, each with its number of samples."""

    ready: Sequence[tuple[int, Evaluate]]

    def __call__(self, generated: Generated) -> dict[str, float]:
        values: dict[str, float] = {}
        for count, part in self.ready:
            values |= part(replace(generated, samples=generated.samples[:count]))
        return values

    def references(self) -> dict[str, float]:
        return {measure: value for _, part in self.ready for measure, value in references_of(part).items()}


def combine(parts: Sequence[Metric]) -> Metric:
    """Return several metrics as one; a single one as it is.

    Raises:
        InputError: Two of them report a measure of the same name.
    """
    if len(parts) == 1:
        return parts[0]
    owners: dict[str, str] = {}
    for part in parts:
        for measure in part.measures():
            if measure.key in owners:
                raise InputError(f"metrics {owners[measure.key]!r} and {part.label()!r} both report {measure.key!r}")
            owners[measure.key] = part.label()
    return Together(metrics=tuple(parts))
