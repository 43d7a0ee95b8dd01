"""No normalization."""

from __future__ import annotations

from typing import ClassVar

from ganbench.harness.normalizer import Normalizer


class NoNormalizer(Normalizer):
    """The discriminator as it is: the control that every method is measured against.

    The generator keeps what its architecture was published with.
    """

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "No normalization of the discriminator."
