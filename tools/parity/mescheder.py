"""Record the network, R1 and the step of Mescheder et al.'s code (LMescheder/GAN_stability): python mescheder.py CHECKOUT.

Its networks are conditional; with one label, as for CelebA-HQ, the label's embedding is a constant input of the generator's
dense layer, whose column is zero here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from reference import Place, Record, inputs

WIDTH, WIDEST, LATENT, BATCH, SIDE, SMALLEST, RATE = 4, 12, 8, 4, 16, 4, 1e-4


def places(network: torch.nn.Module, who: str) -> dict[str, Place]:
    """Say where each of its parameters is in ours."""
    blocks = [name for name, module in network.resnet.named_children() if hasattr(module, "conv_0")]
    found = {}
    for name, value in network.named_parameters():
        *path, key = name.split(".")
        shape = tuple(value.shape)
        if path[0] == "resnet":
            index = blocks.index(path[1])
            number = index if who == "discriminator" else "_end" if index == len(blocks) - 1 else index + 1
            layer = f"block{number}_" + {"conv_0": "conv1", "conv_1": "conv2", "conv_s": "shortcut"}[path[2]]
        elif path[0] == "embedding":
            found[name] = Place(None, f"{who}/dense", shape, to=lambda values: values + 1)
            continue
        else:
            generates = who == "generator"
            names = {"fc": "dense" if generates else "output", "conv_img": "output" if generates else "input"}
            layer = names[path[0]]
        fan_in = value.numel() // shape[0]
        if layer == "dense" and key == "weight":
            column = torch.zeros(shape[0], 1).numpy()
            found[f"{name}, last column"] = Place(None, f"{who}/dense", (shape[0], 1))
            found[name] = Place(
                f"{who}/dense/weight",
                f"{who}/dense",
                (shape[0], LATENT),
                LATENT,
                lambda values, column=column: torch.cat(
                    [torch.from_numpy(values), torch.from_numpy(column)], 1
                ).numpy(),
                lambda values: values[:, :LATENT],
            )
            continue
        found[name] = Place(f"{who}/{layer}/{key}", f"{who}/{layer}", shape, fan_in)
    return found


def record(checkout: Path) -> None:
    """Run it."""
    sys.path.insert(0, str(checkout))
    from gan_training.models.resnet import Discriminator, Generator
    from gan_training.train import Trainer

    ours = {
        "architecture": {"name": "mescheder_resnet", "width": WIDTH, "widest": WIDEST, "latent": LATENT},
        "normalizer": {"name": "r1", "gamma": 20.0},
        "shape": [3, SIDE, SIDE],
        "batch": BATCH,
        "loss": "non_saturating",
        "optimizer": {"name": "rmsprop", "alpha": 0.99, "eps": 1e-8},
        "lr": RATE,
    }
    made = Record(ours, "gan_training/models/resnet.py with one label, train.py's Trainer with reg_param 10", 1e-6)
    embedded = WIDEST * SMALLEST**2 + 1  # the column of the label's embedding, and the embedding
    made.more = {"generator/dense": embedded}
    size = {"size": SIDE, "nfilter": WIDTH, "nfilter_max": WIDEST, "embed_size": 1}
    networks = {
        "generator": Generator(LATENT, 1, **size).double(),
        "discriminator": Discriminator(LATENT, 1, **size).double(),
    }
    where = {who: places(network, who) for who, network in networks.items()}
    for who, network in networks.items():
        for place in where[who].values():
            made.count(place)
        for name, value in network.named_parameters():
            place = where[who][name]
            value.data.copy_(torch.from_numpy(place.to(place.values())))
    real, latents = inputs(ours)
    images, (z0, z1) = torch.from_numpy(real), [torch.from_numpy(latent) for latent in latents]
    labels = torch.zeros(BATCH, dtype=torch.int64)
    optimizers = {
        who: torch.optim.RMSprop(network.parameters(), lr=RATE, alpha=0.99, eps=1e-8)
        for who, network in networks.items()
    }
    trainer = Trainer(
        networks["generator"],
        networks["discriminator"],
        optimizers["generator"],
        optimizers["discriminator"],
        "standard",
        "real",
        10.0,
    )
    tracked = images.clone().requires_grad_()
    logits = networks["discriminator"](tracked, labels)
    (slope,) = torch.autograd.grad(logits.sum(), tracked)
    fake = networks["generator"](z0, labels).detach()
    made.keep("generated", fake)
    made.keep("real logits", logits.detach())
    made.keep("fake logits", networks["discriminator"](fake, labels).detach())
    made.keep("input gradient", slope)
    old = {who: [value.detach().clone() for value in network.parameters()] for who, network in networks.items()}
    made.keep("d_loss", trainer.discriminator_trainstep(images.clone(), labels, z0)[0])
    gradients = {"discriminator": [value.grad.clone() for value in networks["discriminator"].parameters()]}
    made.keep("g_loss", trainer.generator_trainstep(labels, z1))
    gradients["generator"] = [value.grad.clone() for value in networks["generator"].parameters()]
    for who, network in networks.items():
        for (name, value), before, gradient in zip(network.named_parameters(), old[who], gradients[who], strict=True):
            made.keep_gradient(where[who][name], gradient, value.detach() - before)
    full = {"size": 64, "nfilter": 64, "nfilter_max": 512, "embed_size": 1}
    made.full = {
        "architecture": {"name": "mescheder_resnet", "latent": 256},
        "more": 512 * SMALLEST**2 + 1,
        "shape": [3, 64, 64],
        "generator": sum(value.numel() for value in Generator(256, 1, **full).parameters()),
        "discriminator": sum(value.numel() for value in Discriminator(256, 1, **full).parameters()),
    }
    made.write("mescheder_resnet-r1-16", checkout)


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve())
