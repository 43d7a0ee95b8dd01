"""How far a peer's training is from ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.models.network import leaves, with_leaves
from ganbench.harness.normalizer.layers import Layer, output_matrix
from ganbench.harness.steps.step import Batch, NetworkState, State
from ganbench.harness.training.training import Material, Training
from performance.peers.loop import Loop
from performance.peers.normalizers import TPReLU

WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Apart:
    """How far a peer is from ours after some steps from the same weights, on the same batches, in float64.

    Attributes:
        parameters: Trained numbers of ours and the peer's.
        losses: The largest relative difference of a loss.
        first_loss: That of the first step's discriminator loss, before any update.
    """

    parameters: tuple[int, int]
    losses: float
    first_loss: float


def apart(cell: Cell, material: Material, steps: int = 3, batch_size: int = 8) -> Apart:
    """Train both from the same weights on the same batches, in float64, and compare.

    Under spectral normalization torch's parametrization makes an iteration in every pass and ours one per update. Both
    start from the exact singular vectors, which iterations leave where they are; after an update they differ a little.
    """
    cell = replace(cell, batch_size=batch_size)
    training = Training(Trial(cell, 0, 0), material)
    loop = Loop(cell, material.data.decode(material.data.examples[:batch_size]))
    loop.generator.double()
    loop.discriminator.double()
    state = _in_double(training.state)
    table = training.discriminator.layers
    settled = {name: _settled(state.discriminator.params[name]["weight"], kept, table[name])
               for name, kept in state.discriminator.norm.items()}  # fmt: skip
    state = replace(state, discriminator=replace(state.discriminator, norm=settled))
    for network, ours in ((loop.generator, state.generator), (loop.discriminator, state.discriminator)):
        _copy(leaves(ours.params), network)
    sizes = (
        sum(value.numel() for side in (state.generator, state.discriminator) for value in leaves(side.params)),
        sum(value.numel() for network in (loop.generator, loop.discriminator) for value in network.parameters()),
    )
    differences = []
    for now in range(1, steps + 1):
        batch = training.draw(now)
        batch = Batch(batch.real.double(), batch.latents.double())
        state, seen = training.step(state, batch, True)
        theirs = loop.step(list(batch.real), list(batch.latents))
        for name, value in zip(("d_loss", "g_loss"), theirs, strict=True):
            differences.append(abs(float(seen[name]) - float(value)) / max(abs(float(value)), 1e-12))
    return Apart(sizes, max(differences), differences[0])


def _in_double(state: State) -> State:
    def doubled(network: NetworkState) -> NetworkState:
        params = with_leaves(network.params, [value.double() for value in leaves(network.params)])
        slots = {name: [value.double() for value in values] for name, values in network.slots.items()}
        return replace(network, params=params, slots=slots)

    return State(doubled(state.generator), doubled(state.discriminator))


def _settled(weight: Tensor, kept: dict[str, Tensor], layer: Layer) -> dict[str, Tensor]:
    """Return a spectral normalizer's vectors, all of them exact."""
    matrices = {"u": output_matrix(weight, layer), "u_out": output_matrix(weight, layer)}
    if layer.kind != "linear":
        matrices["u_in"] = weight.transpose(0, 1).flatten(1)
    return {name: torch.linalg.svd(matrices[name], full_matrices=False)[0][:, 0] for name in kept}


@torch.no_grad()
def _copy(values: list[Tensor], network: nn.Module) -> None:
    """Give a network our parameters, in the order of the table, and its power iterations the exact vectors."""
    left = iter(values)
    for module in network.modules():
        if isinstance(module, WEIGHTED):
            made = getattr(module, "parametrizations", None)
            raw = made.weight.original if made else module.weight
            raw.copy_(next(left))
            if module.bias is not None:
                module.bias.copy_(next(left))
            for item in made.weight if made else ():
                _settle(item, raw)
                for extra in item.parameters():
                    extra.copy_(next(left))
        elif isinstance(module, (*NORMS, TPReLU)):
            for value in module.parameters():
                value.copy_(next(left))
    assert next(left, None) is None, "ours has more parameters"


def _settle(item: nn.Module, raw: Tensor) -> None:
    u, _, vh = torch.linalg.svd(raw.flatten(1), full_matrices=False)
    exact = {"_u": u[:, 0], "_v": vh[0], "u_out": u[:, 0]}
    if hasattr(item, "u_in"):
        exact["u_in"] = torch.linalg.svd(raw.transpose(0, 1).flatten(1), full_matrices=False)[0][:, 0]
    for name, vector in exact.items():
        if hasattr(item, name):
            getattr(item, name).copy_(vector)
