"""Record Miyato et al.'s residual networks, spectral normalization and step (pfnet-research/sngan_projection).

``python miyato.py CHECKOUT``, where Chainer 7 and NumPy below 1.24 are installed. Its power iteration is written in CUDA
kernels; on the CPU the one that normalizes a vector is replaced by the same formula in NumPy. Everything runs in float64.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import chainer
import numpy as np
from reference import Place, Record, inputs, parity

BATCH, RATE = 2, 2e-4
SIDES = {32: ("32", 8, 4, 1 / 32), 64: ("64", 4, 4, 1 / 16), 128: ("", 4, 4, 1 / 16)}
"""By side: what their modules are called, channels of generator and discriminator, and ours as a share of the published."""


def places(network: chainer.Chain, who: str, side: int) -> dict[str, Place]:
    """Say where each of its parameters is in ours: their first block is our block 1 in both networks, theirs 2 in one."""
    found = {}
    last = max(
        int(name[5:]) for name in {path.split("/")[1] for path, _ in network.namedparams()} if name[:5] == "block"
    )
    for path, value in network.namedparams():
        _, outer, *inner, key = path.split("/")
        shape = value.shape
        if outer.startswith("block"):
            block = f"block{int(outer[5:]) - (who == 'generator')}"
            (kind,) = inner
            layer, own = {
                "b1": (f"{block}_before", {"gamma": "gamma", "beta": "beta"}),
                "b2": (f"{block}_conv1", {"gamma": "gamma", "beta": "beta"}),
                "c1": (f"{block}_conv1", {"W": "weight", "b": "bias"}),
                "c2": (f"{block}_conv2", {"W": "weight", "b": "bias"}),
                "c_sc": (f"{block}_shortcut", {"W": "weight", "b": "bias"}),
            }[kind]
            void = who == "generator" and kind == "c1" and key == "b"
        else:
            number, void = int(outer[1:]), False
            layer = "dense" if number == 1 else "end" if outer[0] == "b" else "output"
            assert layer == "dense" or number == last + 1
            own = {"W": "weight", "b": "bias", "gamma": "gamma", "beta": "beta"}
        name = None if void else f"{who}/{layer}/{own[key]}"
        found[path] = Place(name, f"{who}/{layer}", shape, int(np.prod(shape[1:])))
    return found


def build(side: int, share: float) -> tuple[chainer.Chain, chainer.Chain]:
    """Return their networks with channels of a share of the published."""
    name, width, down, _ = SIDES[side]
    generator = importlib.import_module("gen_models.resnet" + (name and f"_{name}")).ResNetGenerator
    discriminator = importlib.import_module(
        "dis_models.snresnet" + (name and f"_{name}")
    ).SNResNetProjectionDiscriminator
    if share == 1:
        return generator(dim_z=128), discriminator()
    return generator(ch=width, dim_z=8), discriminator(ch=down)


def record(checkout: Path, side: int) -> None:
    """Run one side."""
    import updater

    share = SIDES[side][-1]
    ours = {
        "architecture": {"name": "sngan_resnet", "width": share, "latent": 8},
        "normalizer": "spectral_norm",
        "generator_normalizer": {"name": "batch_norm", "eps": 2e-5},
        "shape": [3, side, side],
        "batch": BATCH,
        "loss": "hinge",
        # Chainer adds epsilon before the moment is corrected: in the first step as much as this, added after it.
        "optimizer": {"name": "adam", "beta1": 0.0, "beta2": 0.9, "eps": 1e-8 / (1 - 0.9) ** 0.5},
        "lr": RATE,
    }
    ran = (
        f"gen_models, dis_models, updater.py's losses under Chainer {chainer.__version__}; Adam; a CUDA kernel in NumPy"
    )
    made = Record(ours, ran, 1e-6, absent=["discriminator/output/bias"] if side == 32 else [])
    networks = dict(zip(("generator", "discriminator"), build(side, share), strict=True))
    where = {who: places(network, who, side) for who, network in networks.items()}
    for who, network in networks.items():
        for path, value in network.namedparams():
            place = where[who][path]
            made.count(place)
            value.array = place.values()
    for link in networks["discriminator"].links():
        if hasattr(link, "u"):
            link.u = parity.singular_vector(link.W.array.reshape(len(link.W.array), -1))[None]
    real, (z0, z1) = inputs(ours)
    generator, discriminator = networks["generator"], networks["discriminator"]
    images = chainer.Variable(real)
    logits = discriminator(images)
    (slope,) = chainer.grad([chainer.functions.sum(logits)], [images])
    fake = chainer.Variable(generator(z=z0).array)
    made.keep("generated", fake.array)
    made.keep("real logits", logits.array)
    made.keep("fake logits", discriminator(fake).array)
    made.keep("input gradient", slope.array)

    def update(who: str, loss: chainer.Variable) -> None:
        network = networks[who]
        optimizer = chainer.optimizers.Adam(alpha=RATE, beta1=0.0, beta2=0.9)
        optimizer.setup(network)
        before = {path: value.array.copy() for path, value in network.namedparams()}
        network.cleargrads()
        loss.backward()
        gradients = {path: value.grad.copy() for path, value in network.namedparams()}
        optimizer.update()
        for path, value in network.namedparams():
            made.keep_gradient(where[who][path], gradients[path], value.array - before[path])
        made.keep(f"{who[0]}_loss", loss.array)

    update("discriminator", updater.loss_hinge_dis(dis_fake=discriminator(fake), dis_real=discriminator(images)))
    update("generator", updater.loss_hinge_gen(dis_fake=discriminator(generator(z=z1))))
    full = [network.count_params() for network in build(side, 1)]
    made.full = {
        "architecture": {"name": "sngan_resnet"},
        "shape": [3, side, side],
        "generator": full[0],
        "discriminator": full[1],
    }
    made.write(f"sngan_resnet-{side}", checkout)


def normalized(vector: Any, eps: float = 1e-12) -> Any:
    """Do what their kernel does."""
    return vector / (np.sqrt((vector * vector).sum()) + eps)


if __name__ == "__main__":
    chainer.global_config.dtype = np.float64
    folder = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(folder))
    importlib.import_module("source.functions.max_sv")._l2normalize = normalized
    for side in SIDES:
        record(folder, side)
