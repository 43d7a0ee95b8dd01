"""The feature extractors that metrics can name, and how images go through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch_fidelity
from torch import Tensor

from harness.metrics.extractors.digits_cnn import DIGITS_CNN, DigitsExtractor, square_grey


@dataclass(frozen=True)
class ExtractorEntry:
    """An extractor that metrics can name.

    Attributes:
        make: Its class, called as torch-fidelity calls it.
        takes: Says whether it takes images of a shape.
        wants: The images that it takes, in words.
    """

    make: Callable[[str, list[str]], torch_fidelity.FeatureExtractorBase]
    takes: Callable[[tuple[int, ...]], bool]
    wants: str


EXTRACTORS = {
    DIGITS_CNN: ExtractorEntry(DigitsExtractor, square_grey, "square images of one channel, of 8x8 or a multiple")
}


def register_with_torch_fidelity() -> None:
    """Make our extractors known to ``torch_fidelity.calculate_metrics``, which refuses a second registration."""
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    for name, entry in EXTRACTORS.items():
        if name not in FEATURE_EXTRACTORS_REGISTRY:
            torch_fidelity.register_feature_extractor(name, entry.make)


@torch.no_grad()
def extract(extractor: torch_fidelity.FeatureExtractorBase, images: Tensor, batch: int = 500) -> dict[str, Tensor]:
    """Run an extractor over images in batches.

    Args:
        extractor: The extractor, in evaluation mode.
        images: uint8, [N, C, H, W].
        batch: Images per pass; it bounds memory and does not change the result.

    Returns:
        Each output by name, [N, D].
    """
    parts = [extractor(images[start : start + batch]) for start in range(0, len(images), batch)]
    return {name: torch.cat([part[index] for part in parts]) for index, name in enumerate(extractor.features_list)}
