"""How trials are run: what changes their speed, and of their numbers the rounding at most."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ganbench.harness.errors import InputError
from ganbench.harness.steps.ways import COMPILED, PLAIN, REPLAYED

if TYPE_CHECKING:
    from ganbench.harness.steps.program import Programs

AUTO: Literal["auto"] = "auto"
AUTO_LANES = 16
"""As many as ``"auto"`` puts side by side at most: with more of them their launches, from one thread, would wait."""

MOST_LANES = 32
"""As many streams as PyTorch has for a GPU: two lanes on one would share the workspaces of libraries."""


@dataclass(frozen=True)
class ExecutionMode:
    """How trials are run.

    Attributes:
        way: How steps are: ``"plain"``, operation by operation from Python; ``"replayed"``, the same operations without
            the Python, equal bit for bit; ``"compiled"``, fused into machine code, equal up to rounding.
        pack: Trials that one process may train side by side, from 1 to 32; each has its own program, and none feels the
            others. ``"auto"``: on a GPU as many as their shares of it allow, on a CPU one.
        tf32: Whether a GPU may multiply matrices with 10 bits of mantissa.
        deterministic: Whether a GPU is kept to algorithms that make the same numbers every time.

    Raises:
        InputError: ``pack`` is none of these.
    """

    way: str = REPLAYED
    pack: int | Literal["auto"] = 1
    tf32: bool = False
    deterministic: bool = False

    def __post_init__(self) -> None:
        if self.pack != AUTO and self.pack not in range(1, MOST_LANES + 1):
            raise InputError(f"pack {self.pack}: expected auto, or from 1 to {MOST_LANES} trials side by side")

    def lanes(self, share: float) -> int:
        """Return how many trials one process may train side by side.

        Args:
            share: Of a GPU that each of them has, from 0 (it trains on a CPU) to 1.
        """
        if self.pack != AUTO:
            return self.pack
        return min(int(1 / share + 1e-9), AUTO_LANES) if share else 1

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def affecting_numbers(self) -> dict[str, Any]:
        """Return what of it numbers depend on: a training that was begun under others is not gone on with."""
        return {"compiled": self.way == COMPILED, "tf32": self.tf32, "deterministic": self.deterministic}

    def programs(self, *, at_once: bool = False, folder: Path | None = None) -> Programs | None:
        """Return what makes this process's programs; None for plain steps.

        Args:
            at_once: Whether a cell's first steps are programs too, worth while or not.
            folder: Where replayed programs are kept for other processes; None for nowhere.
        """
        if self.way == PLAIN:
            return None
        from ganbench.harness.steps.kept import KeptPrograms
        from ganbench.harness.steps.program import WORTH_SECONDS, Programs

        kept = None if folder is None else KeptPrograms(folder)
        return Programs(self.way, beside=self.pack != 1, after=0.0 if at_once else WORTH_SECONDS, kept=kept)
