"""Record the gradient penalties of Kurach et al.'s code (google/compare_gan): python compare_gan.py CHECKOUT.

``penalty_lib.py`` runs under ``tensorflow.compat.v1`` in float64; its random numbers are ours, gin does nothing.
The discriminator is a function of its inputs alone, v' tanh(W x), so that both sides have the same.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf
from reference import ROOT, commit_of, parity

SHAPE, HIDDEN, WEIGHT = (4, 2, 3, 3), 16, 10.0


def record(checkout: Path) -> None:
    """Run both penalties, in images of [0, 1] and NHWC."""
    tf.disable_eager_execution()
    tf.disable_v2_tensorshape()
    gin = types.ModuleType("gin")
    gin.configurable = lambda *found, **_: found[0] if found and callable(found[0]) else lambda function: function  # type: ignore[attr-defined]
    ops = types.ModuleType("ops")
    modules = {"compare_gan.utils": "", "compare_gan.gans": "", "compare_gan": ""}
    for name in modules:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["compare_gan"].utils = sys.modules["compare_gan.utils"]  # type: ignore[attr-defined]
    sys.modules["compare_gan.gans"].ops = ops  # type: ignore[attr-defined]
    sys.modules |= {"gin": gin, "tensorflow": tf, "compare_gan.gans.ops": ops}
    code = types.ModuleType("penalty_lib")
    text = (checkout / "compare_gan" / "gans" / "penalty_lib.py").read_text()
    exec(compile(text, "penalty_lib", "exec"), code.__dict__)

    def unit(name: str) -> np.ndarray:
        return ((np.tanh(parity.drawn(name, SHAPE)) + 1) / 2).transpose(0, 2, 3, 1)

    weights = parity.drawn("W", (HIDDEN, int(np.prod(SHAPE[1:]))))
    out = parity.drawn("v", (HIDDEN,))

    def discriminator(x: tf.Tensor, **_: object) -> tuple[None, tf.Tensor]:
        flat = tf.reshape(tf.transpose(2 * x - 1, [0, 3, 1, 2]), [SHAPE[0], -1])
        return None, tf.linalg.matvec(tf.tanh(flat @ weights.T), out)

    found = {}
    with tf.Graph().as_default(), tf.Session() as session:
        real, fake = tf.constant(unit("real")), tf.constant(unit("fake"))
        share = parity.uniform("noise", (SHAPE[0], 1, 1, 1))
        ops.random_uniform = lambda *_, **__: tf.constant(1 - share)  # type: ignore[attr-defined]
        found["wgangp"] = WEIGHT * session.run(code.wgangp_penalty(discriminator, real, fake, None, True))
        noise = parity.uniform("noise", SHAPE).transpose(0, 2, 3, 1)
        ops.random_uniform = lambda *_, **__: tf.constant(noise)  # type: ignore[attr-defined]
        found["dragan"] = WEIGHT * session.run(code.dragan_penalty(discriminator, real, None, True))
    path = ROOT / "tests" / "parity" / "penalties.json"
    kept = {"commit": commit_of(checkout), "shape": SHAPE, "hidden": HIDDEN, "penalties": found}
    path.write_text(json.dumps(kept) + "\n")
    print(path.relative_to(ROOT), found)


if __name__ == "__main__":
    record(Path(sys.argv[1]).resolve())
