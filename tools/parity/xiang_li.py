"""Record the networks, norms and steps of Xiang & Li's code (stormraiser/GAN-weight-norm): python xiang_li.py CHECKOUT.

It was written for PyTorch 0.1. Under a PyTorch of today its convolutions are given that version's base classes, sums keep
their dimension as they did then, and names of modules have no dots; nothing else is changed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from reference import Place, Record, inputs
from torch.nn.modules import conv

WIDTH, LATENT, BATCH, RATE = 4, 8, 4, 1e-4
NORMS = {"none": "none", "batch": "batch_norm", "weight": "weight_norm_strict", "weight-affine": "weight_norm_affine"}
KEYS = {"weight": "weight", "bias": "bias", "scale": "gamma"}


class ConvNd(conv._ConvNd):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, "zeros")


class ConvTransposeMixin:
    def _output_padding(self, x: object, size: object) -> Any:
        return self.output_padding


def their_code(checkout: Path) -> Any:
    conv._ConvTransposeMixin, conv._ConvNd = ConvTransposeMixin, ConvNd
    folder = Path(tempfile.mkdtemp())
    for source in ("model.py", *(f"modules/{path.name}" for path in (checkout / "pytorch" / "modules").glob("*.py"))):
        (folder / source).parent.mkdir(exist_ok=True)
        # Python 3 refuses lines that are indented by tabs here and by spaces there.
        (folder / source).write_text((checkout / "pytorch" / source).read_text().expandtabs(8))
    sys.path.insert(0, str(folder))
    import model

    return model


def places(network: torch.nn.Sequential, who: str, batch_norm: bool) -> dict[str, Place]:
    """Say where each of its parameters is in ours: levels count from the image there, as here."""
    found, modules = {}, dict(network.named_modules())
    for name, value in network.named_parameters():
        module, key = name.rsplit(".", 1)
        stem, kind = module.rsplit("_", 1)
        level = stem.split("_")[-1]
        if stem == "initial":
            layer = "dense" if kind == "linear" else "start"
        elif stem == "final" or (who == "generator" and level == "0"):
            layer = "output"
        else:
            layer = f"{'up' if who == 'generator' else 'down'}{level}"
        own = KEYS[key]
        if kind == "batchnorm":
            own = {"weight": "gamma", "bias": "beta"}[key]
        elif kind in ("prelu", "tprelu"):
            own = {"weight": "slope", "bias": "threshold"}[key]
        shape, theirs = tuple(value.shape), tuple(value.shape)
        if own == "weight" and layer == "output" and who == "discriminator":
            shape = (1, value.numel())
        elif own != "weight":
            shape = (value.numel(),)
        fan_in = 1
        if own == "weight":
            fan_in = value.numel() // (theirs[1] if "Transpose" in type(modules[module]).__name__ else theirs[0])
        void = batch_norm and own == "bias" and kind == "conv" and layer not in ("output", "down0")
        place = f"{who}/{layer}"
        found[name] = Place(
            None if void else f"{place}/{own}",
            place,
            shape,
            fan_in,
            lambda values, theirs=theirs: values.reshape(theirs),
            lambda values, shape=shape: values.reshape(shape),
        )
    return found


def record(checkout: Path, model: Any, norm: str, side: int) -> None:
    """Run one norm."""
    ours = {
        "architecture": {
            "name": "xiang_li_dcgan",
            "width": WIDTH,
            "latent": LATENT,
            "generator_normalizer": "batch_norm" if norm == "batch" else "none",
        },
        "normalizer": NORMS[norm],
        "shape": [3, side, side],
        "batch": BATCH,
        "loss": "non_saturating",
        "optimizer": {"name": "rmsprop", "alpha": 0.9, "eps": 1e-6},
        "lr": RATE,
    }
    made = Record(
        ours, "pytorch/model.py and modules under PyTorch 2 with 0.1's sums; main.py's losses and RMSprop", 1e-5
    )
    levels = {18: 2, 16: 2}[side]
    networks = {
        "generator": model.build_generator(side, side, WIDTH, levels, LATENT, norm),
        "discriminator": model.build_discriminator(side, side, WIDTH, levels, norm),
    }
    where = {}
    for who, network in networks.items():
        network.double()
        where[who] = places(network, who, norm == "batch")
        for name, value in network.named_parameters():
            place = where[who][name]
            made.count(place)
            value.data.copy_(torch.from_numpy(place.to(place.values())))
    real, latents = inputs(ours)
    images, codes = torch.from_numpy(real), [torch.from_numpy(latent) for latent in latents]
    generator, discriminator = networks["generator"], networks["discriminator"]
    bce, ones, zeros = torch.nn.BCELoss(), torch.ones(BATCH), torch.zeros(BATCH)
    optimizers = {
        who: torch.optim.RMSprop(network.parameters(), lr=RATE, eps=1e-6, alpha=0.9)
        for who, network in networks.items()
    }
    tracked = images.clone().requires_grad_()
    logits = discriminator[:-2]((tracked + 1) / 2).flatten()
    (slope,) = torch.autograd.grad(logits.sum(), tracked)
    fake = generator(codes[0])
    made.keep("generated", 2 * fake.detach() - 1)
    made.keep("real logits", logits.detach())
    made.keep("fake logits", discriminator[:-2](fake).detach().flatten())
    made.keep("input gradient", slope)

    def update(who: str, loss: torch.Tensor) -> None:
        network = networks[who]
        before = [value.detach().clone() for value in network.parameters()]
        network.zero_grad()
        loss.backward()
        gradients = [value.grad.clone() for value in network.parameters()]
        optimizers[who].step()
        for (name, value), old, gradient in zip(network.named_parameters(), before, gradients, strict=True):
            made.keep_gradient(where[who][name], gradient, value.detach() - old)
        made.keep(f"{who[0]}_loss", loss.item())

    ones, zeros = ones.double(), zeros.double()
    update(
        "discriminator",
        bce(discriminator((images + 1) / 2).flatten(), ones) + bce(discriminator(fake.detach()).flatten(), zeros),
    )
    update("generator", bce(discriminator(generator(codes[1])).flatten(), ones))
    made.write(f"xiang_li_dcgan-{norm}-{side}", checkout)


if __name__ == "__main__":
    plain, add = torch.Tensor.sum, torch.nn.Module.add_module
    torch.nn.Module.add_module = lambda self, name, module: add(self, name.replace(".", "_"), module)
    torch.Tensor.sum = lambda self, *axes, **words: plain(self, *axes, keepdim=True) if axes else plain(self, **words)
    code = their_code(Path(sys.argv[1]).resolve())
    for norm, side in (("none", 16), ("batch", 18), ("weight", 18), ("weight-affine", 16)):
        record(Path(sys.argv[1]).resolve(), code, norm, side)
