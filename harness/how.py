"""How trials are run: what changes their speed, and of their numbers the rounding at most."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.programs.program import Programs

PLAIN, REPLAYED, COMPILED = "plain", "replayed", "compiled"

AUTO: Literal["auto"] = "auto"
AUTO_LANES = 16
"""As many as ``"auto"`` puts side by side at most: with more of them their launches, from one thread, would wait."""

MOST_LANES = 64


@dataclass(frozen=True)
class How:
    """How trials are run.

    Attributes:
        way: How steps are: ``"plain"``, operation by operation from Python; ``"replayed"``, the same operations without
            the Python, equal bit for bit; ``"compiled"``, fused into machine code, equal up to rounding.
        pack: Trials that one process may train side by side, from 1 to 64; each has its own program, and none feels the
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

    def numerics(self) -> dict[str, Any]:
        """Return what of it numbers depend on: a training that was begun under others is not gone on with."""
        return {"compiled": self.way == COMPILED, "tf32": self.tf32, "deterministic": self.deterministic}

    def programs(self, *, at_once: bool = False) -> Programs | None:
        """Return what makes this process's programs; None for plain steps.

        Args:
            at_once: Whether a cell's first steps are programs too, worth while or not.
        """
        if self.way == PLAIN:
            return None
        from harness.programs.program import WORTH_SECONDS, Programs

        return Programs(self.way, beside=self.pack != 1, after=0.0 if at_once else WORTH_SECONDS)


@contextmanager
def numerics(how: How) -> Iterator[None]:
    """Compute as it is said while the context lasts; PyTorch's settings are what they were before, afterwards.

    A GPU multiplies in full float32 unless it is told otherwise here, convolutions too, which PyTorch by itself rounds to
    TF32. A CPU makes the same numbers every time as it is.
    """
    import torch

    if not torch.cuda.is_available():
        yield
        return
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (
        products.allow_tf32,
        convolutions.allow_tf32,
        convolutions.benchmark,
        torch.are_deterministic_algorithms_enabled(),
    )
    # Trying out algorithms picks another one from run to run.
    _set(how.tf32, how.tf32, not how.deterministic, how.deterministic)
    try:
        yield
    finally:
        _set(*before)


def _set(products: bool, convolutions: bool, tries: bool, deterministic: bool) -> None:
    import torch

    if deterministic:  # read when a process first multiplies; without it cuBLAS may split a product otherwise each time
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.backends.cudnn.benchmark = tries
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
