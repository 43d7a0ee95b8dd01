"""What a trial needs while it runs, and what a node has."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

LEAST_MEMORY = 4.0
"""GiB that a trial gets after it ran out of memory with none declared."""


@dataclass(frozen=True, order=True)
class Resources:
    """An amount of what machines have: what a trial needs, or what a node offers.

    Attributes:
        cpus: Cores.
        gpus: GPUs; for a trial a share of one, from 0 to 1, of its memory as well as its time.
        memory: GiB of main memory; 0 where a trial does not say, and is then not counted.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory: float = 0.0

    def slots(self, need: Resources) -> int:
        """Return how many trials with a need find room here at once."""
        shares = [
            # A trial has its share of one GPU: three times 0.4 does not fit on two.
            math.floor(self.gpus) * math.floor(1 / need.gpus + 1e-9) if need.gpus else math.inf,
            (self.cpus + 1e-9) // need.cpus if need.cpus else math.inf,
            (self.memory + 1e-9) // need.memory if need.memory else math.inf,
        ]
        least = min(shares)
        return 0 if math.isinf(least) else int(least)

    def together(self, lanes: int) -> Resources:
        """Return what a process needs that trains several trials with this need side by side.

        They take turns in one thread, and need no more cores than one of them; shares of a GPU end at the whole of it.
        """
        return replace(self, gpus=min(1.0, lanes * self.gpus), memory=lanes * self.memory)

    def lanes(self, need: Resources, most: int) -> int:
        """Return how many trials with a need, up to some number, find room here in one process; 0 if not even one does."""
        return next((lanes for lanes in range(most, 0, -1) if self.slots(need.together(lanes))), 0)

    def grown(self, what: str) -> Resources:
        """Return the need after it turned out that ``"memory"``, or the share of a GPU, ``"gpus"``, did not suffice."""
        if what == "gpus":
            return replace(self, gpus=min(1.0, 2 * self.gpus))
        return replace(self, memory=max(2 * self.memory, LEAST_MEMORY))

    def to_json(self) -> dict[str, float]:
        """Return it as JSON values."""
        return asdict(self)

    def words(self) -> str:
        """Return it for people: ``1 CPU, 0.25 GPU, 4 GiB``."""
        parts = [f"{self.cpus:g} CPU", f"{self.gpus:g} GPU" if self.gpus else "", f"{self.memory:g} GiB"]
        return ", ".join(part for part in parts if part and not part.startswith("0 "))
