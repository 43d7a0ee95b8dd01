"""The multilayer perceptron of the toy problems."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.models.architecture import Architecture
from ganbench.harness.models.operations import Layers
from ganbench.harness.normalizer.layers import LEAKY_RELU_02, RELU, Layer


class MLP(Architecture):
    """Fully connected generator and discriminator for points in the plane.

    The toy networks of VEEGAN (Srivastava et al. 2017) are two hidden layers of 128 units; those of PacGAN (Lin et al.
    2018) are wider and have batch normalization in the generator. Ours follows VEEGAN, with leaky ReLU in the
    discriminator, and Xavier's initialisation (Glorot & Bengio 2010, equation 16).
    """

    name: ClassVar[str] = "mlp"
    summary: ClassVar[str] = "Multilayer perceptrons for points in the plane."
    paper: ClassVar[str] = "Srivastava et al. 2017, arXiv:1705.07761"

    width: int = Field(128, ge=1, le=4096, description="units of each hidden layer")
    depth: int = Field(2, ge=1, le=16, description="hidden layers")
    latent: int = Field(2, ge=1, le=4096, description="length of the latent vector")

    def check(self, sample_shape: tuple[int, ...]) -> str | None:
        """Accept vectors only."""
        return None if len(sample_shape) == 1 else f"makes vectors, and the data are of shape {list(sample_shape)}"

    def generator(self, net: Layers, z: Tensor, sample_shape: tuple[int, ...]) -> Tensor:
        """Turn latents [N, latent] into points [N, d]."""
        for index in range(self.depth):
            z = net.linear(f"hidden{index}", z, self.width, RELU, normalized=True)
        return net.linear("output", z, sample_shape[0], last=True)

    def discriminator(self, net: Layers, x: Tensor) -> Tensor:
        """Turn points [N, d] into logits [N]."""
        for index in range(self.depth):
            x = net.linear(f"hidden{index}", x, self.width, LEAKY_RELU_02, normalized=index > 0)
        return net.linear("output", x, 1, last=True).squeeze(1)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor:
        """Draw from Xavier's uniform distribution, of variance 2 / (fan_in + fan_out)."""
        bound = (6.0 / (layer.in_features + layer.out_features)) ** 0.5
        return (2 * torch.rand(layer.shape, generator=generator) - 1) * bound
