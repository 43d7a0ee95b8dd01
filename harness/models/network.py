"""The functional network: an architecture's layer table, the normalizer that acts on it, and nothing that changes.

Weights are passed in, so that the same function serves plain, replayed and compiled execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench.harness.errors import MethodError
from ganbench.harness.models.operations import Layers, Recorder, Settling, Tree, hook_misfit, hook_raised
from ganbench.harness.models.phase import Phase
from ganbench.harness.models.stacking import stacked_reparameterization
from ganbench.harness.normalizer import Normalizer, overrides, total_penalty
from ganbench.harness.normalizer.layers import Layer

ForwardFunction = Callable[[Layers, Tensor], Tensor]
Initializer = Callable[[Layer, torch.Generator], Tensor]


@dataclass(frozen=True)
class Network:
    """An architecture's network under a normalizer: pure functions of parameters and state.

    Attributes:
        layers: The layer table, by name, in the order of the forward pass.
        forward: The architecture's function.
        normalizer: What reparameterizes the weights and follows the layers.
        phase: How far a growing network has grown; None for others.
        stacked: Whether layers of equal shape are reparameterized together where the normalizer offers it. Its numbers are
            those of the plain network up to rounding, if :func:`ganbench.harness.models.stacking_check.misfit` finds
            nothing.
    """

    layers: dict[str, Layer]
    forward: ForwardFunction
    normalizer: Normalizer
    phase: Phase | None = None
    stacked: bool = False

    @property
    def weighted(self) -> dict[str, Layer]:
        """The layers that have a weight, by name."""
        return {name: layer for name, layer in self.layers.items() if layer.has_weight}

    @classmethod
    def build(
        cls,
        name: str,
        forward: ForwardFunction,
        input_shape: tuple[int, ...],
        normalizer: Normalizer,
        phase: Phase | None = None,
    ) -> Network:
        """Record the layer table of an architecture.

        Args:
            name: ``"generator"`` or ``"discriminator"``.
            forward: The architecture's function.
            input_shape: Shape of one input, without the batch axis.
            normalizer: What acts on the network.
            phase: How far a growing network has grown.
        """
        recorder = Recorder(name, normalizer, phase)
        forward(recorder, torch.empty((2, *input_shape), device="meta"))
        return cls(recorder.recorded, forward, normalizer, phase)

    def init(
        self,
        initialize: Initializer,
        generator: torch.Generator,
        normalizer_generator: torch.Generator,
        kept: tuple[Tree, Tree] = ({}, {}),
    ) -> tuple[Tree, Tree]:
        """Draw raw weights, and the normalizer's parameters and state.

        The raw weights depend on the generator alone, so that they are the same under every normalizer.

        Args:
            initialize: The architecture's initialisation.
            generator: The stream of this network's raw weights.
            normalizer_generator: The normalizer's own stream.
            kept: Parameters and state of a smaller network that this one has grown from; only further layers are drawn.

        Returns:
            Trained parameters and normalizer state, both by layer.

        Raises:
            MethodError: The normalizer raised, or took a name that is not free.
        """
        params: Tree = {}
        state: Tree = {}
        for name, layer in self.layers.items():
            if name in kept[0]:
                params[name] = kept[0][name]
                state |= {name: kept[1][name]} if layer.has_weight else {}
                continue
            params[name] = {}
            if layer.has_weight:
                weight = self._initial(layer, initialize, generator, normalizer_generator)
                extra, state[name], has_bias = self._asked(layer, weight, normalizer_generator)
                bias = {"bias": torch.zeros(layer.out_features)} if layer.bias and has_bias else {}
                params[name] = self._joined(layer, {"weight": weight, **bias}, extra)
            params[name] = self._joined(layer, params[name], self._following(layer, normalizer_generator))
        return params, state

    def _asked(
        self, layer: Layer, weight: Tensor, generator: torch.Generator
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], bool]:
        """Return the normalizer's parameters and state for a weight, and whether the layer keeps its bias."""
        try:
            return (
                self.normalizer.init_params(weight, layer, generator),
                self.normalizer.init_state(weight, layer, generator),
                self.normalizer.has_bias(layer),
            )
        except BaseException as error:
            raise hook_raised(self.normalizer, "init_params or init_state", layer.name, error) from error

    def _following(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the parameters of what follows a layer, or of what joins branches."""
        hook = "init_addition" if layer.kind == "addition" else "init_activation"
        try:
            found: dict[str, Tensor] = getattr(self.normalizer, hook)(layer, generator)
        except BaseException as error:
            raise hook_raised(self.normalizer, hook, layer.name, error) from error
        return found

    def _joined(self, layer: Layer, params: dict[str, Tensor], more: dict[str, Tensor]) -> dict[str, Tensor]:
        taken = more.keys() & (params.keys() | {"weight", "bias"})
        if taken:
            name = self.normalizer.name
            raise MethodError(f"{name} took the reserved name {taken.pop()!r} for a parameter of layer {layer.name!r}")
        return {**params, **more}

    def effective(self, params: Tree, state: Tree) -> tuple[Tree, Tree]:
        """Compute the effective weights and the normalizer's next state.

        Raises:
            MethodError: The normalizer raised, or returned a wrong shape or dtype.
        """
        weights: Tree = dict(params)
        advanced: Tree = {}
        together = stacked_reparameterization(self.normalizer, self.weighted, params, state) if self.stacked else {}
        for name, layer in self.weighted.items():
            weight, after = together[name] if name in together else self._alone(layer, params[name], state[name])
            weights[name] = {**params[name], "weight": weight}
            advanced[name] = {key: value.detach() for key, value in after.items()}
        return weights, advanced

    def _alone(
        self, layer: Layer, params: Mapping[str, Tensor], state: Mapping[str, Tensor]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return a layer's effective weight and next state."""
        raw = params["weight"]
        try:
            weight, after = self.normalizer.reparameterize(raw, params, state, layer)
            mismatch = weight.shape != raw.shape or weight.dtype != raw.dtype or after.keys() != state.keys()
        except BaseException as error:
            raise hook_raised(self.normalizer, "reparameterize", layer.name, error) from error
        if mismatch:
            raise MethodError(hook_misfit(self.normalizer, "reparameterize", layer.name, raw, weight))
        return weight, after

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
        except BaseException as error:
            raise hook_raised(self.normalizer, "initialize", layer.name, error) from error
        if weight is None:
            return initialize(layer, generator)
        if tuple(weight.shape) != layer.shape or weight.dtype != torch.float32:
            expected = torch.empty(layer.shape, device="meta")
            raise MethodError(hook_misfit(self.normalizer, "initialize", layer.name, expected, weight))
        return weight

    def uses(self, *hooks: str) -> bool:
        """Say whether the normalizer has hooks of its own by these names, so that a step need not call empty ones."""
        return overrides(self.normalizer, *hooks)

    def penalty(
        self, weights: Tree, real: Tensor, fake: Tensor, noise: Tensor | None, fade: Tensor | None = None
    ) -> Tensor | None:
        """Return what the normalizer adds to this network's loss, a scalar, or None.

        Raises:
            MethodError: The normalizer raised.
        """
        try:
            terms = [
                self.normalizer.weight_penalty(weights[name]["weight"], layer) for name, layer in self.weighted.items()
            ]
            terms.append(self.normalizer.penalty(lambda x: self(weights, x, fade), real, fake, noise))
        except MethodError:
            raise
        except BaseException as error:
            raise hook_raised(self.normalizer, "penalty", "all", error) from error
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
            except BaseException as error:
                raise hook_raised(self.normalizer, "project", name, error) from error
            if projected[name].keys() != params[name].keys():
                raise MethodError(f"{self.normalizer.name}.project at layer {name!r} returned other parameters")
        return projected

    def settle(self, weights: Tree, x: Tensor, fade: Tensor | None = None) -> tuple[Tree, Tensor]:
        """Run the network on a batch, and keep what that batch decides, such as the statistics of batch normalization.

        Args:
            weights: From :meth:`effective`.
            x: The batch, [N, ...]; the larger, the less its chance matters.
            fade: How far a growing network has faded its newest level in.

        Returns:
            Weights under which an output does not depend on the rest of its batch; and the outputs for ``x``.

        Raises:
            MethodError: The normalizer raised.
        """
        layers = Settling(weights, self.layers, self.normalizer, self.phase, fade)
        outputs = self.forward(layers, x)
        return layers.settled, outputs

    def __call__(self, weights: Tree, x: Tensor, fade: Tensor | None = None) -> Tensor:
        """Run the network with effective weights.

        Args:
            weights: From :meth:`effective`.
            x: [N, ...].
            fade: How far a growing network has faded its newest level in.
        """
        return self.forward(Layers(weights, self.layers, self.normalizer, self.phase, fade), x)


def leaves(tree: Tree) -> list[Tensor]:
    """Return a tree's tensors in its order."""
    return [tensor for layer in tree.values() for tensor in layer.values()]


def with_leaves(tree: Tree, tensors: list[Tensor]) -> Tree:
    """Return a tree of the same form with other tensors, given in the tree's order."""
    iterator = iter(tensors)
    return {name: {key: next(iterator) for key in layer} for name, layer in tree.items()}
