"""A normalizer from a plain function of a weight."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, get_type_hints, overload

from pydantic import create_model
from pydantic.fields import FieldInfo

from ganbench.harness.errors import PluginError
from ganbench.harness.normalizer.contract import Normalizer

if TYPE_CHECKING:
    from torch import Tensor

    from ganbench.harness.normalizer.claims import Claim
    from ganbench.harness.normalizer.layers import Layer

WeightFunction = Callable[..., "Tensor"]
"""``f(weight)`` or ``f(weight, layer)``, and parameters with defaults behind them."""


@overload
def normalizer(function: WeightFunction) -> type[Normalizer]: ...


@overload
def normalizer(
    *,
    version: str = "1",
    paper: str = "",
    networks: frozenset[str] = Normalizer.networks,
    claims: tuple[Claim, ...] = (),
) -> Callable[[WeightFunction], type[Normalizer]]: ...


def normalizer(function: WeightFunction | None = None, **about: Any) -> Any:
    """Make a normalizer of a function from a raw weight to the effective one: a decorator, with arguments or without.

    The function's name is the normalizer's, its docstring's first line the summary. Its first argument is the weight;
    one that is called ``layer`` gets the layer; every other is a parameter and needs a default, which may be a pydantic
    ``Field`` with a range:

        @normalizer(paper="Doe 2026", version="2")
        def scaled(weight, factor: float = Field(0.5, gt=0, le=10, description="the factor")):
            '''Every weight times a factor.'''
            return factor * weight

    Args:
        function: As in :meth:`Normalizer.reparameterize`, without parameters and state.
        **about: ``version``, ``paper`` and ``networks`` as in :class:`Normalizer`; ``claims``, the same for every layer.

    Returns:
        A subclass of :class:`Normalizer` in the function's place.

    Raises:
        PluginError: The function takes no weight, or a parameter has no default.
    """
    if function is None:
        return lambda decorated: _from_function(decorated, **about)
    return _from_function(function, **about)


def _from_function(
    function: WeightFunction,
    version: str = "1",
    paper: str = "",
    networks: frozenset[str] = Normalizer.networks,
    claims: tuple[Claim, ...] = (),
) -> type[Normalizer]:
    name = function.__name__
    arguments = list(inspect.signature(function).parameters.values())
    if not arguments:
        raise PluginError(f"{name}() takes no argument: expected a weight first")
    others = arguments[1:]
    takes_layer = any(other.name == "layer" for other in others)
    fields: dict[str, Any] = {other.name: _field(function, other) for other in others if other.name != "layer"}

    @wraps(function, assigned=(), updated=())  # so that what goes wrong is told at the function's own line
    def reparameterize(
        self: Normalizer, weight: Tensor, params: Mapping[str, Tensor], state: Mapping[str, Tensor], layer: Layer
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return what the function makes of the weight."""
        given = {key: getattr(self, key) for key in fields} | ({"layer": layer} if takes_layer else {})
        return function(weight, **given), state

    made = create_model(name, __base__=Normalizer, __module__=function.__module__, __doc__=function.__doc__, **fields)
    made.name, made.version, made.paper, made.networks = name, version, paper, networks
    made.summary = (function.__doc__ or "").strip().partition("\n")[0]
    made.reparameterize = reparameterize  # type: ignore[method-assign]
    made.claims = lambda self, layer: claims  # type: ignore[method-assign]
    return made


def _field(function: WeightFunction, parameter: inspect.Parameter) -> tuple[Any, Any]:
    default = parameter.default
    if default is inspect.Parameter.empty:
        raise PluginError(
            f"{function.__name__}({parameter.name}): expected a default, because every argument but the weight and 'layer'"
            f" is a parameter that a suite can set; write {parameter.name}: float = 1.0"
        )
    kind = get_type_hints(function).get(parameter.name)
    value = default.default if isinstance(default, FieldInfo) else default
    return kind or type(value), default
