"""Derivatives are those of the function: first ones by finite differences, second ones where penalties take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ganbench.harness.conformance.outcome import Failed
from ganbench.harness.conformance.subject import Subject, an_input, cast, start

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.harness.models.network import Network
    from ganbench.harness.models.operations import Tree

STEP = 1e-6
"""Half the width of a finite difference, for parameters of size 1 in float64."""

TOLERANCE = 1e-4
"""Of a directional derivative, relative to what is larger. Rounding and curvature leave about 1e-8."""

DIRECTIONS = 2


class _Constants:
    """Values that a function holds constant in its derivative: written down at one point, and used at its neighbours.

    A power iteration detaches its vectors; that is a choice and not a mistake, so finite differences must hold them too.
    """

    def __init__(self) -> None:
        self._kept: list[Any] = []

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Write down what is detached, or computed without a gradient."""
        with _mode(self._keep):
            yield

    def _keep(self, found: Any) -> Any:
        self._kept.append(found)
        return found

    @contextmanager
    def held(self) -> Iterator[None]:
        """Use what was written down, in the order in which it was."""
        kept = iter(self._kept)
        with _mode(lambda found: next(kept, found)):
            yield


def _mode(replaced: Callable[[Any], Any]) -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    stops = (torch.Tensor.detach, torch.detach, torch.Tensor.data.__get__)  # type: ignore[attr-defined]

    class Mode(TorchFunctionMode):
        switched_off = False

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found = function(*args, **(kwargs or {}))
            if function is torch._C._set_grad_enabled:
                # By the plugin; torch itself does it otherwise, within a function that has a backward pass of its own.
                self.switched_off = not args[0]
            constant = function in stops or self.switched_off
            return replaced(found) if constant and isinstance(found, torch.Tensor) else found

    return Mode()


def is_the_derivative(subject: Subject) -> None:
    """Gradients of every effective weight, and of the whole network, are those of finite differences."""
    import torch

    for network in subject.networks:
        params, state = (cast(tree, torch.float64) for tree in start(network, 0.3))
        for name in network.weighted:
            weigh = partial(_weighed, network, name, state[name])
            _compare(weigh, params[name], f"the effective weight of layer {name!r}", "reparameterize")
        run = partial(_ran, network, state, an_input(network).double())
        _compare(run, _flat(params), "the network's output", "activate")


def is_twice_differentiable(subject: Subject) -> None:
    """The gradient penalty that others may be combined with, and its own, have the gradients of finite differences.

    What follows a layer is differentiated by the samples and then by the parameters; weights only by parameters.
    """
    import torch

    for network in subject.networks:
        if next(iter(network.layers.values())).network != "discriminator":
            continue
        params, state = (cast(tree, torch.float64) for tree in start(network, 0.3))
        x = an_input(network).double()
        what = "a gradient penalty, which is composed with any normalizer,"
        _compare(partial(_squared, network, state, x), _flat(params), what, "activate")
        if network.uses("penalty", "weight_penalty"):
            hook = "penalty" if network.uses("penalty") else "weight_penalty"
            _compare(partial(_penalty, network, state, x), _flat(params), "its own penalty", hook)


def _weighed(network: Network, name: str, state: Any, values: dict[Any, Tensor]) -> Tensor:
    weight, _ = network.normalizer.reparameterize(values["weight"], values, state, network.layers[name])
    return (_direction(weight, 5) * weight).sum()


def _ran(network: Network, state: Tree, x: Tensor, values: dict[Any, Tensor]) -> Tensor:
    weights, _ = network.effective(_like(network, values), state)
    made = network(weights, x)
    return (_direction(made, 6) * made).sum()


def _squared(network: Network, state: Tree, x: Tensor, values: dict[Any, Tensor]) -> Tensor:
    import torch

    weights, _ = network.effective(_like(network, values), state)
    gradient: Tensor = torch.func.grad(lambda x: network(weights, x).sum())(x)
    return gradient.square().sum()


def _penalty(network: Network, state: Tree, x: Tensor, values: dict[Any, Tensor]) -> Tensor:
    import torch

    shape = network.normalizer.noise_shape(tuple(x.shape))
    generator = torch.Generator().manual_seed(7)
    noise = None if shape is None else torch.rand(shape, generator=generator, dtype=torch.float64)
    fake = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    weights, _ = network.effective(_like(network, values), state)
    penalty = network.penalty(weights, x, fake, noise)
    return x.new_zeros(()) if penalty is None else penalty


def _compare(function: Callable[[dict[Any, Tensor]], Tensor], point: dict[Any, Tensor], what: str, hook: str) -> None:
    import torch

    tracked = {key: value.clone().requires_grad_() for key, value in point.items()}
    constants = _Constants()
    with constants.recorded():
        value = function(tracked)
    grads: Any = [None] * len(tracked)
    if value.requires_grad:
        grads = torch.autograd.grad(value, list(tracked.values()), allow_unused=True)
    for index in range(DIRECTIONS):
        along = {key: _direction(value, 30 + index) for key, value in point.items()}
        found = sum(
            float((grad * along[key]).sum()) for key, grad in zip(tracked, grads, strict=True) if grad is not None
        )
        ends = []
        for sign in (1, -1):
            # Tracked as well, so that what is detached is detached here too.
            moved = {key: (value + sign * STEP * along[key]).requires_grad_() for key, value in point.items()}
            with constants.held():
                end = function(moved)
            ends.append(float(end.detach()))
        expected = (ends[0] - ends[1]) / (2 * STEP)
        # A difference of large numbers is only as exact as their last digit.
        rounding = 1e-15 * max(map(abs, ends)) / STEP * 100
        if not abs(found - expected) <= TOLERANCE * max(abs(found), abs(expected)) + rounding + 1e-9:
            raise Failed(
                f"the gradient of {what} is {found:.6g} along a random direction, finite differences give {expected:.6g};"
                " look for a backward pass of its own, and for values that leave torch",
                hook,
            )


def _flat(tree: Tree) -> dict[Any, Tensor]:
    """Return parameters by layer and key; those beside weights moved, lest a zero meets a rectifier's kink."""
    return {
        (name, key): value if key == "weight" else value + 0.1 * _direction(value, 9)
        for name, layer in tree.items()
        for key, value in layer.items()
    }


def _like(network: Network, values: dict[Any, Tensor]) -> Tree:
    tree: Tree = {name: {} for name in network.layers}
    for (name, key), value in values.items():
        tree[name][key] = value
    return tree


def _direction(like: Tensor, seed: int) -> Tensor:
    """Return random numbers of a tensor's shape, in float64."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator, dtype=torch.float64)
