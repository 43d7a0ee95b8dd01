"""The functional network: an architecture's layer table, the normalizer that acts on it, and nothing that changes.

An architecture is written as a function of a :class:`Layers` object and an input, one call per row of the paper's layer
table. Called with :class:`_Recorder` it yields the table; called with :class:`Layers` it computes. Weights are passed in,
so that the same function serves plain, compiled and batched execution.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.errors import MethodError
from harness.models.layers import Activation, Layer, identity
from harness.normalizer import Normalizer, total_penalty

Tree = dict[str, dict[str, Tensor]]
"""Tensors by layer and name, for instance ``params["conv1"]["weight"]``."""

ForwardFunction = Callable[["Layers", Tensor], Tensor]
Initializer = Callable[[Layer, torch.Generator], Tensor]


class Layers:
    """The operations that an architecture is written in, computing with given effective weights.

    A call is a row of the paper's layer table: what follows the layer, whether batch normalization stands in between,
    and whether it is the last. These are for the table, which normalizers read; computing needs the weights alone.

    Args:
        weights: Effective weights, biases and the normalizer's trained parameters, by layer.
        table: The layers by name.
        normalizer: What follows each weight layer.
    """

    def __init__(self, weights: Tree, table: Mapping[str, Layer], normalizer: Normalizer) -> None:
        self._weights = weights
        self._table = table
        self._normalizer = normalizer

    def linear(
        self,
        name: str,
        x: Tensor,
        features: int,
        activation: Activation = identity,
        *,
        normalized: bool = False,
        last: bool = False,
    ) -> Tensor:
        """Apply a fully connected layer: [N, C] to [N, features]."""
        weights = self._weights[name]
        layer = self._table[name]
        if layer.extra:
            x = self._extend(layer, x, weights)
        return self._activate(name, F.linear(x, weights["weight"], weights.get("bias")), weights)

    def conv(
        self,
        name: str,
        x: Tensor,
        channels: int,
        kernel: int,
        activation: Activation = identity,
        *,
        stride: int = 1,
        padding: int = 0,
        normalized: bool = False,
        last: bool = False,
    ) -> Tensor:
        """Apply a convolution: [N, C, H, W] to [N, channels, H', W']."""
        weights = self._weights[name]
        return self._activate(name, F.conv2d(x, weights["weight"], weights.get("bias"), stride, padding), weights)

    def conv_transpose(
        self,
        name: str,
        x: Tensor,
        channels: int,
        kernel: int,
        activation: Activation = identity,
        *,
        stride: int = 1,
        padding: int = 0,
        normalized: bool = False,
        last: bool = False,
    ) -> Tensor:
        """Apply a transposed convolution: [N, C, H, W] to [N, channels, H', W']."""
        weights = self._weights[name]
        y = F.conv_transpose2d(x, weights["weight"], weights.get("bias"), stride, padding)
        return self._activate(name, y, weights)

    def _extend(self, layer: Layer, x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        try:
            y = self._normalizer.extend(x, weights, layer)
        except Exception as error:
            raise MethodError(_told(self._normalizer, "extend", layer.name, error)) from error
        if y.shape != (x.shape[0], x.shape[1] + layer.extra) or y.dtype != x.dtype:
            expected = x.new_empty((x.shape[0], x.shape[1] + layer.extra))
            raise MethodError(_mismatch(self._normalizer, "extend", layer.name, expected, y))
        return y

    def _activate(self, name: str, x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        try:
            y = self._normalizer.activate(x, weights, self._table[name])
        except Exception as error:
            raise MethodError(_told(self._normalizer, "activate", name, error)) from error
        if y.shape != x.shape or y.dtype != x.dtype:
            raise MethodError(_mismatch(self._normalizer, "activate", name, x, y))
        return y


class _Recorder(Layers):
    """Writes down the layer table while the architecture runs on meta tensors, which have a shape and no values."""

    def __init__(self, network: str, normalizer: Normalizer) -> None:
        self._table: dict[str, Layer] = {}
        super().__init__({}, self._table, Normalizer())
        self._network = network
        self._asked = normalizer
        self.recorded: dict[str, Layer] = {}

    def linear(self, name: str, x: Tensor, features: int, *args: Any, **kwargs: Any) -> Tensor:
        """Record a fully connected layer."""
        return self._record(name, "linear", super().linear, (features, x.shape[1]), x, (features, *args), kwargs)

    def conv(self, name: str, x: Tensor, channels: int, kernel: int, *args: Any, **kwargs: Any) -> Tensor:
        """Record a convolution."""
        shape = (channels, x.shape[1], kernel, kernel)
        return self._record(name, "conv", super().conv, shape, x, (channels, kernel, *args), kwargs)

    def conv_transpose(self, name: str, x: Tensor, channels: int, kernel: int, *args: Any, **kwargs: Any) -> Tensor:
        """Record a transposed convolution."""
        shape = (x.shape[1], channels, kernel, kernel)
        return self._record(name, "conv_transpose", super().conv_transpose, shape, x, (channels, kernel, *args), kwargs)

    def _record(
        self,
        name: str,
        kind: str,
        operation: Callable[..., Tensor],
        shape: tuple[int, ...],
        x: Tensor,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Tensor:
        if name in self.recorded:
            raise ValueError(f"two layers of the {self._network} are named {name!r}")
        given = inspect.signature(operation).bind(name, x, *args, **kwargs)
        given.apply_defaults()
        layer = Layer(
            name=name,
            network=self._network,
            kind=kind,
            shape=shape,
            stride=given.arguments.get("stride", 1),
            padding=given.arguments.get("padding", 0),
            input_size=tuple(x.shape[2:]),
            output_size=(),
            activation=given.arguments["activation"],
            normalized=given.arguments["normalized"],
            last=given.arguments["last"],
            extra=0,
        )
        self._weights[name] = {"weight": torch.empty(shape, device="meta")}
        self._table[name] = layer
        y = operation(name, x, *args, **kwargs)
        layer = replace(layer, output_size=tuple(y.shape[2:]))
        self.recorded[name] = self._extended(layer) if kind == "linear" else layer
        return y

    def _extended(self, layer: Layer) -> Layer:
        """Make room for the features that the normalizer adds to a linear layer's input."""
        try:
            extra = self._asked.extra_features(layer)
        except Exception as error:
            raise MethodError(_told(self._asked, "extra_features", layer.name, error)) from error
        return replace(layer, shape=(layer.shape[0], layer.shape[1] + extra), extra=extra)


@dataclass(frozen=True)
class Network:
    """An architecture's network under a normalizer: pure functions of parameters and state.

    Attributes:
        layers: The layer table, by name, in the order of the forward pass.
        forward: The architecture's function.
        normalizer: What reparametrizes the weights and follows the layers.
    """

    layers: dict[str, Layer]
    forward: ForwardFunction
    normalizer: Normalizer

    @classmethod
    def build(
        cls, name: str, forward: ForwardFunction, input_shape: tuple[int, ...], normalizer: Normalizer
    ) -> Network:
        """Record the layer table of an architecture.

        Args:
            name: ``"generator"`` or ``"discriminator"``.
            forward: The architecture's function.
            input_shape: Shape of one input, without the batch axis.
            normalizer: What acts on the network.
        """
        recorder = _Recorder(name, normalizer)
        forward(recorder, torch.empty((2, *input_shape), device="meta"))
        return cls(recorder.recorded, forward, normalizer)

    def init(
        self, initialize: Initializer, generator: torch.Generator, normalizer_generator: torch.Generator
    ) -> tuple[Tree, Tree]:
        """Draw raw weights, and the normalizer's parameters and state.

        The raw weights depend on the generator alone, so that they are the same under every normalizer.

        Args:
            initialize: The architecture's initialisation.
            generator: The stream of this network's raw weights.
            normalizer_generator: The normalizer's own stream.

        Returns:
            Trained parameters and normalizer state, both by layer.

        Raises:
            MethodError: The normalizer raised, or took a name that is not free.
        """
        params: Tree = {}
        state: Tree = {}
        for name, layer in self.layers.items():
            weight = self._initial(layer, initialize, generator, normalizer_generator)
            try:
                extra = self.normalizer.init_params(weight, layer, normalizer_generator)
                state[name] = self.normalizer.init_state(weight, layer, normalizer_generator)
                bias = {"bias": torch.zeros(layer.out_features)} if self.normalizer.has_bias(layer) else {}
            except Exception as error:
                raise MethodError(_told(self.normalizer, "init_params or init_state", name, error)) from error
            taken = extra.keys() & {"weight", "bias"}
            if taken:
                raise MethodError(f"{self.normalizer.name}.init_params took the reserved name {taken.pop()!r}")
            params[name] = {"weight": weight, **bias, **extra}
        return params, state

    def effective(self, params: Tree, state: Tree) -> tuple[Tree, Tree]:
        """Compute the effective weights and the normalizer's next state.

        Raises:
            MethodError: The normalizer raised, or returned a wrong shape or dtype.
        """
        weights: Tree = {}
        advanced: Tree = {}
        for name, layer in self.layers.items():
            raw = params[name]["weight"]
            try:
                weight, after = self.normalizer.reparametrize(raw, params[name], state[name], layer)
                mismatch = weight.shape != raw.shape or weight.dtype != raw.dtype or after.keys() != state[name].keys()
            except Exception as error:
                raise MethodError(_told(self.normalizer, "reparametrize", name, error)) from error
            if mismatch:
                raise MethodError(_mismatch(self.normalizer, "reparametrize", name, raw, weight))
            weights[name] = {**params[name], "weight": weight}
            advanced[name] = {key: value.detach() for key, value in after.items()}
        return weights, advanced

    def _initial(
        self, layer: Layer, initialize: Initializer, generator: torch.Generator, normalizer_generator: torch.Generator
    ) -> Tensor:
        """Draw a layer's raw weight.

        What belongs to features that the normalizer adds is drawn from the normalizer's stream, so that the rest is the
        same as without them.
        """
        if not layer.extra:
            return self._drawn(layer, initialize, generator)
        plain = replace(layer, shape=(layer.shape[0], layer.shape[1] - layer.extra), extra=0)
        own = self._drawn(layer, initialize, normalizer_generator)[:, -layer.extra :]
        return torch.cat([self._drawn(plain, initialize, generator), own], dim=1)

    def _drawn(self, layer: Layer, initialize: Initializer, generator: torch.Generator) -> Tensor:
        try:
            weight = self.normalizer.initialize(layer, generator)
        except Exception as error:
            raise MethodError(_told(self.normalizer, "initialize", layer.name, error)) from error
        if weight is None:
            return initialize(layer, generator)
        if tuple(weight.shape) != layer.shape or weight.dtype != torch.float32:
            expected = torch.empty(layer.shape, device="meta")
            raise MethodError(_mismatch(self.normalizer, "initialize", layer.name, expected, weight))
        return weight

    def uses(self, *hooks: str) -> bool:
        """Say whether the normalizer has hooks of its own by these names, so that a step need not call empty ones."""
        return any(getattr(type(self.normalizer), hook) is not getattr(Normalizer, hook) for hook in hooks)

    def penalty(self, weights: Tree, real: Tensor, fake: Tensor, noise: Tensor | None) -> Tensor | None:
        """Return what the normalizer adds to this network's loss, a scalar, or None.

        Raises:
            MethodError: The normalizer raised.
        """
        try:
            terms = [
                self.normalizer.weight_penalty(weights[name]["weight"], layer) for name, layer in self.layers.items()
            ]
            terms.append(self.normalizer.penalty(lambda x: self(weights, x), real, fake, noise))
        except MethodError:
            raise
        except Exception as error:
            raise MethodError(_told(self.normalizer, "penalty", "all", error)) from error
        return total_penalty(terms)

    def project(self, params: Tree) -> Tree:
        """Return the parameters after the normalizer's projection.

        Raises:
            MethodError: The normalizer raised, or returned other keys.
        """
        projected: Tree = {}
        for name, layer in self.layers.items():
            try:
                projected[name] = dict(self.normalizer.project(params[name], layer))
            except Exception as error:
                raise MethodError(_told(self.normalizer, "project", name, error)) from error
            if projected[name].keys() != params[name].keys():
                raise MethodError(f"{self.normalizer.name}.project at layer {name!r} returned other parameters")
        return projected

    def __call__(self, weights: Tree, x: Tensor) -> Tensor:
        """Run the network with effective weights."""
        return self.forward(Layers(weights, self.layers, self.normalizer), x)


def leaves(tree: Tree) -> list[Tensor]:
    """Return a tree's tensors in its order."""
    return [tensor for layer in tree.values() for tensor in layer.values()]


def with_leaves(tree: Tree, tensors: list[Tensor]) -> Tree:
    """Return a tree of the same form with other tensors, given in the tree's order."""
    iterator = iter(tensors)
    return {name: {key: next(iterator) for key in layer} for name, layer in tree.items()}


def _told(normalizer: Normalizer, hook: str, layer: str, error: Exception) -> str:
    return f"{normalizer.name}.{hook} raised at layer {layer!r}: {type(error).__name__}: {error}"


def _mismatch(normalizer: Normalizer, hook: str, layer: str, expected: Tensor, found: Tensor) -> str:
    return (
        f"{normalizer.name}.{hook} at layer {layer!r} returned shape {tuple(found.shape)} of {found.dtype} (or a state "
        f"with other keys), expected {tuple(expected.shape)} of {expected.dtype}"
    )
