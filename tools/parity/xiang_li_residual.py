"""Record Xiang & Li's residual network under strict weight norm (stormraiser/gan-weightnorm-resnet).

``python xiang_li_residual.py CHECKOUT``. Its convolutions are given the base classes of the PyTorch that it was written
for; ``model.py`` and ``modules`` are otherwise as they are. Its step takes both gradients before either network moves, from
one batch of generated images; here from one each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from reference import Place, Record, inputs
from torch.nn import functional as F
from torch.nn.modules import conv
from xiang_li import ConvNd, ConvTransposeMixin

SIDE, LATENT, BATCH, RATE, WIDTHS, BLOCKS = 32, 8, 4, 2e-5, (6, 13, 26), 2
KEYS = {
    "conv_1": ("conv1", {"weight": "weight"}),
    "tprelu": ("conv1", {"weight": "slope", "bias": "threshold"}),
    "conv_2": ("conv2", {"weight": "weight"}),
    "conv": ("shortcut", {"weight": "weight"}),
    "post": ("end", {"weight": "slope", "bias": "threshold"}),
}
AFFINE = {"weight": "weight", "scale": "gamma", "bias": "bias"}


def place_of(name: str, shape: tuple[int, ...], who: str) -> list[Place]:
    """Say where a parameter is in ours; the weights of an addition are p and q there in one."""
    path, key = name.split(".")[:-1], name.rsplit(".", 1)[1]
    if path[0] != "net":
        layer = {"final": "output", "initial_fc": "dense", "initial_prelu": "start"}[path[0]]
        own = "slope" if layer == "start" else AFFINE[key]
        flat = (1, torch.Size(shape).numel()) if layer == "output" and own == "weight" else shape
        fan_in = torch.Size(flat[1:]).numel()
        return [
            Place(
                f"{who}/{layer}/{own}",
                f"{who}/{layer}",
                flat,
                fan_in,
                lambda values: values.reshape(shape),
                lambda values: values.reshape(flat),
            )
        ]
    _, level, _, index = path[1].split("_")
    block = f"{who}/level{int(level) + 1}_block{int(index) + 1}"
    if path[2] == "add":
        return [
            Place(f"{block}_sum/{own}", f"{block}_sum", shape[1:], back=lambda values, row=row: values[row])
            for row, own in enumerate("pq")
        ]
    kind, keys = KEYS[path[-1]]
    if who == "generator" and path[-1] == "post" and (level, index) == ("0", str(BLOCKS - 1)):
        keys = {"scale": "gamma", "bias": "beta"}
    own = keys[key]
    fan_in = 1
    if own == "weight":
        transposed = who == "generator"
        fan_in = shape[0 if transposed else 1] * shape[2] * shape[3]
    place = f"{block}_{kind}"
    if who == "generator" and kind == "shortcut":  # a transposed convolution of kernel 1 there, a plain one here
        return [
            Place(
                f"{place}/{own}",
                place,
                (shape[1], shape[0], 1, 1),
                fan_in,
                lambda values: values.transpose(1, 0, 2, 3),
                lambda values: values.transpose(1, 0, 2, 3),
            )
        ]
    return [Place(f"{place}/{own}", place, shape, fan_in)]


def record(checkout: Path) -> None:
    """Run it."""
    conv._ConvTransposeMixin, conv._ConvNd = ConvTransposeMixin, ConvNd
    sys.path.insert(0, str(checkout))
    import model

    blocks = [BLOCKS] * len(WIDTHS)
    ours = {
        "architecture": {
            "name": "xiang_li_resnet",
            "blocks": BLOCKS,
            "width": 0.1,
            "latent": LATENT,
            "affine_start": True,
        },
        "normalizer": "weight_norm_strict",
        "shape": [3, SIDE, SIDE],
        "batch": BATCH,
        "loss": "non_saturating",
        "optimizer": {"name": "rmsprop", "alpha": 0.9, "eps": 1e-8},
        "lr": RATE,
        "simultaneous": True,
    }
    made = Record(ours, "model.py and modules; main.py's losses, simultaneous step and RMSprop", 1e-6)
    networks: dict[str, Any] = {
        "generator": model.Generator(SIDE, SIDE, WIDTHS, blocks, LATENT).double(),
        "discriminator": model.Discriminator(SIDE, SIDE, WIDTHS, blocks).double(),
    }
    where = {}
    for who, network in networks.items():
        for name, value in network.named_parameters():
            places = where[who, name] = place_of(name, tuple(value.shape), who)
            values = [torch.from_numpy(place.to(place.values())) for place in places]
            value.data.copy_(values[0] if len(places) == 1 else torch.stack(values))
            for place in places:
                made.count(place)
    real, (z0, z1) = inputs(ours)
    images = torch.from_numpy(real)
    generator, discriminator = networks["generator"], networks["discriminator"]
    tracked = images.clone().requires_grad_()
    logits = discriminator(tracked)
    (slope,) = torch.autograd.grad(logits.sum(), tracked)
    fake, shown = (2 * generator(torch.from_numpy(z)) - 1 for z in (z0, z1))
    made.keep("generated", fake.detach())
    made.keep("real logits", logits.detach())
    made.keep("fake logits", discriminator(fake).detach())
    made.keep("input gradient", slope)
    bce = F.binary_cross_entropy_with_logits
    on_real, on_fake = discriminator(images), discriminator(fake.detach())
    losses = {
        "discriminator": bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake)),
        "generator": bce(discriminator(shown), torch.ones_like(on_real)),
    }
    gradients = {
        who: torch.autograd.grad(losses[who], list(network.parameters()), retain_graph=True)
        for who, network in networks.items()
    }
    for who, network in networks.items():
        before = [value.detach().clone() for value in network.parameters()]
        for value, gradient in zip(network.parameters(), gradients[who], strict=True):
            value.grad = gradient
        torch.optim.RMSprop(network.parameters(), lr=RATE, eps=1e-8, alpha=0.9).step()
        for (name, value), old, gradient in zip(network.named_parameters(), before, gradients[who], strict=True):
            for place in where[who, name]:
                made.keep_gradient(place, gradient, value.detach() - old)
        made.keep(f"{who[0]}_loss", losses[who].item())
    widths = (64, 128, 256, 384)
    full = [model.Generator(64, 64, widths, [2] * 4, 128), model.Discriminator(64, 64, widths, [2] * 4)]
    made.full = {
        "architecture": {"name": "xiang_li_resnet", "blocks": 2, "latent": 128, "affine_start": True},
        "shape": [3, 64, 64],
        **{
            who: sum(value.numel() for value in network.parameters())
            for who, network in zip(("generator", "discriminator"), full, strict=True)
        },
    }
    made.write("xiang_li_resnet-weight-32", checkout)


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve())
