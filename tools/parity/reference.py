"""What the recipes share: a reference's parameters in our words and layouts, and the record of what it made of them.

A recipe imports a paper's own code from a checkout, gives it the numbers that ``tests/support/parity.py`` draws from names,
and stores what came out. Nothing of that code enters this repository.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import parity  # noqa: E402  (found by the line above, also where ganbench is not installed)

Array = np.ndarray
Change = Callable[[Array], Array]


def same(values: Array) -> Array:
    """Return it as it is: PyTorch's and Chainer's layouts are ours."""
    return values


def transposed(order: Sequence[int]) -> tuple[Change, Change]:
    """Return what puts the axes of ours into an order, and what puts them back."""
    back = tuple(int(axis) for axis in np.argsort(order))
    return lambda values: values.transpose(order), lambda values: values.transpose(back)


@dataclass(frozen=True)
class Place:
    """Where a parameter of the reference is in ours.

    Attributes:
        name: ``network/layer/parameter``, in our words; None for a bias that batch normalization makes void, which ours
            does not have.
        layer: ``network/layer`` that it is counted with.
        shape: In our layout.
        fan_in: Of a weight: numbers that an output is a sum of.
        to: From our layout to theirs.
        back: From theirs to ours.
    """

    name: str | None
    layer: str
    shape: tuple[int, ...] = ()
    fan_in: int = 1
    to: Change = same
    back: Change = same

    def values(self) -> Array:
        """Return the parameter's values in our layout; a void bias is zero."""
        return np.zeros(self.shape) if self.name is None else parity.parameter(self.name, self.shape, self.fan_in)


@dataclass
class Record:
    """What is stored.

    Attributes:
        ours: What the same is called here: architecture, normalizer, shape, batch, loss, optimizer, lr.
        ran: What ran, in words.
        tolerance: Of the comparison, as a share of a result's length.
        full: Our architecture at its published size, and the reference's numbers of parameters of both networks.
        absent: Parameters of ours that the reference does not have; zero in the comparison.
        more: Parameters of the reference that ours does not have, by our layer; without effect in the comparison.
    """

    ours: Mapping[str, Any]
    ran: str
    tolerance: float
    full: Mapping[str, Any] | None = None
    absent: Sequence[str] = ()
    more: Mapping[str, int] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, list[float]] = field(default_factory=dict)
    gradients: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    _steps: dict[str, dict[str, Array]] = field(default_factory=dict)

    def count(self, place: Place) -> None:
        """Count a parameter with its layer."""
        self.parameters[place.layer] = self.parameters.get(place.layer, 0) + int(np.prod(place.shape))

    def keep(self, name: str, values: Any) -> None:
        """Keep a result."""
        self.numbers[name] = parity.kept(name, np.asarray(values, dtype=np.float64))

    def keep_gradient(self, place: Place, gradient: Any, step: Any) -> None:
        """Keep a parameter's gradient, and its change in the first step."""
        if place.name is not None:
            who, _, key = place.name.split("/")
            found = parity.kept(place.name, place.back(np.asarray(gradient, dtype=np.float64)))
            self.gradients.setdefault(place.layer, {})[key] = found
            self._steps.setdefault(who, {})[place.name] = place.back(np.asarray(step, dtype=np.float64))

    def write(self, name: str, checkout: Path) -> None:
        """Write ``tests/parity/records/NAME.json``."""
        for who, steps in self._steps.items():
            self.keep(f"{who} step", np.concatenate([steps[key].ravel() for key in sorted(steps)]))

        stored = {
            "commit": commit_of(checkout),
            "ran": self.ran,
            "ours": self.ours,
            "tolerance": self.tolerance,
            "full": self.full,
            "absent": self.absent,
            "more": self.more,
            "parameters": self.parameters,
            "numbers": self.numbers,
            "gradients": self.gradients,
        }
        lines = [f"  {json.dumps(key)}: {_told(value)}" for key, value in stored.items()]
        path = ROOT / "tests" / "parity" / "records" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(path.relative_to(ROOT), f"{len(self.numbers)} results, gradients of {len(self.gradients)} layers")


def _told(value: Any) -> str:
    return json.dumps(value, separators=(",", ": " if isinstance(value, str) else ":"))


def commit_of(checkout: Path) -> str:
    """Return the commit that is checked out."""
    words = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def inputs(ours: Mapping[str, Any]) -> tuple[Array, Sequence[Array]]:
    """Return the real images, [B, C, S, S] in [-1, 1], and the latents of both updates."""
    real = np.tanh(parity.drawn("real", (ours["batch"], *ours["shape"])))
    size = (ours["batch"], ours["architecture"]["latent"])
    return real, [parity.drawn(f"latents{n}", size) for n in range(2)]
