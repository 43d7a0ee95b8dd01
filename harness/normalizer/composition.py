"""Normalizers together: ``spectral_norm + gradient_penalty``, as the large studies combine them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import SerializeAsAny

from ganbench.harness.errors import InputError
from ganbench.harness.normalizer import Normalizer, overrides, total_penalty
from ganbench.harness.plugins.blame import owner

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ganbench.harness.normalizer import Claim
    from ganbench.harness.normalizer.layers import Layer

COMPOSITE = "composite"

ONE_OWNER = {
    "initialize": "initialise weights",
    "reparameterize": "reparameterize weights",
    "activate": "act on activations",
    "add": "join the branches of residual blocks",
    "extend": "add features of the batch",
    "project": "project parameters",
    "noise_shape": "draw noise for a penalty",
}
"""What only one part of a composition may do, in words: two would undo or hide each other."""

OWN = ("weight", "bias")
"""Parameters that belong to the layer, not to a part."""


class Composite(Normalizer):
    """Several normalizers as one: each does what it does alone; penalties add up.

    A part's parameters and state are kept under its name, so that parts cannot touch each other's. Each part acts on the
    networks that it is for.
    """

    name: ClassVar[str] = COMPOSITE
    summary: ClassVar[str] = "Several normalizers together."

    parts: tuple[SerializeAsAny[Normalizer], ...]

    def spec(self) -> dict[str, Any]:
        """Return the canonical description: those of all parts."""
        return {"name": self.name, "version": self.version, "parts": [part.spec() for part in self.parts]}

    def label(self) -> str:
        """Return ``spectral_norm + gradient_penalty(weight=5.0)``."""
        return " + ".join(part.label() for part in self.parts)

    def source(self) -> str:
        """Return the parts' source hashes."""
        return "+".join(part.source() for part in self.parts)

    def on(self, network: str) -> Normalizer | None:
        """Return the parts that are for a network."""
        chosen = tuple(part for part in self.parts if network in part.networks)
        return compose(chosen) if chosen else None

    def runs(self, mode: str) -> bool:
        """Run where all parts can."""
        return all(part.runs(mode) for part in self.parts)

    def refuse(self, layers: Mapping[str, Layer]) -> str | None:
        """Refuse what any part refuses."""
        reasons = ((part, part.refuse(layers)) for part in self.parts)
        return next((f"({part.name}) {reason}" for part, reason in reasons if reason), None)

    def claims(self, layer: Layer) -> tuple[Claim, ...]:
        """What the part claims that has the last word on effective weights; where none reparameterizes, what all claim."""
        owner = self._owner("reparameterize")
        return tuple(claim for part in ([owner] if owner else self.parts) for claim in part.claims(layer))

    def has_bias(self, layer: Layer) -> bool:
        """Keep the bias unless a part takes its place."""
        return all(part.has_bias(layer) for part in self.parts)

    def initialize(self, layer: Layer, generator: torch.Generator) -> Tensor | None:
        """Leave it to the part that does it."""
        for part in self.parts:
            weight = part.initialize(layer, generator)
            if weight is not None:
                return weight
        return None

    def init_params(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Gather the parts' parameters."""
        return _gather(self.parts, lambda part: part.init_params(weight, layer, generator))

    def init_state(self, weight: Tensor, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Gather the parts' state."""
        return _gather(self.parts, lambda part: part.init_state(weight, layer, generator))

    def reparameterize(
        self, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Leave it to the part that does it."""
        after: dict[str, Tensor] = {}
        for part in self.parts:
            weight, own = part.reparameterize(weight, _of(part, params), _of(part, state), layer)
            after |= _named(part, own)
        return weight, after

    def reparameterize_stacked(
        self, weights: Tensor, params: Mapping[str, Tensor], states: Mapping[str, Tensor], layers: Sequence[Layer]
    ) -> tuple[Tensor, Mapping[str, Tensor]] | None:
        """Leave it to the part that does it, where that part has a fast path; the others change no weight."""
        if not offers_stacked(self):
            return None
        after: dict[str, Tensor] = {}
        for part in self.parts:
            own: Mapping[str, Tensor] = _of(part, states)
            if _acts_on_weights(part):
                found = part.reparameterize_stacked(weights, _of(part, params), own, layers)
                if found is None:
                    return None
                weights, own = found
            after |= _named(part, own)
        return weights, after

    def extra_features(self, layer: Layer) -> int:
        """Leave it to the part that adds features."""
        return sum(part.extra_features(layer) for part in self.parts)

    def extend(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Leave it to the part that adds features."""
        part = self._owner("extend")
        return x if part is None else part.extend(x, _of(part, params), layer)

    def init_activation(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Leave it to the part that acts on activations, else to the layer."""
        part = self._owner("activate")
        return layer.init_activation() if part is None else _named(part, part.init_activation(layer, generator))

    def activate(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Leave it to the part that does it, else to the layer."""
        part = self._owner("activate")
        return layer.activate(x, params) if part is None else part.activate(x, _of(part, params), layer)

    def settle(self, x: Tensor, params: Mapping[str, Tensor], layer: Layer) -> dict[str, Tensor]:
        """Leave it to the part that acts on activations."""
        part = self._owner("activate")
        return {} if part is None else _named(part, part.settle(x, _of(part, params), layer))

    def init_addition(self, layer: Layer, generator: torch.Generator) -> dict[str, Tensor]:
        """Leave it to the part that joins branches."""
        part = self._owner("add")
        return {} if part is None else _named(part, part.init_addition(layer, generator))

    def add(self, residual: Tensor, shortcut: Tensor, params: Mapping[str, Tensor], layer: Layer) -> Tensor:
        """Leave it to the part that does it, else add."""
        part = self._owner("add")
        if part is None:
            return super().add(residual, shortcut, params, layer)
        return part.add(residual, shortcut, _of(part, params), layer)

    def _owner(self, hook: str) -> Normalizer | None:
        return next((part for part in self.parts if overrides(part, hook)), None)

    def weight_penalty(self, weight: Tensor, layer: Layer) -> Tensor | None:
        """Add the parts' penalties."""
        return total_penalty(part.weight_penalty(weight, layer) for part in self.parts)

    def noise_shape(self, real_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Ask for what the part that draws noise asks for."""
        return next((shape for part in self.parts if (shape := part.noise_shape(real_shape)) is not None), None)

    def penalty(
        self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, noise: Tensor | None
    ) -> Tensor | None:
        """Add the parts' penalties."""
        return total_penalty(part.penalty(discriminator, real, fake, noise) for part in self.parts)

    def project(self, params: Mapping[str, Tensor], layer: Layer) -> Mapping[str, Tensor]:
        """Leave it to the part that does it; it sees the layer's parameters and every part's."""
        for part in self.parts:
            params = part.project(params, layer)
        return params


def compose(parts: Sequence[Normalizer]) -> Normalizer:
    """Return several normalizers as one; a single one as it is.

    Raises:
        InputError: The combination makes no sense; the message says why.
    """
    if len(parts) == 1:
        return parts[0]
    names = [part.name for part in parts]
    label = " + ".join(names)
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"normalizer {label}: {name!r} is named twice")
    if "none" in names:
        raise InputError(f"normalizer {label}: 'none' cannot be combined; leave it out")
    for hook, words in ONE_OWNER.items():
        owners = [part.name for part in parts if overrides(part, hook)]
        if len(owners) > 1:
            raise InputError(f"normalizer {label}: {owners[0]!r} and {owners[1]!r} both {words}")
    return Composite(parts=tuple(parts))


def parts_of(normalizer: Normalizer) -> tuple[Normalizer, ...]:
    """Return the parts of a composition; of any other normalizer, itself."""
    return normalizer.parts if isinstance(normalizer, Composite) else (normalizer,)


def authors_of(normalizer: Normalizer) -> set[str]:
    """Return the top-level modules of a normalizer's parts: an error of theirs is told with a line of these."""
    return {owner(type(part).__module__) for part in parts_of(normalizer)}


def offers_stacked(normalizer: Normalizer) -> bool:
    """Say whether every part that reparameterizes weights has a fast path for layers of equal shape, and one does."""
    acting = [part for part in parts_of(normalizer) if _acts_on_weights(part)]
    return bool(acting) and all(overrides(part, "reparameterize_stacked") for part in acting)


def _acts_on_weights(part: Normalizer) -> bool:
    return overrides(part, "reparameterize", "reparameterize_stacked")


def _named(part: Normalizer, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{part.name}.{key}": value for key, value in values.items()}


def _gather(parts: Sequence[Normalizer], ask: Callable[[Normalizer], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {key: value for part in parts for key, value in _named(part, ask(part)).items()}


def _of(part: Normalizer, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{part.name}."
    own = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    return own | {key: values[key] for key in OWN if key in values}
