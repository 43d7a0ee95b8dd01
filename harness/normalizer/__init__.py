"""The contract of a normalizer: what keeps a network stable.

A normalizer may initialise weights, reparameterize them, keep state, replace or follow activations, add penalties to the
discriminator's loss, and project the discriminator's parameters after its updates. The simplest is a function of a
weight:

    @normalizer
    def halve(weight):
        '''Half of every weight.'''
        return 0.5 * weight

Any other is a class, which overrides the hooks that it needs:

    class Scaled(Normalizer):
        name = "scaled"
        summary = "Every weight times a factor."
        factor: float = Field(0.5, gt=0, le=10, description="the factor")

        def reparameterize(self, weight, params, state, layer):
            return self.factor * weight, state

Every hook is a pure function of its arguments: it keeps shapes, dtypes and devices, changes no argument in place, and
draws random numbers only from the generator that it is given. :meth:`Normalizer.reparameterize` is called for every weight
once per discriminator step; the real, the fake and every other pass of that step then see the same effective weights. The
generator's step calls it again with the discriminator's new weights and discards the state that it returns, so that state
advances once per discriminator step and never with the generator's. ``ganbench check`` holds a normalizer to all of this.
"""

from ganbench.harness.normalizer.claims import (
    Claim,
    largest_absolute_entry,
    largest_singular_value,
    length_of_every_output_unit,
    mean_of_both_largest_singular_values,
    operator_norm,
)
from ganbench.harness.normalizer.contract import MODES, NETWORKS, Normalizer, overrides, total_penalty
from ganbench.harness.normalizer.function import normalizer

__all__ = [
    "MODES",
    "NETWORKS",
    "Claim",
    "Normalizer",
    "largest_absolute_entry",
    "largest_singular_value",
    "length_of_every_output_unit",
    "mean_of_both_largest_singular_values",
    "normalizer",
    "operator_norm",
    "overrides",
    "total_penalty",
]
