"""The reconstruction error of the weight-normalization paper: how near a generator can come to images it never saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.data.dataset import Data, Dataset, hashed_order
from ganbench.harness.metrics.metric import Evaluate, Generated, Measure, Metric

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store

RUNNING, FINAL = "reconstruction_error", "final_reconstruction_error"

RATE, ALPHA, EPS = 0.01, 0.9, 1e-6
"""Of RMSProp on the latents (Xiang & Li 2017; the released code)."""

AT_ONCE = 64
"""Images that are reconstructed together. Each has a loss of its own, so the result does not depend on it."""


class Reconstruction(Metric):
    """Mean squared error of held-out images against the nearest sample that gradient descent on the latent finds.

    For each image x: z = 0, then ``steps`` steps of RMSProp on z against the squared distance |G(z) - x|^2, with the
    generator fixed and its batch statistics settled. Reported is the mean over images of the squared error per element, of
    images in [0, 1]: 0.0055 to 0.0064 are Xiang & Li's numbers on CelebA. It falls when modes are missing, and it cannot be
    improved by making few good samples.

    * ``reconstruction_error``, at every evaluation, on ``validation`` images.
    * ``final_reconstruction_error``, once, when training is over, on ``test`` other images.

    Two departures from the released code, both on purpose. There the loss is averaged over a batch of 32, so that each
    image's gradient is divided by 32 before RMSProp's epsilon is added, and the result depends on the batch; here every
    image has its own loss. And there the first 200 of the 2,000 test images choose the checkpoint that the 2,000 judge;
    here validation and test images are disjoint, drawn by hashed index from those that are never trained on.
    """

    name: ClassVar[str] = "reconstruction"
    summary: ClassVar[str] = "Squared error of the best reconstruction of held-out images, by descent on the latent."
    paper: ClassVar[str] = "Xiang & Li 2017, arXiv:1704.03971"

    validation: int = Field(200, ge=1, le=100_000, description="images reconstructed at every evaluation")
    test: int = Field(2000, ge=1, le=1_000_000, description="other images, reconstructed when training is over")
    steps: int = Field(50, ge=1, le=10_000, description="steps of descent on each latent")

    def sample_count(self) -> int:
        """Return 0: it makes its own samples."""
        return 0

    def measures(self) -> tuple[Measure, ...]:
        """Return what is reported."""
        return (Measure(RUNNING, "lower"), Measure(FINAL, "lower"))

    def check(self, dataset: Dataset) -> str | None:
        """Accept images, some of which are held out."""
        if len(dataset.sample_shape()) != 3:
            return f"reconstructs images, and the data are of shape {list(dataset.sample_shape())}"
        if not dataset.holds_out():
            return f"needs images that are never trained on, and {dataset.label()} holds none out"
        return None

    def fits(self, data: Data) -> str | None:
        """Accept enough held-out images."""
        held_out = 0 if data.held_out is None else len(data.held_out)
        if held_out < self.validation + self.test:
            return (
                f"needs {self.validation} + {self.test} images that are never trained on, and {held_out} are held out"
            )
        return None

    def prepare(self, data: Data, store: Store) -> Evaluate:
        """Choose the images."""
        held_out = data.split("test")
        order = hashed_order(len(held_out))[: self.validation + self.test]
        validation, test = order[: self.validation], order[self.validation :]

        def evaluate(generated: Generated) -> dict[str, float]:
            generate, latent = generated.generate, generated.latent
            assert generate is not None, "reconstruction needs the generator itself"

            def error(chosen: Tensor) -> float:
                parts = [
                    reconstruction_errors(generate, data.decode(held_out[part]), latent, self.steps)
                    for part in chosen.split(AT_ONCE)
                ]
                return float(torch.cat(parts).double().mean())

            return {RUNNING: error(validation), FINAL: error(test) if generated.final else float("nan")}

        return evaluate


def reconstruction_errors(generate: Callable[[Tensor], Tensor], images: Tensor, latent: int, steps: int) -> Tensor:
    """Reconstruct images, each by itself (Xiang & Li 2017, section 4.2).

    Args:
        generate: From latents [n, latent] to images in [-1, 1], differentiable, each sample by itself.
        images: [n, C, H, W] in [-1, 1].
        latent: Length of a latent vector.
        steps: Steps of RMSProp.

    Returns:
        For each image the mean squared error per element after the last step, of images in [0, 1], [n].
    """

    def squared(z: Tensor) -> Tensor:
        return ((generate(z) - images) / 2).square().flatten(1)

    z = images.new_zeros((len(images), latent))
    average = torch.zeros_like(z)
    for _ in range(steps):
        with torch.enable_grad():
            z.requires_grad_()
            (gradient,) = torch.autograd.grad(squared(z).sum(), z)
        average = ALPHA * average + (1 - ALPHA) * gradient.square()
        z = z.detach() - RATE * gradient / (average.sqrt() + EPS)
    with torch.no_grad():
        return squared(z).mean(dim=1)
