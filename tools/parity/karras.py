"""Record Karras et al.'s growing networks and their WGAN-GP step (tkarras/progressive_growing_of_gans).

``python karras.py CHECKOUT``. Written for TensorFlow 1; here ``networks.py`` runs under ``tensorflow.compat.v1`` in
float64, with convolutions of NCHW made as those of NHWC, which a CPU has. The losses of ``loss.py`` need a trainer around
them: their formulas are written out. The level of 16x16 fades in with a share of 0.3.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf
from reference import Place, Record, inputs, parity, transposed

BATCH, SIDE, LATENT, BASE, WIDEST, FADE, RATE = 4, 16, 8, 64, 16, 0.3, 1e-3
EPS = 1e-8


def layer_of(path: list[str], who: str) -> str | None:
    """Return our name of a variable's layer; None where the phase does not use it."""
    if path[1].startswith(("ToRGB_lod", "FromRGB_lod")):
        lod = int(path[1].rpartition("lod")[2])
        return None if lod > 1 else f"{'image' if who == 'generator' else 'read'}{SIDE // 2**lod}"
    side, kind = path[1].split("x")[0], path[2]
    return {
        "Conv": "conv4",
        "Conv0": f"conv{side}_1",
        "Conv1": f"conv{side}_2",
        "Dense0": "dense",
        "Dense1": "output",
    }.get(kind, "dense")


def place_of(path: list[str], shape: tuple[int, ...], who: str) -> Place | None:
    """Say where a variable is in ours: kernels are [h, w, in, out] there, dense weights [in, out]."""
    layer = layer_of(path, who)
    if layer is None:
        return None
    place = f"{who}/{layer}"
    if path[-1] == "bias":
        return Place(None if place == "generator/dense" else f"{place}/bias", place, shape)
    order = (2, 3, 1, 0) if len(shape) == 4 else (1, 0)
    return Place(
        f"{place}/weight",
        place,
        tuple(shape[axis] for axis in np.argsort(order)),
        1,  # weights of length one, which the network scales
        *transposed(order),
    )


def record(checkout: Path) -> None:
    """Run it."""
    sys.path.insert(0, str(checkout))
    import networks

    ours = {
        "architecture": {"name": "progressive", "base": BASE, "widest": WIDEST, "latent": LATENT},
        "normalizer": "equalized_learning_rate + gradient_penalty",
        "shape": [3, SIDE, SIDE],
        "batch": BATCH,
        "loss": {"name": "wgan", "drift": 0.001},
        # TensorFlow adds epsilon before the moment is corrected: in the first step as much as this, added after it.
        "optimizer": {"name": "adam", "beta1": 0.0, "beta2": 0.99, "eps": EPS / (1 - 0.99) ** 0.5},
        "lr": RATE,
        "phase": [2, True],
        "fade": FADE,
        "scaled": True,
    }
    ran = f"networks.py (fused_scale=False) under tensorflow.compat.v1 ({tf.__version__}); loss.py's formulas; Adam"
    made = Record(ours, ran, 1e-6, absent=["generator/dense/bias"])
    size = {"num_channels": 3, "resolution": SIDE, "fmap_base": BASE, "fmap_max": WIDEST}
    size |= {"fused_scale": False, "structure": "linear", "dtype": "float64"}

    def generate(z: Any) -> Any:
        with tf.variable_scope("generator", reuse=tf.AUTO_REUSE):
            return networks.G_paper(z, tf.zeros([BATCH, 0], tf.float64), latent_size=LATENT, **size)

    def judge(x: Any) -> Any:
        with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
            return networks.D_paper(x, **size)[0][:, 0]

    with tf.Graph().as_default(), tf.Session() as session:
        real, latents = inputs(ours)
        images, share = tf.constant(real), tf.constant(parity.uniform("noise", (BATCH, 1, 1, 1)))
        fakes = [generate(tf.constant(latent)) for latent in latents]
        fixed = tf.stop_gradient(fakes[0])
        logits = [judge(images), judge(fixed), judge(fakes[1])]
        mixed = share * images + (1 - share) * fixed
        norms = tf.sqrt(tf.reduce_sum(tf.square(tf.gradients(tf.reduce_sum(judge(mixed)), [mixed])[0]), axis=[1, 2, 3]))
        wasserstein = tf.reduce_mean(logits[1] - logits[0] + 0.001 * tf.square(logits[0]))
        losses = {
            "discriminator": wasserstein + tf.reduce_mean(10.0 * tf.square(norms - 1.0)),
            "generator": -tf.reduce_mean(logits[2]),
        }
        session.run(tf.global_variables_initializer())
        where = {}
        for value in tf.trainable_variables():
            path = value.op.name.split("/")
            place = place_of(path, tuple(map(int, value.shape)), path[0])
            if place is not None:
                where[value.op.name] = place
                made.count(place)
                value.load(place.to(place.values()), session)
        for value in tf.global_variables():
            if value.op.name.endswith("/lod"):
                value.load(1 - FADE, session)
        slope = tf.gradients(tf.reduce_sum(logits[0]), [images])[0]
        seen = {"generated": fakes[0], "real logits": logits[0], "fake logits": logits[1], "input gradient": slope}
        for name, found in seen.items():
            made.keep(name, session.run(found))
        for who in ("discriminator", "generator"):
            variables = [value for value in tf.trainable_variables(who) if value.op.name in where]
            optimizer = tf.train.AdamOptimizer(RATE, beta1=0.0, beta2=0.99, epsilon=EPS)
            gradients = tf.gradients(losses[who], variables)
            made.keep(f"{who[0]}_loss", session.run(wasserstein if who == "discriminator" else losses[who]))
            before, found = session.run([variables, gradients])
            update = optimizer.apply_gradients(zip(gradients, variables, strict=True))
            session.run([slot.initializer for slot in optimizer.variables()])
            session.run(update)
            for value, old, gradient, new in zip(variables, before, found, session.run(variables), strict=True):
                made.keep_gradient(where[value.op.name], gradient, new - old)
    made.more = {"generator/dense": WIDEST}  # a bias for each map there, for each unit here
    made.write("progressive-16", checkout)


def with_last_axis(function: Any) -> Any:
    """Return an operation on NCHW that is made on NHWC."""

    def moved(x: Any, *arguments: Any, data_format: str = "", **words: Any) -> Any:
        of_axes = {key: [words[key][axis] for axis in (0, 2, 3, 1)] for key in ("ksize", "strides") if key in words}
        words |= of_axes
        return tf.transpose(function(tf.transpose(x, [0, 2, 3, 1]), *arguments, **words), [0, 3, 1, 2])

    return moved


if __name__ == "__main__":
    plain = tf.get_variable
    tf.disable_eager_execution()
    tf.disable_v2_tensorshape()
    tf.get_variable = lambda name, shape=None, initializer=None, **words: plain(
        name,
        shape,
        tf.float64,
        np.float64(initializer) if isinstance(initializer, np.floating) else initializer,
        **words,
    )
    tf.float32 = tf.float64
    np.float32 = np.float64
    tf.nn.conv2d, tf.nn.avg_pool = with_last_axis(tf.nn.conv2d), with_last_axis(tf.nn.avg_pool)
    sys.modules["tensorflow"] = tf
    record(Path(sys.argv[1]).resolve())
