"""The hooks of a normalizer, each with what it is given and what it must return."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ganbench.harness.plugins.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import torch
    from torch import Tensor

    from ganbench.harness.normalizer.claims import Claim
    from ganbench.harness.normalizer.layers import Layer

NETWORKS = frozenset({"generator", "discriminator"})
MODES = frozenset({"compiled"})
"""Ways of running a step beside the plain one: as a whole, replayed or compiled."""


class Normalizer(Plugin):
    """Base of all normalizers; on its own it changes nothing.

    Attributes:
        networks: The networks it is applied to. A generator to which it is not applied keeps the normalization that
            its architecture was published with (batch normalization in the DCGAN family).
        modes: The ways of running that its hooks allow; declare those out that it cannot, and its trials run plainly
            there. What hinders: control flow on a tensor's values, and ``.item()``.
    """

    kind: ClassVar[str] = "normalizer"
    networks: ClassVar[frozenset[str]] = frozenset({"discriminator"})
    modes: ClassVar[frozenset[str]] = MODES

    def on(self, network: str) -> Normalizer | None:
        """Return what acts on a network, or None where the normalizer is not for it."""
        return self if network in self.networks else None

    def runs(self, mode: str) -> bool:
        """Say whether its hooks allow a way of running, such as ``"compiled"``."""
        return mode in self.modes

    def refuse(self, layers: Mapping[str, Layer]) -> str | None:
        """Say why the normalizer makes no sense on a network, or return None when it does.

        Args:
            layers: The layer table of a network that it is to be applied to.
        """
        return None

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """Return what holds of a layer's effective weight, for instance that its largest singular value is at most 1.

        A claim speaks of weights after :meth:`project`, with trained parameters as they start, and of a state that has
        come to rest on them. ``ganbench check`` measures it exactly; see ``harness/normalizer/claims.py``.

        Args:
            layer: What the layer is and where it stands.
        """
        return ()

    def has_bias(self, layer: Layer) -> bool:
        """Say whether a weight layer keeps its bias."""
        return True

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor | None:
        """Return a layer's initial raw weight, or None for the architecture's own.

        Args:
            layer: What the layer is and where it stands.
            generator: The stream of the network's raw weights, on the CPU. Drawing from it and returning None would
                break the pairing of seeds.
        """
        return None

    def init_params(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Return trained parameters beside the raw weight, for instance a scale.

        Args:
            weight: The raw weight at initialisation, in the layout of ``torch.nn.functional``: [out, in] for a linear
                layer, [out, in, k, k] for a convolution, [in, out, k, k] for a transposed one.
            layer: What the layer is and where it stands.
            generator: The normalizer's own random stream, on the CPU.

        Returns:
            Tensors by name; the names ``weight`` and ``bias`` are taken.
        """
        return {}

    def init_state(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Return what is carried from step to step but not trained, for instance a power iteration's vector.

        Args:
            weight: The raw weight at initialisation.
            layer: What the layer is and where it stands.
            generator: The normalizer's own random stream, on the CPU.
        """
        return {}

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the effective weight and the state after this step.

        Args:
            weight: The raw, trained weight.
            params: What :meth:`init_params` returned, as trained so far.
            state: What the last call returned, or :meth:`init_state`.
            layer: What the layer is and where it stands.

        Returns:
            The effective weight, of the raw weight's shape and dtype, through which gradients flow to ``weight`` and
            ``params``; and the state with the same keys, shapes and dtypes.
        """
        return weight, state

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Return what :meth:`reparameterize` returns, for K layers of equal shape at once; or None for no such fast path.

        Of equal shape are layers of the same ``kind`` and ``shape`` whose params and state have the same keys, shapes and
        dtypes. They may differ in where they stand: in stride, padding, the sizes of their feature maps, what follows
        them, and whether they are the last. That is why all of them are passed. Where such a difference matters and the
        fast path does not know it, return None for these layers.

        It must equal :meth:`reparameterize` layer by layer, in values, states and gradients, and no layer may touch
        another. It is compared before it is used, and is not used where it differs. It runs only in the compiled mode
        (``ganbench run --compile``), never in the plain one, whose numbers are kept bit for bit: one product of matrices
        rounds otherwise than several.

        Args:
            weights: The raw weights, [K, *shape].
            params: What :meth:`reparameterize` is given, each with a leading K.
            states: The layers' states, each with a leading K.
            layers: What the K layers are and where they stand.

        Returns:
            The effective weights, [K, *shape], and the states with a leading K; or None, and every layer is treated by
            itself.
        """
        return None

    def extra_features(self, layer: Layer) -> int:
        """Return how many features :meth:`extend` adds to a linear layer's input.

        Args:
            layer: As the architecture has it, without them.
        """
        return 0

    def extend(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Return a linear layer's input with further features, for instance statistics of the batch.

        Args:
            x: [N, C].
            params: What :meth:`init_params` returned, as trained so far.
            layer: What the layer is; its ``shape`` counts the further features.

        Returns:
            [N, C + extra_features].
        """
        return x

    def init_activation(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the trained parameters of :meth:`activate`, for instance a scale and a shift.

        It is asked for every layer but additions, also for activations that stand before a layer and have no weight.

        Args:
            layer: What the layer is; ``layer.init_activation()`` returns what its own activation needs.
            generator: The normalizer's own random stream, on the CPU.
        """
        return layer.init_activation()

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Return what follows a layer's output: by default the layer's own activation.

        Args:
            x: The output of the layer, [N, C] or [N, C, H, W].
            params: What :meth:`init_params` and :meth:`init_activation` returned, as trained so far.
            layer: What the layer is; ``layer.activate(x, params)`` applies its own activation.

        Returns:
            A tensor of the same shape and dtype.
        """
        return layer.activate(x, params)

    def settle(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> dict[str, Tensor]:
        """Return what :meth:`activate` takes from a batch, such as its mean and variance, so that it can be kept.

        A trained generator is settled by one large batch: from then on a sample does not depend on its neighbours.

        Args:
            x: The output of the layer for that batch, [N, C] or [N, C, H, W].
            params: What :meth:`activate` is given.
            layer: What the layer is.

        Returns:
            Tensors by name, which :meth:`activate` then finds among its ``params`` and uses in the batch's place. Nothing
            for a normalizer that treats every sample by itself.
        """
        return {}

    def init_addition(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the trained parameters of :meth:`add`.

        Args:
            layer: The addition; ``layer.out_features`` are its channels.
            generator: The normalizer's own random stream, on the CPU.
        """
        return {}

    def add(self, residual: Tensor, shortcut: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Return how the two branches of a residual block are joined: by default their sum.

        Args:
            residual: [N, C, H, W].
            shortcut: Of the same shape.
            params: What :meth:`init_addition` returned, as trained so far.
            layer: The addition.

        Returns:
            A tensor of the same shape and dtype.
        """
        return residual + shortcut

    def weight_penalty(self, weight: Tensor, layer: Layer) -> Tensor | None:
        """Return what the discriminator's loss is to be increased by for one of its effective weights, a scalar."""
        return None

    def noise_shape(self, real_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the shape of the uniform noise in [0, 1) that :meth:`penalty` needs, or None for none.

        Args:
            real_shape: Shape of a batch of real samples, [N, ...].
        """
        return None

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, noise: Tensor | None
    ) -> Tensor | None:
        """Return what the discriminator's loss is to be increased by, a scalar.

        Args:
            discriminator: From samples to logits [N], with this step's effective weights.
            real: Real samples, [N, ...].
            fake: Generated samples of the same shape, without gradient to the generator.
            noise: Uniform, of the shape that :meth:`noise_shape` asked for.
        """
        return None

    def project(self, params: Mapping[str, Tensor], layer: Layer) -> Mapping[str, Tensor]:
        """Return a layer's trained parameters after an update of the discriminator; the same keys and shapes."""
        return params


def overrides(normalizer: Normalizer, *hooks: str) -> bool:
    """Say whether a normalizer has any of some hooks of its own; by default they do nothing."""
    return any(getattr(type(normalizer), hook) is not getattr(Normalizer, hook) for hook in hooks)


def total_penalty(terms: Iterable[Tensor | None]) -> Tensor | None:
    """Return the sum of penalties, or None where there is none."""
    found = [term for term in terms if term is not None]
    return sum(found[1:], found[0]) if found else None
