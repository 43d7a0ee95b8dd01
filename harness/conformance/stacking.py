"""The stacked path, for layers of equal shape at once, is the plain path."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganbench.harness.conformance.modes import declared, hindered
from ganbench.harness.conformance.outcome import Failed, Skipped
from ganbench.harness.conformance.subject import Subject, start
from ganbench.harness.normalizer.composition import offers_stacked

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganbench.harness.models.network import Network
    from ganbench.harness.models.operations import Tree
    from ganbench.harness.normalizer.layers import Layer

HOOK = "reparameterize_stacked"


def equals_the_plain_path(subject: Subject) -> None:
    """Layers of equal shape that are treated together come out as one by one, wherever they stand, and can be traced."""
    from ganbench.harness.models.stacking_check import misfit

    if not offers_stacked(subject.normalizer):
        raise Skipped("it offers no stacked path (see Normalizer.reparameterize_stacked)")
    declared(subject)
    for network in subject.networks:
        for placed in (_here, _elsewhere, _last):
            twice = _twice(network, placed)
            found = misfit(twice, *start(twice))
            if found:
                raise Failed(f"{found}; return None for layers that it cannot treat together", HOOK)
        _is_traced(_twice(network, _here))


def _is_traced(network: Network) -> None:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode() as without_values:
        params, state = (_each(tree, without_values.from_tensor) for tree in start(network))
        try:
            replace(network, stacked=True).effective(params, state)
        except Exception as error:
            words = "its stacked path cannot be followed on tensors without values"
            raise hindered(words, error, HOOK) from error


def _each(tree: Tree, change: Callable[[Tensor], Tensor]) -> Tree:
    return {name: {key: change(value) for key, value in layer.items()} for name, layer in tree.items()}


def _twice(network: Network, placed: Callable[[Layer], Layer]) -> Network:
    """Return a network's table with every weight layer once more, so that each has one of equal shape."""
    again = [replace(placed(layer), name=f"{name}_again") for name, layer in network.weighted.items()]
    return replace(network, layers=network.layers | {layer.name: layer for layer in again})


def _here(layer: Layer) -> Layer:
    return layer


def _last(layer: Layer) -> Layer:
    return replace(layer, last=not layer.last)


def _elsewhere(layer: Layer) -> Layer:
    """Return a layer that stands elsewhere: of another stride, and on feature maps of twice the side."""
    layer = replace(layer, normalized=not layer.normalized)
    if layer.kind == "linear":
        return layer
    size = tuple(2 * side for side in layer.input_size)
    stride, reach = layer.stride + 1, layer.shape[-1] - 2 * layer.padding
    sides = {
        "conv": lambda side: (side - reach) // stride + 1,
        "conv_transpose": lambda side: (side - 1) * stride + reach,
    }
    return replace(layer, stride=stride, input_size=size, output_size=tuple(map(sides[layer.kind], size)))
