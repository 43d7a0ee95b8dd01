"""The table of checks, and how they are run: in order, each by itself, and never in the shadow of an earlier failure."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from ganbench.harness.conformance import (
    claims,
    cost,
    finiteness,
    gradients,
    modes,
    purity,
    stacking,
    state,
    streams,
    training,
)
from ganbench.harness.conformance.outcome import Check, Failed, Skipped, place_of_error, place_of_hook
from ganbench.harness.conformance.subject import Subject
from ganbench.harness.process import TooLongError, limited

if TYPE_CHECKING:
    from ganbench.harness.normalizer import Normalizer
    from ganbench.harness.plugins.registry import Catalog


@dataclass(frozen=True)
class CheckEntry:
    """A row of the table.

    Attributes:
        claim: What holds where it passes, said of the normalizer.
        check: Raises where it does not hold or cannot apply; may return what it measured.
        needs: The checks without which this one would only find their failure again.
    """

    claim: str
    check: Callable[[Subject], str | None]
    needs: tuple[Callable[[Subject], str | None], ...] = ()


_RUNS = (purity.keeps_forms,)
_PURE = (
    *_RUNS,
    purity.changes_no_argument,
    purity.writes_no_attribute,
    purity.draws_nothing_global,
)
_SOUND = (*_PURE, purity.answers_the_same_twice, state.keeps_layers_apart)

CHECKS: tuple[CheckEntry, ...] = (
    CheckEntry("says what it is in one line", purity.describes_itself),
    CheckEntry("keeps shape, dtype and device of every layer type, in float32 and bfloat16", purity.keeps_forms),
    CheckEntry("changes none of its arguments", purity.changes_no_argument, _RUNS),
    CheckEntry("writes no attribute", purity.writes_no_attribute, _RUNS),
    CheckEntry("draws no global random numbers", purity.draws_nothing_global, _RUNS),
    CheckEntry("prints nothing", purity.prints_nothing, _RUNS),
    CheckEntry("answers the same to the same arguments", purity.answers_the_same_twice, _PURE),
    CheckEntry("keeps layers and trials apart", state.keeps_layers_apart, (*_PURE, purity.answers_the_same_twice)),
    CheckEntry("has finite values and gradients for weights of scale 1e-4 to 1e4 and 0", finiteness.is_finite, _SOUND),
    CheckEntry("has the gradient that float64 finite differences have", gradients.is_the_derivative, _SOUND),
    CheckEntry(
        "can be differentiated twice", gradients.is_twice_differentiable, (*_SOUND, gradients.is_the_derivative)
    ),
    CheckEntry("keeps its claims on structured kernels, by exact singular values", claims.keeps_its_claims, _SOUND),
    CheckEntry("goes on bit for bit from a saved state", state.is_restored, _SOUND),
    CheckEntry("is compiled as a whole", modes.runs_compiled, (*_SOUND, purity.prints_nothing)),
    CheckEntry("has a stacked path that equals the plain one", stacking.equals_the_plain_path, _SOUND),
    CheckEntry("leaves the shared random streams alone", streams.leaves_shared_streams, _SOUND),
    CheckEntry("trains two seeds for 50 steps to a verdict", training.reaches_verdicts, _SOUND),
    CheckEntry("costs what is written here", cost.is_measured, _SOUND),
)
"""In the order in which they are run and told."""


LIMIT_SECONDS = 600.0
"""For one check."""


def check_normalizer(
    normalizer: Normalizer, catalog: Catalog, checks: Sequence[CheckEntry] = CHECKS, limit: float = LIMIT_SECONDS
) -> Iterator[Check]:
    """Check a normalizer, yielding each outcome as it is known.

    Args:
        normalizer: With the parameters to check.
        catalog: The plugins, for the short trainings.
        checks: Rows of the table.
        limit: Seconds that a check may take. After one that takes longer no other is tried.
    """
    import torch  # noqa: F401  not within a check's limit, which could leave half an import

    subject = Subject(normalizer, catalog)
    failed: dict[Callable[[Subject], str | None], str] = {}
    endless = ""
    for entry in checks:
        cause = endless or next((failed[needed] for needed in entry.needs if needed in failed), "")
        if cause:
            yield Check(entry.claim, False, f"not tried until it {cause}", skipped=True, waiting=True)
            continue
        outcome = _outcome(entry, subject, limit)
        if outcome.failed:
            failed[entry.check] = entry.claim
        if outcome.endless:
            endless = entry.claim
        yield outcome


def _outcome(entry: CheckEntry, subject: Subject, limit: float) -> Check:
    normalizer = subject.normalizer
    is_over = threading.Event()
    try:
        with limited(limit, is_over), _apart():
            measured = entry.check(subject)
    except Skipped as reason:
        return Check(entry.claim, False, str(reason), skipped=True)
    except (Exception, TooLongError) as error:
        place = place_of_error(normalizer, error)
        if is_over.is_set():  # also where it became a hook's error on its way
            return Check(entry.claim, False, _at(f"did not return within {limit:g} seconds", place), endless=True)
        if isinstance(error, Failed):
            return Check(entry.claim, False, _at(str(error), place_of_hook(normalizer, error.hook)))
        return Check(entry.claim, False, _at(_said(error), place))
    return Check(entry.claim, True, measured or "")


def _said(error: BaseException) -> str:
    from ganbench.harness.errors import GanbenchError

    lines = str(error).strip().splitlines() or [""]
    return str(error) if isinstance(error, GanbenchError) else f"{type(error).__name__}: {lines[0]}"


def _at(words: str, place: str) -> str:
    # What a hook raised names its file already, but without the folder.
    return f"{words.removesuffix(f' ({PurePath(place).name})')} ({place})" if place else words


@contextmanager
def _apart() -> Iterator[None]:
    """Keep what a plugin prints and draws from whoever checks it, and from the next check."""
    import numpy as np
    import torch

    drawn = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])
        torch.set_rng_state(drawn[2])
