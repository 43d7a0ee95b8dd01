"""What a layer is: the row of a paper's layer table, and the views of its weight that normalizers take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class PReLU:
    """A leaky ReLU whose slope is learned per unit or channel (He et al. 2015, arXiv:1502.01852, equation 1).

    Attributes:
        start: The slope before training.
    """

    start: float = 0.25

    def init(self, features: int) -> dict[str, Tensor]:
        """Return the slopes before training, [features]."""
        return {"slope": torch.full((features,), self.start)}

    def __call__(self, x: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        """Apply it to [N, C] or [N, C, H, W]."""
        return F.prelu(x, params["slope"])


Activation = Callable[[Tensor], Tensor] | PReLU
"""An element-wise function of a tensor of any shape; or one with parameters of its own, trained with the weights."""

WEIGHTED = ("linear", "conv", "conv_transpose")
"""Kinds of layer that have a weight."""

RELU: Activation = torch.relu
LEAKY_RELU_01: Activation = partial(F.leaky_relu, negative_slope=0.1)
LEAKY_RELU_02: Activation = partial(F.leaky_relu, negative_slope=0.2)
PRELU = PReLU()
TANH: Activation = torch.tanh


def stretched_sigmoid(x: Tensor) -> Tensor:
    """Return a sigmoid stretched from [0, 1], where some papers have their images, to our [-1, 1]."""
    return 2 * torch.sigmoid(x) - 1


def identity(x: Tensor) -> Tensor:
    """Return the tensor as it is: the activation of a layer that has none."""
    return x


@dataclass(frozen=True)
class Layer:
    """One row of a network's layer table, as a normalizer sees it.

    Most rows are weight layers with what follows them. Two kinds have no weight: an ``activation`` that stands before a
    layer, as in residual networks, and an ``addition`` that joins two branches.

    Attributes:
        name: Unique within the network, in the order of the forward pass.
        network: ``"generator"`` or ``"discriminator"``.
        kind: ``"linear"``, ``"conv"``, ``"conv_transpose"``, ``"activation"`` or ``"addition"``.
        shape: The weight's shape in the layout of ``torch.nn.functional``; (channels,) where there is no weight.
        stride: Of a convolution; 1 for a linear layer.
        padding: Of a convolution; 0 for a linear layer.
        input_size: Height and width of the input; () for a linear layer.
        output_size: Height and width of the output; () for a linear layer.
        activation: What follows the layer in the published architecture; its last layer's is its output function.
        normalized: Whether the papers place a batch normalization between the layer and its activation.
        last: Whether this is the network's output layer.
        bias: Whether the architecture gives the layer a bias.
        extra: Features that the normalizer adds to the input of a linear layer, counted in ``shape``.
        affine: Whether the layer keeps a scale, a bias and its own activation where a normalizer takes them from hidden
            layers, as it does from none but the last (Xiang & Li's residual generator begins with such a layer).
    """

    name: str
    network: str
    kind: str
    shape: tuple[int, ...]
    stride: int
    padding: int
    input_size: tuple[int, ...]
    output_size: tuple[int, ...]
    activation: Activation
    normalized: bool
    last: bool
    bias: bool = True
    extra: int = 0
    affine: bool = False

    @property
    def has_weight(self) -> bool:
        """Whether the layer has a weight."""
        return self.kind in WEIGHTED

    @property
    def activates(self) -> bool:
        """Whether a hidden activation follows: not the output's own function, and not nothing."""
        return not self.last and self.activation is not identity

    @property
    def out_features(self) -> int:
        """Output channels (or units)."""
        return self.shape[1] if self.kind == "conv_transpose" else self.shape[0]

    @property
    def in_features(self) -> int:
        """Input channels (or units)."""
        return self.shape[1] if self.kind in ("linear", "conv") else self.shape[0]

    @property
    def kernel_size(self) -> int:
        """Number of taps of the kernel, k_h * k_w; 1 for a linear layer."""
        return math.prod(self.shape[2:])

    @property
    def places(self) -> int:
        """Height times width of the output; 1 for a linear layer."""
        return math.prod(self.output_size)

    @property
    def fan_in(self) -> int:
        """c_in * k_h * k_w. Torch's own helper swaps the two fans of transposed convolutions; this does not."""
        return self.in_features * self.kernel_size

    @property
    def fan_out(self) -> int:
        """c_out * k_h * k_w."""
        return self.out_features * self.kernel_size

    def init_activation(self) -> dict[str, Tensor]:
        """Return the parameters of the layer's own activation before training; none for most."""
        return self.activation.init(self.out_features) if isinstance(self.activation, PReLU) else {}

    def activate(self, x: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        """Apply the layer's own activation.

        Args:
            x: [N, C] or [N, C, H, W].
            params: The layer's parameters, among them those of :meth:`init_activation`.
        """
        return self.activation(x, params) if isinstance(self.activation, PReLU) else self.activation(x)


def output_matrix(weight: Tensor, layer: Layer) -> Tensor:
    """Reshape a weight to M1, [c_out, c_in * k * k]: the matrix that spectral normalization divides by.

    Miyato et al. 2018, section 2.1; a transposed convolution's first two axes are swapped before. Weights of several
    layers, [K, *shape], become [K, c_out, c_in * k * k].
    """
    stacked = weight.dim() - len(layer.shape)
    if layer.kind == "conv_transpose":
        weight = weight.transpose(stacked, stacked + 1)
    return weight.reshape(*weight.shape[:stacked], layer.out_features, -1)


def input_matrix(weight: Tensor, layer: Layer) -> Tensor:
    """Reshape a weight to M2, [c_in, c_out * k * k]: the second matrix of bidirectional spectral normalization.

    Lin, Sekar & Fanti 2021, section 4. It needs a transposition of the first two axes: a plain ``view(c_in, -1)`` mixes
    output channels into rows, and on random Gaussian kernels the wrong norm is almost the right one. Weights of several
    layers, [K, *shape], become [K, c_in, c_out * k * k].
    """
    stacked = weight.dim() - len(layer.shape)
    if layer.kind != "conv_transpose":
        weight = weight.transpose(stacked, stacked + 1)
    return weight.reshape(*weight.shape[:stacked], layer.in_features, -1)


def row_norms(weight: Tensor, layer: Layer) -> Tensor:
    """Return the Euclidean norm of each output unit's weight, [c_out]; of several layers' weights, [K, c_out]."""
    return torch.linalg.vector_norm(output_matrix(weight, layer), dim=-1)


def per_output(values: Tensor, layer: Layer) -> Tensor:
    """Reshape a value per output unit, [c_out] or [K, c_out], so that it multiplies that unit's weight."""
    shape = [1] * len(layer.shape)
    shape[1 if layer.kind == "conv_transpose" else 0] = -1
    return values.view(*values.shape[:-1], *shape)


def per_layer(values: Tensor, weights: Tensor) -> Tensor:
    """Reshape a value per layer, [K], so that it multiplies that layer's of the weights, [K, *shape]."""
    return values.view([-1] + [1] * (weights.dim() - 1))
