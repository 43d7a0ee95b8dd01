"""Published evaluation protocols: how many generated samples are compared with how many real examples of which split."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluationProtocol:
    """What a protocol fixes; it is written into a metric's specification field by field.

    Attributes:
        samples: Generated samples.
        real: Real examples; None for all of the split.
        split: ``"train"`` or ``"test"``.
        source: Whose protocol it is.
    """

    samples: int
    real: int | None
    split: str
    source: str

    def fields(self) -> dict[str, int | str | None]:
        """Return what it fixes, by the names of the metric's parameters."""
        return {"samples": self.samples, "real": self.real, "split": self.split}


PROTOCOLS = {
    "fid50k_full": EvaluationProtocol(
        50_000, None, "train", "Karras et al., from arXiv:1912.04958 on: all training images, 50,000 generated"
    ),
    "bssn": EvaluationProtocol(
        10_000, 5_000, "train", "Lin, Sekar & Fanti 2021, arXiv:2009.02773, released code: 5,000 random training images"
    ),
    "sngan": EvaluationProtocol(
        5_000,
        10_000,
        "train",
        "Miyato et al. 2018, arXiv:1802.05957: 10,000 real, 5,000 generated; the paper does not name the split",
    ),
    "compare_gan": EvaluationProtocol(
        10_000, 10_000, "test", "Lucic et al. 2018, arXiv:1711.10337, and compare_gan for CIFAR-10: test images"
    ),
    "mimicry": EvaluationProtocol(
        50_000, 50_000, "train", "Lee & Town 2020, arXiv:2005.02494: as many training images, 50,000"
    ),
    "studiogan": EvaluationProtocol(
        50_000,
        None,
        "train",
        "Kang et al. 2022, arXiv:2206.09479: all training images and as many generated, for CIFAR-10",
    ),
    "chainer_gan_lib": EvaluationProtocol(
        10_000, 50_000, "train", "chainer-gan-lib, README: 10,000 generated, all 50,000 training images of CIFAR-10"
    ),
}
