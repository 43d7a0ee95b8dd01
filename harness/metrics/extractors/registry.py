"""The feature extractors that metrics can name, and how samples go through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from ganbench.harness.errors import InputError
from ganbench.harness.metrics.extractors import inception
from ganbench.harness.metrics.extractors.cifar10_small import CIFAR10_SMALL, CIFAR10SmallExtractor
from ganbench.harness.metrics.extractors.classifier import ClassifierExtractor
from ganbench.harness.metrics.extractors.digits_cnn import DIGITS_CNN, DigitsExtractor
from ganbench.harness.metrics.extractors.points import POINTS, Points, is_points

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store
    from ganbench.harness.data.streamed import Streamed

ACCELERATED_BATCH = 500
"""Samples per pass on an accelerator: enough to fill it."""


@dataclass(frozen=True)
class ExtractorEntry:
    """An extractor that metrics can name.

    Attributes:
        make: From the store to the module, in evaluation mode. From samples [N, ...] it returns a tuple: features [N, D]
            and, if it is a classifier, logits [N, K]. Raises InputError where its weights are absent or damaged.
        identity: From the store to what tells its weights from others.
        takes: Says whether it takes samples of a shape.
        wants: The samples that it takes, in words.
        classifies: Whether there are logits.
        batch: Samples per pass on a processor: few enough to stay in its cache. It does not change the result.
        heavy: Whether real examples go through an accelerator where there is one. Others go through the processor, so that
            their numbers are the same on every machine.
        look: Looks for the weights and verifies them; if the second argument is true, absent ones are downloaded. Raises
            InputError where they are absent or damaged; the message says how to get them.
    """

    make: Callable[[Store], nn.Module]
    identity: Callable[[Store], str]
    takes: Callable[[tuple[int, ...]], bool]
    wants: str
    classifies: bool
    batch: int
    heavy: bool = False
    look: Callable[[Store, bool], object] = lambda store, fetch: None

    def missing(self, store: Store) -> str | None:
        """Say that the weights are absent or damaged, and how to get them, or return None; nothing is downloaded."""
        try:
            self.look(store, False)
        except InputError as error:
            return str(error)
        return None


class Extracted(NamedTuple):
    """What an extractor made of samples.

    Attributes:
        features: float32, [N, D].
        logits: float32, [N, K]; None if it is no classifier.
    """

    features: Tensor
    logits: Tensor | None = None


SHIPPED: dict[str, type[ClassifierExtractor]] = {DIGITS_CNN: DigitsExtractor, CIFAR10_SMALL: CIFAR10SmallExtractor}


def _shipped(name: str, wants: str, batch: int) -> ExtractorEntry:
    extractor = SHIPPED[name]
    return ExtractorEntry(
        make=lambda store: extractor(),
        identity=lambda store: extractor.checksum.expected,
        takes=extractor.takes,
        wants=wants,
        classifies=True,
        batch=batch,
        look=lambda store, fetch: extractor.checksum.check(extractor.weights),
    )


EXTRACTORS = {
    DIGITS_CNN: _shipped(DIGITS_CNN, "square images of one channel, of 8x8 or a multiple", batch=500),
    CIFAR10_SMALL: _shipped(CIFAR10_SMALL, "square images of three channels, of 32x32 or a multiple", batch=32),
    inception.INCEPTION: ExtractorEntry(
        make=lambda store: inception.official().make(store),
        identity=lambda store: inception.official().identity(store),
        takes=inception.of_three_channels,
        wants="images of three channels",
        classifies=True,
        batch=16,
        heavy=True,
        look=lambda store, fetch: inception.official().find(store, fetch=fetch),
    ),
    POINTS: ExtractorEntry(
        make=lambda store: Points(),
        identity=lambda store: POINTS,
        takes=is_points,
        wants="points",
        classifies=False,
        batch=100_000,
    ),
}


def extract(
    extractor: nn.Module,
    samples: Tensor | Streamed,
    batch: int,
    rows: Tensor | None = None,
    device: torch.device | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[Extracted]:
    """Run samples through an extractor, slice by slice, so that memory is bounded.

    Args:
        extractor: The extractor; it is moved to the device.
        samples: uint8 [N, C, H, W] or float32 [N, d], in memory or on disk.
        batch: Samples per pass on a processor.
        rows: Which samples, and in which order; all, if None.
        device: Where to compute; where the samples are, if None.
        progress: Called after every slice.
    """
    if device is None:
        device = samples.device if isinstance(samples, Tensor) else torch.device("cpu")
    # Half the time of the usual order where convolutions have several channels to read, more of it where they have one.
    colour = len(samples.shape) == 4 and samples.shape[1] > 1
    order = torch.channels_last if colour else torch.contiguous_format
    extractor.to(device).to(memory_format=order)
    count = len(samples) if rows is None else len(rows)
    step = batch if device.type == "cpu" else max(batch, ACCELERATED_BATCH)
    for start in range(0, count, step):
        chosen = slice(start, start + step) if rows is None else rows[start : start + step]
        with torch.inference_mode():
            outputs = extractor(samples[chosen].to(device).contiguous(memory_format=order))
        progress()
        yield Extracted(*(output.float() for output in outputs))


def gather(extracted: Iterator[Extracted]) -> Extracted:
    """Return all slices as one."""
    features, logits = zip(*extracted, strict=True)
    return Extracted(torch.cat(features), None if logits[0] is None else torch.cat(logits))
