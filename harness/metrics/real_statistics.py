"""What metrics need of the real examples: computed once, kept in the store, shared by all processes of a machine."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ganbench.harness.canonical import canonical_json
from ganbench.harness.data.dataset import Data, hashed_order
from ganbench.harness.data.lock import locked
from ganbench.harness.errors import InputError
from ganbench.harness.metrics.distance import mean_distance
from ganbench.harness.metrics.extractors.registry import Extracted, extract
from ganbench.harness.metrics.frechet import Gaussian, Moments, factor
from ganbench.harness.metrics.kernel import mean_kernel_within
from ganbench.harness.metrics.neighbours import real_radii
from ganbench.harness.process import one_thread
from ganbench.harness.storage.atomic import whole

if TYPE_CHECKING:
    from torch import nn

    from ganbench.harness.data.store import Store

FORMAT = 1
"""Raised whenever what is stored, or how it is computed, changes."""

COMPARED = 10_000
"""Samples of each side, at most, whose distances or kernels are computed pair by pair."""


@dataclass(frozen=True)
class RealStatistics:
    """What is known of the real examples, on one device.

    Attributes:
        mean: Of the features of all, [D], float64.
        covariance: [D, D], float64.
        root: The covariance's factor (see ``frechet.factor``), [D, r], float64.
        features: Of all, or of ``COMPARED`` chosen by the hash of their index; [M, D], float32.
        radii: Their squared distances to neighbours (see ``neighbours.real_radii``), [2, M], float64.
        kernel: Mean of the kernel over their pairs (see ``kernel.mean_kernel_within``), [], float64.
        distance: Mean distance between two of them (see ``distance.mean_distance``), [], float64.
    """

    mean: Tensor
    covariance: Tensor
    root: Tensor
    features: Tensor
    radii: Tensor
    kernel: Tensor
    distance: Tensor

    @property
    def gaussian(self) -> Gaussian:
        """What the Frechet distance needs."""
        return Gaussian(self.mean, self.covariance, self.root)

    def to(self, device: torch.device) -> RealStatistics:
        """Return the same on another device."""
        return RealStatistics(**{key: value.to(device) for key, value in self.arrays().items()})

    def arrays(self) -> dict[str, Tensor]:
        """Return everything by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Wanted:
    """Which statistics: those of which examples, by which extractor.

    Attributes:
        split: ``"train"`` or ``"test"``.
        count: How many real examples, the first in the order of the hash of their index; None for all.
        extractor: The extractor's name.
        identity: What tells its weights from others.
        batch: Examples per pass through it.
        compared: See ``COMPARED``.
    """

    split: str
    count: int | None
    extractor: str
    identity: str
    batch: int
    compared: int = COMPARED

    def key(self, data: Data) -> str:
        """Return a hash of everything that the statistics depend on."""
        examples = data.split(self.split)
        about = {
            "format": FORMAT,
            "content": data.content_hash(),
            "shape": list(examples.shape),
            "type": str(examples.dtype),
            "split": self.split,
            "count": self.size(data),
            "extractor": [self.extractor, self.identity],
            "compared": self.compared,
        }
        return hashlib.sha256(canonical_json(about).encode()).hexdigest()[:20]

    def size(self, data: Data) -> int:
        """Return the number of real examples."""
        return len(data.split(self.split)) if self.count is None else self.count


def real_statistics(
    data: Data, wanted: Wanted, extractor: nn.Module, store: Store, device: torch.device | None = None
) -> RealStatistics:
    """Return the statistics from the store, computing and storing them if they are absent or damaged.

    Of several processes that ask at once, one computes and the others wait. Where nothing can be stored, such as in a
    folder of others, they are computed for this process alone.

    Args:
        data: The data set, loaded.
        wanted: Which statistics.
        extractor: The extractor.
        store: Where they are kept.
        device: Where to compute; the processor, if None.
    """
    computed = partial(compute, data, wanted, extractor, device or torch.device("cpu"))
    key = wanted.key(data)
    path = store.statistics / f"{wanted.extractor}-{wanted.split}-{wanted.size(data)}-{key}.npz"
    found = read(path, key)
    if found is not None:
        return found
    try:
        with locked(path):
            found = read(path, key)  # another process may have been first
            if found is None:
                found = computed()
                write(path, key, found)
                store.tidy()
            return found
    except (OSError, InputError):
        return found if found is not None else computed()


def compute(data: Data, wanted: Wanted, extractor: nn.Module, device: torch.device) -> RealStatistics:
    """Compute the statistics, on one thread, in memory that is bounded by ``compared`` features and two covariances."""
    examples = data.split(wanted.split)
    rows, rank = hashed_order(len(examples))[: wanted.size(data)].sort()
    kept = rank < wanted.compared
    parts: list[Tensor] = []

    def moments_of(slices: Iterator[Extracted]) -> Moments:
        whole: Moments | None = None
        seen = 0
        for features in _joined(part.features for part in slices):
            part = Moments.of(features)
            whole = part if whole is None else whole.merge(part)
            parts.append(features[kept[seen : seen + len(features)].to(device)])
            seen += len(features)
        assert whole is not None, "a data set has examples"
        return whole

    with one_thread():
        moments = moments_of(extract(extractor, examples, wanted.batch, rows, device))
        covariance = moments.covariance()
        features = torch.cat(parts)
        return RealStatistics(
            mean=moments.mean,
            covariance=covariance,
            root=factor(covariance),
            features=features,
            radii=real_radii(features),
            kernel=torch.tensor(mean_kernel_within(features), dtype=torch.float64),
            distance=torch.tensor(mean_distance(features), dtype=torch.float64),
        ).to(torch.device("cpu"))


def read(path: Path, key: str) -> RealStatistics | None:
    """Return stored statistics, or None when they are absent, damaged or not those asked for."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            with suppress(OSError):
                path.touch()  # what was used least recently is dropped first
            # Reading an archive's member verifies its checksum.
            return RealStatistics(
                **{field.name: torch.from_numpy(stored[field.name]) for field in fields(RealStatistics)}
            )
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None


def write(path: Path, key: str, statistics: RealStatistics) -> None:
    """Store statistics; whoever reads sees all of them or nothing."""
    arrays: dict[str, Any] = {name: value.numpy() for name, value in statistics.arrays().items()}
    with whole(path) as part, part.open("wb") as file:
        np.savez(file, key=np.array(key), **arrays)


def _joined(slices: Iterator[Tensor], rows: int = 4096) -> Iterator[Tensor]:
    """Join small slices into larger ones, for which products of matrices are fast."""
    waiting: list[Tensor] = []
    for part in slices:
        waiting.append(part)
        if sum(map(len, waiting)) >= rows:
            yield torch.cat(waiting)
            waiting = []
    if waiting:
        yield torch.cat(waiting)
