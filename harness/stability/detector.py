"""The contract of a detector that anybody can add: a pure function of a trace, with parameters of its own."""

from __future__ import annotations

from typing import Any, ClassVar

from ganbench.harness.plugins.plugin import Plugin
from ganbench.harness.stability.definition import Definition
from ganbench.harness.stability.look import Look, found
from ganbench.harness.stability.verdict import OUTCOMES
from ganbench.harness.traces.trace import Trace


class Detector(Plugin):
    """Base of all detectors that a suite can name.

    What makes a trial unstable is a published definition, so that rates of different laboratories can be compared. What a
    detector of yours finds is therefore a warning: it is counted and shown, and moves no rate. It becomes a failure mode by
    entering the next definition.

    Parameters are thresholds: pydantic fields with a default and a range. They are no part of a cell's identity, for they
    change no training.
    """

    kind: ClassVar[str] = "detector"

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse the names that a verdict has a meaning for already."""
        super().__pydantic_init_subclass__(**kwargs)
        if cls.name in (*Definition.failure_modes(), *OUTCOMES):
            raise ValueError(f"a detector cannot be named {cls.name!r}: the definition of instability has that name")

    def look(self, trace: Trace) -> Look:
        """Look at a trace.

        The trace is a copy of this detector's own. Its arrays are read-only, and of float64 but for samples:

        * ``trace.budget`` planned steps, ``trace.stopped`` the last that was made: fewer only where values were not finite.
        * ``trace.scalars[name]`` [n] at ``trace.steps`` [n]: ``d_loss``, ``g_loss``, ``d_real`` and ``d_fake`` (the mean
          logits), ``d_accuracy`` (0 to 1), ``d_grad_norm``, ``g_grad_norm``; others where a normalizer has a penalty.
        * ``trace.evaluations[measure]`` [m] at ``trace.evaluation_steps`` [m], the first of them at step 0, of the
          untrained generator. A measure's name has its protocol in brackets, ``fid[digits-cnn:1k_full]``;
          ``ganbench.harness.stability.series_of(trace, "fid")`` finds it by what is before them, without what is absent.
        * ``trace.layers[layer]``: ``variance`` and ``sigma`` [k] of each effective weight of the discriminator, and
          ``trace.probes[name]``: ``values`` [k], both at ``trace.steps_of(item)`` [k].
        * ``trace.samples``: ``values`` of the last evaluation, uint8 [N, C, H, W] or float32 [N, d]; None in logs from
          elsewhere.

        NaN in an evaluation means that it could not be computed; infinity, that samples were not finite. NaN or infinity in
        a scalar is what was logged, and ended the training there. Any of the columns may be absent or empty: logs that
        were made elsewhere have few of them.

        Args:
            trace: What a trial logged.

        Returns:
            ``NOTHING_TO_SEE`` where the trace lacks what is looked at, ``CLEAR``, or ``self.found(...)``.
        """
        raise NotImplementedError

    def found(self, step: float, value: float, threshold: float, reason: str) -> Look:
        """Return a look that found something.

        Args:
            step: The step at which it first held, from 0 to the budget.
            value: The figure that decided.
            threshold: What it was compared with.
            reason: A sentence for people; at most 400 characters of it are kept.
        """
        return found(self.name, step, value, threshold, reason)
