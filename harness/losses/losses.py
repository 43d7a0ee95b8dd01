"""The losses of generator and discriminator, as functions of logits.

Each loss is a :class:`Loss` with two pure functions of the discriminator's logits for real and for generated samples. The
relativistic ones compare the two, so that their generators need the logits of real samples as well.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.plugins.plugin import Plugin


class Loss(Plugin):
    """Base of all losses.

    Attributes:
        compares: Whether the generator's loss compares its samples with real ones.
    """

    kind: ClassVar[str] = "loss"
    compares: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the discriminator minimizes, a scalar, from logits [N] and [N]."""
        raise NotImplementedError

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return what the generator minimizes, a scalar.

        Args:
            fake: Logits of its samples, [N].
            real: Logits of real samples, [N], where :attr:`compares` is set.
        """
        raise NotImplementedError


class NonSaturating(Loss):
    """Cross-entropy for the discriminator, -log D(G(z)) for the generator (Goodfellow et al. 2014, section 3)."""

    name: ClassVar[str] = "non_saturating"
    summary: ClassVar[str] = "Cross-entropy, with the generator's gradient kept when the discriminator wins."
    paper: ClassVar[str] = "Goodfellow et al. 2014, arXiv:1406.2661"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E softplus(-D(x)) + E softplus(D(G(z)))."""
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """E softplus(-D(G(z)))."""
        return F.softplus(-fake).mean()


class Hinge(Loss):
    """The hinge loss that spectral normalization and BSSN were published with (Lim & Ye 2017)."""

    name: ClassVar[str] = "hinge"
    summary: ClassVar[str] = "Margin of one for the discriminator, -D(G(z)) for the generator."
    paper: ClassVar[str] = "Lim & Ye 2017, arXiv:1705.02894"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E relu(1 - D(x)) + E relu(1 + D(G(z)))."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E D(G(z))."""
        return -fake.mean()


class Minimax(NonSaturating):
    """The game as it was first written: the generator minimizes what the discriminator maximizes (Goodfellow et al. 2014).

    Its gradient vanishes where the discriminator wins, which is what the non-saturating form is for.
    """

    name: ClassVar[str] = "minimax"
    summary: ClassVar[str] = "Cross-entropy for both; the generator's gradient vanishes when the discriminator wins."

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """E log(1 - sigmoid(D(G(z)))) = -E softplus(D(G(z)))."""
        return -F.softplus(fake).mean()


class WGAN(Loss):
    """The difference of means (Arjovsky et al. 2017, algorithm 1), for a discriminator that is kept Lipschitz.

    ``drift`` times E D(x)^2 keeps its outputs near zero (Karras et al. 2018, appendix A.1, with 0.001).
    """

    name: ClassVar[str] = "wgan"
    summary: ClassVar[str] = "Difference of means; wants a Lipschitz discriminator."
    paper: ClassVar[str] = "Arjovsky et al. 2017, arXiv:1701.07875"

    drift: float = Field(0.0, ge=0, le=1, description="weight of the discriminator's squared output on real samples")

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E D(G(z)) - E D(x) + drift E D(x)^2."""
        value = fake.mean() - real.mean()
        return value + self.drift * real.square().mean() if self.drift else value

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E D(G(z))."""
        return -fake.mean()


class LSGAN(Loss):
    """Least squares to the labels 1 and 0, on logits (Mao et al. 2017, equation 9)."""

    name: ClassVar[str] = "lsgan"
    summary: ClassVar[str] = "Least squares to the labels 1 and 0."
    paper: ClassVar[str] = "Mao et al. 2017, arXiv:1611.04076"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """(E (D(x) - 1)^2 + E D(G(z))^2) / 2."""
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """E (D(G(z)) - 1)^2 / 2."""
        return 0.5 * (fake - 1).square().mean()


class _Relativistic(Loss):
    """A loss whose generator plays the discriminator's game with the roles of real and generated swapped."""

    paper: ClassVar[str] = "Jolicoeur-Martineau 2018, arXiv:1807.00734"
    compares: ClassVar[bool] = True

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The discriminator's loss with real and generated swapped."""
        if real is None:
            raise ValueError(f"the generator of {self.name} needs the logits of real samples")
        return self.discriminator(fake, real)


class Relativistic(_Relativistic):
    """Cross-entropy of "real is more real than generated", pair by pair (Jolicoeur-Martineau 2018)."""

    name: ClassVar[str] = "relativistic"
    summary: ClassVar[str] = "Cross-entropy of the difference of a real and a generated logit."

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E softplus(-(D(x) - D(G(z))))."""
        return F.softplus(fake - real).mean()


class RelativisticAverage(_Relativistic):
    """Cross-entropy of each logit against the mean of the other kind (Jolicoeur-Martineau 2018)."""

    name: ClassVar[str] = "relativistic_average"
    summary: ClassVar[str] = "Cross-entropy of each logit against the mean logit of the other kind."

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E softplus(-(D(x) - mean D(G(z)))) + E softplus(D(G(z)) - mean D(x))."""
        return F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()


class RelativisticAverageHinge(_Relativistic):
    """Hinge of each logit against the mean of the other kind (Jolicoeur-Martineau 2018)."""

    name: ClassVar[str] = "relativistic_average_hinge"
    summary: ClassVar[str] = "Hinge of each logit against the mean logit of the other kind."

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E relu(1 - (D(x) - mean D(G(z)))) + E relu(1 + (D(G(z)) - mean D(x)))."""
        return F.relu(1 - (real - fake.mean())).mean() + F.relu(1 + (fake - real.mean())).mean()
