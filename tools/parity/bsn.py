"""Record Lin, Sekar & Fanti's networks, SSN, BSSN and step (fjxmlzn/BSN): python bsn.py CHECKOUT.

Written for TensorFlow 1 and Python 2; here it runs under ``tensorflow.compat.v1`` in float64. Two things are
replaced: ``tf.contrib.layers.batch_norm``, by its formula with the batch's own moments, and relative imports. The
residual networks are run with a sixteenth of their channels; their parameters are counted at full size.
"""

from __future__ import annotations

import re
import sys
import types
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf
from reference import Place, Record, inputs, parity, same, transposed

BATCH, RATE, BETAS = 2, 1e-4, (0.5, 0.999)
FULL = (1024, 512, 256, 128, 64)


def batch_norm(x: Any, scope: str = "", epsilon: float = 1e-5, **_: Any) -> Any:
    """Stand in for ``tf.contrib.layers.batch_norm`` while it trains, with a scale."""
    with tf.variable_scope(scope):
        beta = tf.get_variable("beta", [x.shape[-1]], initializer=tf.zeros_initializer())
        gamma = tf.get_variable("gamma", [x.shape[-1]], initializer=tf.ones_initializer())
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def their_code(folder: Path, divided: int) -> types.ModuleType:
    """Return their module ``network``, its channels divided."""
    modules = {}
    for name in ("sn", "op", "network"):
        text = (folder / "gan" / f"{name}.py").read_text()
        if name == "network" and divided > 1:
            text = re.sub(rf"\b({'|'.join(map(str, FULL))})\b", lambda found: str(int(found[1]) // divided), text)
        module = modules[name] = types.ModuleType(name)
        sys.modules[name] = module
        exec(compile(text, name, "exec"), module.__dict__)
    return modules["network"]


def networks(code: types.ModuleType, residual: bool, mode: str, scale: float, side: int) -> tuple[Any, Any]:
    """Return functions from latents to images and from images to logits, in NHWC."""
    places = side // (32 if residual else 8)
    generator, discriminator = code.Generator(side, side, 3, places), code.Discriminator(scale, mode)
    more = {"var_device": "/cpu:0"} if residual else {}
    return (
        lambda z: generator.build(z, train=True, **more)[0],
        lambda x: discriminator.build(x, train=True, sn_op="NO_OPS", **more)[0][:, 0],
    )


def layer_of(path: list[str], who: str, residual: bool) -> str:
    """Return our name of the layer of a variable."""
    number = int(path[1][5:])
    if not residual:
        if who == "discriminator":
            return "output" if path[2] == "linear" else f"conv{number}"
        return "dense" if number == 0 else "output" if number == 4 else f"up{number}"
    if path[2] in ("linear", "conv2d", "batch_norm"):
        return {"linear": "dense" if who == "generator" else "output", "conv2d": "output", "batch_norm": "end"}[path[2]]
    block = f"block{number + (who == 'discriminator')}"
    part, what = path[3], path[4]
    if what == "batch_norm":
        return f"{block}_before" if part == "block1" else f"{block}_conv1"
    return f"{block}_{ {'block1': 'conv1', 'block2': 'conv2', 'shortcut': 'shortcut'}[part] }"


def place_of(path: list[str], shape: tuple[int, ...], who: str, residual: bool, grid: int) -> Place:
    """Say where a variable is in ours; their maps are NHWC, their kernels [h, w, in, out], or [h, w, out, in]."""
    layer, key = layer_of(path, who, residual), path[-1]
    place = f"{who}/{layer}"
    # Of what is a number for each place of each map, maps come last there.
    apart = layer == "dense" or (layer == "output" and who == "discriminator" and not residual)
    to, back = (partial(_places_first, grid=grid), partial(_maps_first, grid=grid)) if apart else (same, same)
    if key in ("gamma", "beta"):
        return Place(f"{place}/{key}", place, shape, 1, to, back)
    if key in ("bias", "biases"):
        norm_follows = who == "generator" and (
            layer.endswith("_conv1") if residual else layer == "dense" or layer.startswith("up")
        )
        if norm_follows:
            return Place(None, place, shape)
        return Place(f"{place}/bias", place, shape, 1, *((to, back) if layer == "dense" else (same, same)))
    name, order = f"{place}/weight", (2, 3, 1, 0)
    if key == "w":
        ours = tuple(shape[axis] for axis in np.argsort(order))
        fan_in = shape[0] * shape[1] * (shape[3] if "deconv2d" in path else shape[2])
        return Place(name, place, ours, fan_in, *transposed(order))
    if layer == "dense":
        return Place(name, place, shape[::-1], shape[0], lambda values: to(values).T, lambda values: back(values.T))
    return Place(name, place, shape[::-1], shape[0], lambda values: to(values.T), lambda values: back(values).T)


def _places_first(values: np.ndarray, grid: int) -> np.ndarray:
    """Order the first axis by place and then map, [grid * grid * C, ...], from maps and then places."""
    apart = values.reshape(-1, grid, grid, *values.shape[1:])
    return np.moveaxis(apart, 0, 2).reshape(values.shape)


def _maps_first(values: np.ndarray, grid: int) -> np.ndarray:
    """Undo :func:`_places_first`."""
    apart = values.reshape(grid, grid, -1, *values.shape[1:])
    return np.moveaxis(apart, 2, 0).reshape(values.shape)


def count(folder: Path, residual: bool, side: int) -> tuple[int, int]:
    """Return how many parameters their networks have at full size."""
    with tf.Graph().as_default():
        generate, judge = networks(their_code(folder, 1), residual, "SN", 1.0, side)
        judge(generate(tf.placeholder(tf.float64, [2, 128])))
        of = {who: tf.trainable_variables(who) for who in ("generator", "discriminator")}
        return tuple(sum(int(np.prod(value.shape)) for value in of[who]) for who in of)  # type: ignore[return-value]


def record(checkout: Path, residual: bool, mode: str, scale: float, side: int) -> None:
    """Run one kind of network under one norm."""
    folder = checkout / ("no_gamma-ResNet" if residual else "no_gamma-CNN")
    divided, grid = (16, side // 32) if residual else (1, side // 8)
    bssn_blocks = {"hidden": "first", "last_shortcut": True}
    architecture = {"name": "sngan_resnet", "width": 1 / 16, **bssn_blocks} if residual else {"name": "sngan_cnn"}
    ours = {
        "architecture": {**architecture, "latent": 8},
        "normalizer": {"name": {"SN": "ssn", "BSN": "bssn"}[mode], "scale": scale},
        "shape": [3, side, side],
        "batch": BATCH,
        "loss": "hinge",
        # TensorFlow adds epsilon before the moment is corrected: in the first step as much as this, added after it.
        "optimizer": {"name": "adam", "beta1": BETAS[0], "beta2": BETAS[1], "eps": 1e-8 / (1 - BETAS[1]) ** 0.5},
        "lr": RATE,
    }
    ran = f"{folder.name}/gan/{{network,op,sn}}.py under tensorflow.compat.v1 ({tf.__version__}); gan.py's losses and Adam"
    made = Record(ours, ran, 1e-6)
    with tf.Graph().as_default(), tf.Session() as session:
        generate, judge = networks(their_code(folder, divided), residual, mode, scale, side)
        real, latents = inputs(ours)
        images = tf.constant(real.transpose(0, 2, 3, 1))
        fakes = [generate(tf.constant(latent)) for latent in latents]
        logits = [judge(images), judge(tf.stop_gradient(fakes[0])), judge(fakes[1])]
        losses = {
            "discriminator": tf.reduce_mean(tf.nn.relu(1 - logits[0])) + tf.reduce_mean(tf.nn.relu(1 + logits[1])),
            "generator": -tf.reduce_mean(logits[2]),
        }
        variables = {who: tf.trainable_variables(who) for who in ("generator", "discriminator")}
        where: dict[str, Place] = {}
        weights = {}
        for who, found in variables.items():
            for value in found:
                path = value.op.name.split("/")
                place = place_of(path, tuple(map(int, value.shape)), who, residual, grid)
                where[value.op.name] = place
                made.count(place)
                weights[value.op.name] = place.values()
                value.load(place.to(weights[value.op.name]), session)
        for value in tf.global_variables("discriminator"):
            if value.op.name.endswith("/u"):
                *stem, _ = value.op.name.split("/")
                backward = stem[-1] == "SN2"
                stem = stem[:-1] if stem[-1].startswith("SN") else stem
                weight = weights["/".join([*stem, "matrix" if stem[-1] == "linear" else "w"])]
                matrix = (weight.swapaxes(0, 1) if backward else weight).reshape(weight.shape[int(backward)], -1)
                value.load(parity.singular_vector(matrix)[None], session)
        slope = tf.gradients(tf.reduce_sum(logits[0]), [images])[0]
        for name, value in (("generated", fakes[0]), ("input gradient", slope)):
            made.keep(name, session.run(value).transpose(0, 3, 1, 2))
        made.keep("real logits", session.run(logits[0]))
        made.keep("fake logits", session.run(logits[1]))
        for who in ("discriminator", "generator"):
            optimizer = tf.train.AdamOptimizer(RATE, beta1=BETAS[0], beta2=BETAS[1])
            gradients = tf.gradients(losses[who], variables[who])
            before, found, loss = session.run([variables[who], gradients, losses[who]])
            update = optimizer.apply_gradients(zip(gradients, variables[who], strict=True))
            session.run([slot.initializer for slot in optimizer.variables()])
            session.run(update)
            after = session.run(variables[who])
            for value, old, gradient, new in zip(variables[who], before, found, after, strict=True):
                made.keep_gradient(where[value.op.name], gradient, new - old)
            made.keep(f"{who[0]}_loss", loss)
    full_side = side if residual else 32
    generator, discriminator = count(folder, residual, full_side)
    made.full = {
        "architecture": {"name": "sngan_resnet", **bssn_blocks} if residual else {"name": "sngan_cnn"},
        "shape": [3, full_side, full_side],
        "generator": generator,
        "discriminator": discriminator,
    }
    made.write(f"bsn-{'resnet' if residual else 'cnn'}-{mode.lower()}-{side}", checkout)


if __name__ == "__main__":
    plain = tf.get_variable
    tf.disable_eager_execution()
    tf.get_variable = lambda name, shape, dtype=None, *more, **words: plain(name, shape, tf.float64, *more, **words)
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tf.float32 = tf.float64
    tf.contrib = types.SimpleNamespace(layers=types.SimpleNamespace(batch_norm=batch_norm))
    sys.modules["tensorflow"] = tf
    folder = Path(sys.argv[1]).resolve()
    record(folder, False, "SN", 1.2, 16)
    record(folder, False, "BSN", 1.2, 16)
    record(folder, True, "BSN", 1.2, 128)
