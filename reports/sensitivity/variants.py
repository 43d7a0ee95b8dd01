"""What is varied: each threshold over the values that somebody could argue for, and the budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganbench.harness.stability import Definition
from ganbench.harness.stability.definition import changed

PLAUSIBLE: dict[str, tuple[float, ...]] = {
    "learning.of_reference": (0.25, 0.35, 0.5, 0.7, 1.0),
    "learning.share": (0.3, 0.5, 0.7),
    "learning.coverage": (0.75, 0.9, 1.0),
    "learning.near_best": (1.3, 1.5, 2.0),
    "learning.ahead": (0.5, 1.0, 2.0),
    "loss.factor": (1.1, 1.2, 1.35, 1.5),
    "loss.of_noise": (1.2, 1.6, 2.0),
    "loss.of_changes": (5, 7, 10),
    "loss.modes_share": (0.5, 0.75, 0.9),
    "evidence.after_learning": (8, 10, 15),
    "evidence.bound": (0.85, 0.92, 0.975),
    "exploding_gradient.factor": (30, 100, 300),
    "exploding_gradient.sigma_factor": (30, 100, 300),
    "vanishing_gradient.factor": (3e-4, 1e-3, 3e-3),
    "vanishing_gradient.share": (0.05, 0.1, 0.2),
}
"""Values of thresholds, by rule and parameter."""

SHARES = (0.25, 0.5)
"""Of the budget."""


@dataclass(frozen=True)
class Variant:
    """A way to judge.

    Attributes:
        what: The threshold, or "budget".
        value: Its value; of a budget the share.
        definition: By which.
        share: Of the budget that is looked at.
    """

    what: str
    value: float
    definition: Definition
    share: float = 1.0


def variants(definition: Definition) -> Iterator[Variant]:
    """Yield the definition itself, then shares of the budget, then each threshold changed alone.

    Args:
        definition: One with ``evidence``.
    """
    yield Variant("budget", 1.0, definition)
    for share in SHARES:
        yield Variant("budget", share, definition, share)
    values = definition.model_dump()
    for what, plausible in PLAUSIBLE.items():
        rule, parameter = what.split(".")
        for value in plausible:
            if value != values[rule][parameter]:
                yield Variant(what, value, changed(definition, [f"{what}={value!r}"]))
