"""The operations that an architecture is written in, one call per row of the paper's layer table.

Called with :class:`Layers` an architecture's function computes; called with :class:`Recorder` it yields the table.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.errors import MethodError
from ganbench.harness.models.phase import Phase
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.layers import Activation, Layer, identity
from ganbench.harness.plugins.blame import told_anywhere

Tree = dict[str, dict[str, Tensor]]
"""Tensors by layer and name, for instance ``params["conv1"]["weight"]``."""


class Layers:
    """Computes with given effective weights.

    What follows a layer, whether the papers have batch normalization in between, whether it is the last and whether it
    has a bias are for the table, which normalizers read; computing needs the weights alone.

    Args:
        weights: Effective weights, biases and the other trained parameters, by layer.
        table: The layers by name.
        normalizer: What follows each layer, and how branches are joined.
        phase: How far a growing network has grown; None for others.
        fade: How far it has faded its newest level in, a scalar in [0, 1), or None.
    """

    def __init__(
        self,
        weights: Tree,
        table: Mapping[str, Layer],
        normalizer: Normalizer,
        phase: Phase | None = None,
        fade: Tensor | None = None,
    ) -> None:
        self.phase = phase
        self.fade = fade
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
        bias: bool = True,
        affine: bool = False,
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
        bias: bool = True,
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
        bias: bool = True,
    ) -> Tensor:
        """Apply a transposed convolution: [N, C, H, W] to [N, channels, H', W']."""
        weights = self._weights[name]
        y = F.conv_transpose2d(x, weights["weight"], weights.get("bias"), stride, padding)
        return self._activate(name, y, weights)

    def activation(
        self,
        name: str,
        x: Tensor,
        activation: Activation = identity,
        *,
        normalized: bool = False,
        last: bool = False,
        affine: bool = False,
    ) -> Tensor:
        """Normalize and activate what no single layer made: a sum of branches, or a reshaped feature map."""
        return self._activate(name, x, self._weights[name])

    def add(self, name: str, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Join the two branches of a residual block, both [N, C, H, W]."""
        try:
            y = self._normalizer.add(residual, shortcut, self._weights[name], self._table[name])
        except BaseException as error:
            raise hook_raised(self._normalizer, "add", name, error) from error
        return _same(self._normalizer, "add", name, shortcut, y)

    def _extend(self, layer: Layer, x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        try:
            y = self._normalizer.extend(x, weights, layer)
        except BaseException as error:
            raise hook_raised(self._normalizer, "extend", layer.name, error) from error
        if y.shape != (x.shape[0], x.shape[1] + layer.extra) or y.dtype != x.dtype:
            expected = x.new_empty((x.shape[0], x.shape[1] + layer.extra))
            raise MethodError(hook_misfit(self._normalizer, "extend", layer.name, expected, y))
        return y

    def _activate(self, name: str, x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        try:
            y = self._normalizer.activate(x, weights, self._table[name])
        except BaseException as error:
            raise hook_raised(self._normalizer, "activate", name, error) from error
        return _same(self._normalizer, "activate", name, x, y)


class Settling(Layers):
    """Computes with a batch, and keeps what the normalizer takes from it.

    Attributes:
        settled: The weights, with what was kept.
    """

    def __init__(self, weights: Tree, *rest: Any) -> None:
        super().__init__(weights, *rest)
        self.settled: Tree = dict(weights)

    def _activate(self, name: str, x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
        try:
            kept = self._normalizer.settle(x, weights, self._table[name])
        except BaseException as error:
            raise hook_raised(self._normalizer, "settle", name, error) from error
        self.settled[name] = {**weights, **kept}
        return super()._activate(name, x, self.settled[name])


class Recorder(Layers):
    """Writes down the layer table while the architecture runs on meta tensors, which have a shape and no values.

    What a layer makes is not computed: its shape is known, and PyTorch, asked for it on meta tensors, first imports its
    compiler, which takes every process two seconds.
    """

    def __init__(self, network: str, normalizer: Normalizer, phase: Phase | None = None) -> None:
        super().__init__({}, {}, Normalizer(), phase, torch.empty((), device="meta"))
        self._network = network
        self._asked = normalizer
        self.recorded: dict[str, Layer] = {}

    def linear(self, name: str, x: Tensor, features: int, *args: Any, **kwargs: Any) -> Tensor:
        """Record a fully connected layer."""
        return self._record(name, "linear", Layers.linear, (features, x.shape[1]), x, (features, *args), kwargs)

    def conv(self, name: str, x: Tensor, channels: int, kernel: int, *args: Any, **kwargs: Any) -> Tensor:
        """Record a convolution."""
        shape = (channels, x.shape[1], kernel, kernel)
        return self._record(name, "conv", Layers.conv, shape, x, (channels, kernel, *args), kwargs)

    def conv_transpose(self, name: str, x: Tensor, channels: int, kernel: int, *args: Any, **kwargs: Any) -> Tensor:
        """Record a transposed convolution."""
        shape = (x.shape[1], channels, kernel, kernel)
        return self._record(name, "conv_transpose", Layers.conv_transpose, shape, x, (channels, kernel, *args), kwargs)

    def activation(self, name: str, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Record an activation that stands alone."""
        return self._record(name, "activation", Layers.activation, (x.shape[1],), x, args, kwargs)

    def add(self, name: str, residual: Tensor, shortcut: Tensor) -> Tensor:
        """Record a join."""
        return self._record(name, "addition", Layers.add, (shortcut.shape[1],), residual, (shortcut,), {})

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
        given = _signature(operation).bind(self, name, x, *args, **kwargs)
        given.apply_defaults()
        said = given.arguments
        layer = Layer(
            name=name,
            network=self._network,
            kind=kind,
            shape=shape,
            stride=said.get("stride", 1),
            padding=said.get("padding", 0),
            input_size=tuple(x.shape[2:]),
            output_size=(),
            activation=said.get("activation", identity),
            normalized=said.get("normalized", False),
            last=said.get("last", False),
            bias=said.get("bias", False),
            affine=said.get("affine", False),
        )
        made = _shape_made(layer, x.shape)
        if min(made) < 1 or (kind == "addition" and args[0].shape != x.shape):
            given_shapes = " and ".join(str(list(part.shape)) for part in (x, *args) if isinstance(part, Tensor))
            raise ValueError(f"layer {name!r} of the {self._network}: {kind} of {given_shapes} is not possible")
        layer = replace(layer, output_size=made[2:])
        self.recorded[name] = self._extended(layer) if kind == "linear" else layer
        return x.new_empty(made)

    def _extended(self, layer: Layer) -> Layer:
        """Make room for the features that the normalizer adds to a linear layer's input."""
        try:
            extra = self._asked.extra_features(layer)
        except BaseException as error:
            raise hook_raised(self._asked, "extra_features", layer.name, error) from error
        return replace(layer, shape=(layer.shape[0], layer.shape[1] + extra), extra=extra)


_signature = functools.cache(inspect.signature)


def _shape_made(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of what a layer makes of a batch of some shape."""
    if not layer.has_weight:
        return tuple(shape)
    kernel = layer.shape[2] if len(layer.shape) > 2 else 1
    if layer.kind == "conv_transpose":
        size = ((side - 1) * layer.stride - 2 * layer.padding + kernel for side in shape[2:])
    else:
        size = ((side + 2 * layer.padding - kernel) // layer.stride + 1 for side in shape[2:])
    return (shape[0], layer.out_features, *size)


def hook_raised(normalizer: Normalizer, hook: str, layer: str, error: BaseException) -> MethodError:
    """Say which hook of a normalizer raised, where, what, and in which line of its author's.

    Also of what is no ``Exception``, such as the ``SystemExit`` of a hook that calls ``sys.exit``: it would end the process
    and all other trials in it.

    Raises:
        KeyboardInterrupt: It is that: somebody wants the sweep to end.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    from ganbench.harness.normalizer.composition import authors_of

    told = told_anywhere(error, authors_of(normalizer))
    return MethodError(f"{normalizer.name}.{hook} raised at layer {layer!r}: {told}")


def hook_misfit(normalizer: Normalizer, hook: str, layer: str, expected: Tensor, found: Tensor) -> str:
    """Say that a hook of a normalizer returned something of another shape or dtype."""
    return (
        f"{normalizer.name}.{hook} at layer {layer!r} returned shape {tuple(found.shape)} of {found.dtype} (or a state "
        f"with other keys), expected {tuple(expected.shape)} of {expected.dtype}"
    )


def _same(normalizer: Normalizer, hook: str, layer: str, expected: Tensor, found: Tensor) -> Tensor:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise MethodError(hook_misfit(normalizer, hook, layer, expected, found))
    return found
