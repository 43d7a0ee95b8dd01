"""A normalizer is what it claims, on kernels whose structure tells the right formula from one that is nearly right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.harness.conformance.outcome import Failed, Skipped
from ganbench.harness.conformance.subject import Subject, differences, start_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from torch import Tensor

    from ganbench.harness.models.network import Network
    from ganbench.harness.models.operations import Tree
    from ganbench.harness.normalizer import Claim
    from ganbench.harness.normalizer.layers import Layer

    Kernel = Callable[[Layer, torch.Generator], Tensor]

STEPS = 1000
"""Calls on the same weights after which an estimate should stand; an operator norm takes some hundreds."""

CONVERGED = 1e-7


def keeps_its_claims(subject: Subject) -> str:
    """Every claim holds on every kernel, where the state has come to rest; returns the claims and what was found."""
    seen: dict[str, tuple[float, float]] = {}
    for network in subject.networks:
        if not any(subject.normalizer.claims(layer) for layer in network.weighted.values()):
            continue
        for words, kernel in KERNELS.items():
            weights = _at_rest(network, kernel)
            for layer, claim, value in _measured(network, weights):
                if not claim.holds(value):
                    raise Failed(
                        f"it claims: {claim}; found {value:.4g} for a {layer.kind.replace('_', ' ')} layer of shape"
                        f" {list(layer.shape)} {words}; see harness/normalizer/layers.py for a weight's"
                        " axes as a matrix",
                    )
                low, high = seen.get(str(claim), (value, value))
                seen[str(claim)] = min(low, value), max(high, value)
    if not seen:
        raise Skipped("it claims nothing of its weights (see Normalizer.claims)")
    return "; ".join(f"{claim} (found {low:.4f} to {high:.4f})" for claim, (low, high) in seen.items())


def _measured(network: Network, weights: Tree) -> Iterator[tuple[Layer, Claim, float]]:
    for name, layer in network.weighted.items():
        for claim in network.normalizer.claims(layer):
            for value in claim.measure(weights[name]["weight"].detach().double(), layer).reshape(-1):
                yield layer, claim, float(value)


def _at_rest(network: Network, kernel: Kernel) -> Tree:
    """Return effective weights of projected raw ones, after so many calls that the state no longer moves them."""

    def draw(layer: Layer, generator: torch.Generator) -> Tensor:
        return _laid_out(kernel(layer, generator), layer)

    projected = network.project(start_from(network, draw)[0])
    # A state that was made for other weights may be a singular vector of these, and stay at the wrong one.
    params, state = start_from(network, lambda layer, _: projected[layer.name]["weight"])
    weights, state = network.effective(params, state)
    for _ in range(STEPS if any(state.values()) else 0):
        before = weights
        weights, state = network.effective(params, state)
        if differences(before, weights) <= CONVERGED:
            break
    return weights


def _laid_out(kernel: Tensor, layer: Layer) -> Tensor:
    """Bring a kernel [c_out, c_in, k, k] into the layout of a layer's weight."""
    if layer.kind == "linear":
        return kernel[:, :, 0, 0]
    return kernel.transpose(0, 1).contiguous() if layer.kind == "conv_transpose" else kernel


def _plain(layer: Layer) -> tuple[int, int, int, int]:
    height, width = layer.shape[2:] or (1, 1)
    return layer.out_features, layer.in_features, height, width


def of_random_numbers(layer: Layer, generator: torch.Generator) -> Tensor:
    """Independent normal numbers; wrong views of it have nearly the right norms."""
    import torch

    return 0.5 * torch.randn(_plain(layer), generator=generator)


def of_rank_one(layer: Layer, generator: torch.Generator) -> Tensor:
    """a_o b_i c_yx, for which both norms are |a| |b| |c|."""
    import torch

    out, into, height, width = _plain(layer)
    a, b = torch.randn(out, generator=generator), torch.randn(into, generator=generator)
    return torch.einsum("o,i,yx->oiyx", a, b, torch.randn(height, width, generator=generator))


def of_one_tap(layer: Layer, generator: torch.Generator) -> Tensor:
    """Every input channel goes to one output channel, by one tap of the kernel."""
    import torch

    out, into, height, width = _plain(layer)
    kernel = torch.zeros(_plain(layer))
    for i in range(max(out, into)):
        kernel[i % out, i % into, height // 2, width // 2] = 1.0 + i % 3
    return kernel


def with_one_strong_output(layer: Layer, generator: torch.Generator) -> Tensor:
    """Random, with one output channel ten times as large."""
    kernel = of_random_numbers(layer, generator)
    kernel[0] *= 10
    return kernel


def with_one_strong_input(layer: Layer, generator: torch.Generator) -> Tensor:
    """Random, with one input channel ten times as large."""
    kernel = of_random_numbers(layer, generator)
    kernel[:, 0] *= 10
    return kernel


KERNELS: dict[str, Kernel] = {
    "of random numbers": of_random_numbers,
    "of rank one": of_rank_one,
    "of one tap": of_one_tap,
    "with one strong output": with_one_strong_output,
    "with one strong input": with_one_strong_input,
}
"""What claims are tested on; each returns [c_out, c_in, k, k], with k = 1 for a linear layer."""
