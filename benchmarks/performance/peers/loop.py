"""A training loop as one writes it, in the usual way and in a careful one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ganbench.harness.cells.cell import Cell
from ganbench.harness.training.training import Material
from performance.peers.networks import networks

LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "non_saturating": (
        lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
        lambda fake: F.softplus(-fake).mean(),
    ),
    "hinge": (lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(), lambda fake: -fake.mean()),
}
"""The discriminator's of logits, and the generator's."""


class Loop:
    """A training in plain eager PyTorch.

    The usual way: a DataLoader over the decoded examples, reshuffled each epoch; generated samples made with a graph and
    detached; the generator's backward pass goes to the discriminator's weights as well; both losses are read each step.

    The careful way leaves out what an experienced hand would: batches are gathered by index, generated samples are made
    without a graph, the discriminator's weights are frozen while the generator learns, nothing is read back.

    Args:
        cell: What to train.
        data: Its examples, decoded, [N, ...].
        device: Where.
        careful: The careful way.
        fused: Whether Adam is torch's fused one.
    """

    def __init__(
        self, cell: Cell, data: Tensor, device: str = "cpu", *, careful: bool = False, fused: bool | None = None
    ) -> None:
        self.cell, self.device, self.careful = cell, device, careful
        self.generator, self.discriminator = (net.to(device) for net in networks(cell, tuple(data.shape[1:])))
        self.d_loss, self.g_loss = LOSSES[cell.loss.name]
        self.optimizer_g, self.optimizer_d = (
            torch.optim.Adam(
                network.parameters(), lr=lr, betas=(cell.optimizer.beta1, cell.optimizer.beta2), fused=fused
            )
            for network, lr in ((self.generator, cell.lr_g), (self.discriminator, cell.lr_d))
        )
        self._batches = self._gathered(data.to(device)) if careful else self._loaded(data)

    def run(self, steps: int) -> None:
        """Make steps."""
        size, latent = self.cell.batch_size, self.cell.architecture.latent
        for _ in range(steps):
            real = [next(self._batches) for _ in range(self.cell.n_dis)]
            latents = [torch.randn(size, latent, device=self.device) for _ in range(self.cell.n_dis + 1)]
            losses = self.step(real, latents)
            if not self.careful:
                _ = [loss.item() for loss in losses]

    def step(self, real: list[Tensor], latents: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Make one step.

        Args:
            real: A batch for each discriminator update.
            latents: One for each, and one for the generator's own update.

        Returns:
            The last loss of the discriminator and the generator's.
        """
        for examples, latent in zip(real, latents, strict=False):
            with torch.set_grad_enabled(not self.careful):
                fake = self.generator(latent).detach()
            d_loss = self.d_loss(self.discriminator(examples), self.discriminator(fake))
            self.optimizer_d.zero_grad()
            d_loss.backward()
            self.optimizer_d.step()
        if self.careful:
            self.discriminator.requires_grad_(False)
        g_loss = self.g_loss(self.discriminator(self.generator(latents[-1])))
        self.optimizer_g.zero_grad()
        g_loss.backward()
        self.optimizer_g.step()
        if self.careful:
            self.discriminator.requires_grad_(True)
        return d_loss.detach(), g_loss.detach()

    def _loaded(self, data: Tensor) -> Iterator[Tensor]:
        loader = DataLoader(TensorDataset(data.cpu()), batch_size=self.cell.batch_size, shuffle=True, drop_last=True)
        while True:
            for (examples,) in loader:
                yield examples.to(self.device)

    def _gathered(self, data: Tensor) -> Iterator[Tensor]:
        while True:
            yield data[torch.randint(len(data), (self.cell.batch_size,), device=data.device)]


def decoded(material: Material) -> Tensor:
    """Return a data set as one loads it for such a loop: all examples as networks see them."""
    return material.data.decode(material.data.examples[:])
