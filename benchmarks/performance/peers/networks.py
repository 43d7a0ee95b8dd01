"""The papers' networks as modules."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ganbench.harness.cells.cell import Cell
from performance.peers.normalizers import MANNERS, Manner


def mlp(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Hidden layers of ReLU for points; leaky ReLU in the discriminator (Srivastava et al. 2017)."""
    generator, discriminator, inner, outer = [], [], about.latent, shape[0]
    for index in range(about.depth):
        generator += g.row(nn.Linear, inner, about.width, activation=nn.ReLU(), normalized=True)
        discriminator += d.row(nn.Linear, outer, about.width, activation=nn.LeakyReLU(0.2), normalized=index > 0)
        inner = outer = about.width
    generator += g.row(nn.Linear, inner, shape[0], last=True)
    discriminator += d.row(nn.Linear, outer, 1, last=True)
    return nn.Sequential(*generator), nn.Sequential(*discriminator, nn.Flatten(0))


def dcgan(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Strided convolutions of kernel 4 (Radford et al. 2016, section 3)."""
    side = about.smallest
    levels = (shape[1] // side).bit_length() - 1
    half = {"kernel_size": 4, "stride": 2, "padding": 1}
    channels = about.width * 2 ** (levels - 1)
    first = g.row(nn.Linear, about.latent, channels * side**2, activation=nn.ReLU(), normalized=True)
    generator = [*first, nn.Unflatten(1, (channels, side, side))]
    for _ in range(levels - 1):
        sizes = (channels, channels // 2)
        generator += g.row(nn.ConvTranspose2d, *sizes, activation=nn.ReLU(), normalized=True, **half)
        channels //= 2
    generator += g.row(nn.ConvTranspose2d, channels, shape[0], activation=nn.Tanh(), last=True, **half)
    discriminator, before = [], shape[0]
    for level in range(levels):
        after = about.width * 2**level
        leaky = nn.LeakyReLU(0.2)
        discriminator += d.row(nn.Conv2d, before, after, activation=leaky, normalized=level > 0, **half)
        before = after
    discriminator += [nn.Flatten(), *d.row(nn.Linear, before * side**2, 1, last=True)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator, nn.Flatten(0))


def sngan_cnn(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """The CNN of Miyato et al. 2018, table 3, in the widths of the table."""
    assert about.widths == "paper", "the peer has the paper's widths"
    side = shape[1] // 8
    half = {"kernel_size": 4, "stride": 2, "padding": 1}
    same = {"kernel_size": 3, "stride": 1, "padding": 1}
    first = g.row(nn.Linear, about.latent, 512 * side**2, activation=nn.ReLU(), normalized=True)
    generator = [*first, nn.Unflatten(1, (512, side, side))]
    for sizes in ((512, 256), (256, 128), (128, 64)):
        generator += g.row(nn.ConvTranspose2d, *sizes, activation=nn.ReLU(), normalized=True, **half)
    generator += g.row(nn.ConvTranspose2d, 64, shape[0], activation=nn.Tanh(), last=True, **same)
    discriminator, before = [], shape[0]
    for index, after in enumerate((64, 64, 128, 128, 256, 256, 512)):
        leaky, size = nn.LeakyReLU(0.1), half if index % 2 else same
        discriminator += d.row(nn.Conv2d, before, after, activation=leaky, normalized=index > 0, **size)
        before = after
    discriminator += [nn.Flatten(), *d.row(nn.Linear, 512 * side**2, 1, last=True)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator, nn.Flatten(0))


class UpBlock(nn.Module):
    """A generator's residual block, which doubles the side."""

    def __init__(self, g: Manner, before: int, after: int) -> None:
        super().__init__()
        norm = [nn.BatchNorm2d(before)] if g.batch_norm else []
        self.residual = nn.Sequential(
            *norm,
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            *g.row(nn.Conv2d, before, after, activation=nn.ReLU(), normalized=True, kernel_size=3, padding=1),
            *g.row(nn.Conv2d, after, after, kernel_size=3, padding=1),
        )
        self.shortcut = nn.Sequential(nn.Upsample(scale_factor=2), *g.row(nn.Conv2d, before, after, kernel_size=1))

    def forward(self, x: Tensor) -> Tensor:
        """Add both branches."""
        return self.residual(x) + self.shortcut(x)


class DownBlock(nn.Module):
    """A discriminator's residual block, which may halve the side; the first one starts without an activation."""

    def __init__(self, d: Manner, before: int, after: int, pool: bool, first: bool = False) -> None:
        super().__init__()
        assert not d.batch_norm, "the residual discriminator of the papers has no batch normalization"
        middle = after if first else before
        kernel = {"kernel_size": 3, "padding": 1}
        self.residual = nn.Sequential(
            *([] if first else [nn.ReLU()]),
            *d.row(nn.Conv2d, before, middle, activation=nn.ReLU(), **kernel),
            *d.row(nn.Conv2d, middle, after, **kernel),
            *([nn.AvgPool2d(2)] if pool else []),
        )
        narrow = d.row(nn.Conv2d, before, after, kernel_size=1) if pool or before != after else []
        halved = [nn.AvgPool2d(2)] if pool else []
        self.shortcut = nn.Sequential(*(halved + narrow if first else narrow + halved))

    def forward(self, x: Tensor) -> Tensor:
        """Add both branches."""
        return self.residual(x) + self.shortcut(x)


class Summed(nn.Module):
    """The sum over places."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C]."""
        return x.sum(dim=(2, 3))


RESNETS = {
    32: ((4, 256), (256, 256, 256), ((128, True), (128, True), (128, False), (128, False))),
    64: ((4, 1024), (512, 256, 128, 64), ((64, True), (128, True), (256, True), (512, True), (1024, True))),
}
"""By side: the first map's side and channels, the generator's blocks, the discriminator's and whether they pool."""


def sngan_resnet(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """The residual networks of Miyato et al. 2018, tables 4 and 5."""
    (side, channels), ups, downs = RESNETS[shape[1]]
    generator = [*g.row(nn.Linear, about.latent, channels * side**2), nn.Unflatten(1, (channels, side, side))]
    for after in ups:
        generator.append(UpBlock(g, channels, after))
        channels = after
    generator += [*([nn.BatchNorm2d(channels)] if g.batch_norm else []), nn.ReLU()]
    generator += g.row(nn.Conv2d, channels, shape[0], activation=nn.Tanh(), last=True, kernel_size=3, padding=1)
    discriminator, before = [], shape[0]
    for index, (after, pool) in enumerate(downs):
        discriminator.append(DownBlock(d, before, after, pool, first=index == 0))
        before = after
    discriminator += [nn.ReLU(), Summed(), *d.row(nn.Linear, before, 1, last=True), nn.Flatten(0)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


NETWORKS = {"mlp": mlp, "dcgan": dcgan, "sngan_cnn": sngan_cnn, "sngan_resnet": sngan_resnet}


def networks(cell: Cell, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Return a cell's generator and discriminator as modules, with torch's own initial weights."""
    manner = MANNERS[cell.normalizer.name](cell.normalizer)
    default = MANNERS[cell.architecture.generator_normalizer](None)
    return NETWORKS[cell.architecture.name](cell.architecture, manner if manner.both else default, manner, shape)
