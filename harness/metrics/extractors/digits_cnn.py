"""``digits-cnn`` as a feature extractor."""

from __future__ import annotations

from ganbench.harness.data.digits_cnn import CHECKSUM, SIDE, WEIGHTS, DigitsCNN
from ganbench.harness.metrics.extractors.classifier import ClassifierExtractor

DIGITS_CNN = "digits-cnn"


class DigitsExtractor(ClassifierExtractor):
    """``digits-cnn`` as a feature extractor: 32 features, 10 logits."""

    network = DigitsCNN
    weights = WEIGHTS
    checksum = CHECKSUM
    image = (1, SIDE, SIDE)
