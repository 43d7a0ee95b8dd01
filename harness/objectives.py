"""The losses of generator and discriminator, as functions of logits.

Each loss is a :class:`Loss` with two pure functions of the discriminator's logits for real and for generated samples.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from harness.plugin import Plugin


class Loss(Plugin):
    """Base of all losses."""

    kind: ClassVar[str] = "loss"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the discriminator minimizes, a scalar, from logits [N] and [N]."""
        raise NotImplementedError

    def generator(self, fake: Tensor) -> Tensor:
        """Return what the generator minimizes, a scalar, from the logits [N] of its samples."""
        raise NotImplementedError


class NonSaturating(Loss):
    """Cross-entropy for the discriminator, -log D(G(z)) for the generator (Goodfellow et al. 2014, section 3)."""

    name: ClassVar[str] = "non_saturating"
    summary: ClassVar[str] = "Cross-entropy, with the generator's gradient kept when the discriminator wins."
    paper: ClassVar[str] = "Goodfellow et al. 2014, arXiv:1406.2661"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E softplus(-D(x)) + E softplus(D(G(z)))."""
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """E softplus(-D(G(z)))."""
        return F.softplus(-fake).mean()


class Hinge(Loss):
    """The hinge loss that spectral normalization and BSSN were published with (Lim & Ye 2017, equations 9-11)."""

    name: ClassVar[str] = "hinge"
    summary: ClassVar[str] = "Margin of one for the discriminator, -D(G(z)) for the generator."
    paper: ClassVar[str] = "Lim & Ye 2017, arXiv:1705.02894"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E relu(1 - D(x)) + E relu(1 + D(G(z)))."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -fake.mean()
