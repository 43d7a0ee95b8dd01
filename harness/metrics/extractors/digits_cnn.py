"""``digits-cnn`` as a feature extractor."""

from __future__ import annotations

from ganbench.harness.data.digits_cnn import SIDE, WEIGHTS, DigitsCNN
from ganbench.harness.metrics.extractors.classifier import ClassifierExtractor

DIGITS_CNN = "digits-cnn"


class DigitsExtractor(ClassifierExtractor):
    """``digits-cnn`` as a feature extractor: 32 features, 10 logits."""

    network = DigitsCNN
    weights = WEIGHTS
    image = (1, SIDE, SIDE)
