"""Settings that are drawn from a declared distribution, in place of settings that are written down.

Every number comes from a stream of its own, named by the suite's seed of draws, the setting's place and the key, through
SHA-256 and decimal arithmetic. So a draw is the same on every machine, whatever else is drawn, and however many settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import partial
from itertools import accumulate
from typing import Any

from ganbench.harness.canonical import digest
from ganbench.harness.errors import InputError, did_you_mean

MOST = 999
"""Settings of a block: their names have three digits."""

DIGITS = 3
"""Significant digits of a number from a range, so that people can read it and identities are equal everywhere."""

ATTEMPTS = 100
"""A new setting is looked for in so many draws for each setting that is wanted; then there is none."""

_BITS = 64
_EXACT = Context(prec=40, rounding=ROUND_HALF_EVEN)
_ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True)
class OneOf:
    """One of some values, each as likely as the others.

    Attributes:
        values: Different ones, at least one.
    """

    values: tuple[Any, ...]

    def at(self, bits: int) -> Any:
        """Return the value at a place from 0 to 2**64."""
        return self.values[bits * len(self.values) >> _BITS]

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that must be allowed for all to be."""
        return self.values


@dataclass(frozen=True)
class Between:
    """A number between two others.

    Attributes:
        low: The least.
        high: The largest.
        log: Whether its logarithm is uniform, and not the number itself.
    """

    low: float
    high: float
    log: bool

    def at(self, bits: int) -> float:
        """Return the number at a place from 0 to 2**64."""
        with localcontext(_EXACT):
            low, high, share = Decimal(repr(self.low)), Decimal(repr(self.high)), Decimal(bits) / 2**_BITS
            value = (low.ln() + (high.ln() - low.ln()) * share).exp() if self.log else low + (high - low) * share
        return min(max(float(_ROUNDED.plus(value)), self.low), self.high)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """The values that must be allowed for all to be."""
        return self.low, self.high


@dataclass(frozen=True)
class Same:
    """What another key has.

    Attributes:
        key: The other key.
    """

    key: str


Distribution = OneOf | Between | Same

FORMS = "a list of values, {log: [LOW, HIGH]}, {uniform: [LOW, HIGH]} or {same: KEY}"


def distribution(said: Any) -> Distribution:
    """Return what a suite declares for a key.

    Args:
        said: A list, or a mapping of one of :data:`KINDS`.

    Raises:
        InputError: It is neither, or impossible; one sentence, without the key.
    """
    if isinstance(said, list):
        if not said:
            raise InputError("is empty, expected at least one value")
        twice = next((value for place, value in enumerate(said) if value in said[:place]), None)
        if said.count(twice) > 1:
            raise InputError(f"expected different values, found {twice!r} twice")
        return OneOf(tuple(said))
    if isinstance(said, Mapping) and len(said) == 1:
        ((kind, argument),) = said.items()
        if kind not in KINDS:
            raise InputError(f"unknown kind {kind!r}{did_you_mean(str(kind), KINDS)}; expected {FORMS}")
        return KINDS[kind](argument)
    raise InputError(f"expected {FORMS}, found {said!r}")


def declared(said: Mapping[str, Any], common: Mapping[str, Any]) -> tuple[dict[str, Distribution], dict[str, str]]:
    """Return the distributions of a block's `from`, and what is wrong with others, each by key.

    Args:
        said: What the suite says.
        common: What all settings of the block have.
    """
    found: dict[str, Distribution] = {}
    problems: dict[str, str] = {}
    for key, value in said.items():
        if problem := _conflict(key, said, common):
            problems[key] = problem
            continue
        try:
            found[key] = distribution(value)
        except InputError as error:
            problems[key] = str(error)
    for key, item in found.items():
        if isinstance(item, Same) and (problem := _loose(key, found, said)):
            problems[key] = problem
    return found, problems


def draw(found: Mapping[str, Distribution], count: int, seed: int) -> list[dict[str, Any]]:
    """Return settings that differ from each other, the same first ones however many are drawn.

    A setting that was drawn before is drawn again at its place, from the next stream: that of others is as it was.

    Args:
        found: The distributions, whose ties lead to others.
        count: How many settings.
        seed: Of the draws.

    Returns:
        Values by dotted key; fewer settings where there are no more that differ.
    """
    drawn: dict[str, dict[str, Any]] = {}
    for place in range(count):
        attempts = (_setting(found, seed, place, attempt) for attempt in range(ATTEMPTS * count))
        new = next((values for values in attempts if repr(values) not in drawn), None)
        if new is None:
            break
        drawn[repr(new)] = new
    return list(drawn.values())


def extremes(found: Mapping[str, Distribution]) -> Iterator[dict[str, Any]]:
    """Yield settings that have, together, every value that must be allowed for all that can be drawn to be.

    Args:
        found: The distributions, whose ties lead to others.
    """
    ends = {key: item.extremes for key, item in found.items() if not isinstance(item, Same)}
    for place in range(max(map(len, ends.values()))):
        yield {key: (own := ends[root(found, key)])[place % len(own)] for key in found}


def nested(common: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a setting says: what is common, and drawn values within it.

    Args:
        common: What all settings have.
        values: By dotted key.
    """
    merged = dict(common)
    for key, value in values.items():
        *outer, last = key.split(".")
        place = merged
        for part in outer:
            place[part] = dict(_mapping(place.get(part, {})))
            place = place[part]
        place[last] = value
    return merged


def root(found: Mapping[str, Distribution], key: str) -> str:
    """Return the key that a key is tied to in the end; itself where it is not tied.

    Args:
        found: The distributions.
        key: One of them.
    """
    for _ in found:
        item = found[key]
        if not isinstance(item, Same):
            break
        key = item.key
    return key


def value_at(spec: Mapping[str, Any], key: str) -> Any:
    """Return a value of a cell's specification by its dotted key: a number, or words; of a plugin, name and parameters.

    Raises:
        KeyError: There is no such key.
    """
    value: Any = spec
    for part in key.split("."):
        if not isinstance(value, Mapping):
            raise KeyError(key)
        value = value[part]
    if not isinstance(value, Mapping):
        return str(value) if isinstance(value, list) else value
    parameters = [f"{name}={item}" for name, item in value.items() if name not in ("name", "version")]
    return f"{value.get('name')}({', '.join(parameters)})" if parameters else str(value.get("name"))


def _setting(found: Mapping[str, Distribution], seed: int, place: int, attempt: int) -> dict[str, Any]:
    values = {
        key: item.at(int(digest(["settings", seed, place, attempt, key], _BITS // 4), 16))
        for key, item in found.items()
        if not isinstance(item, Same)
    }
    return {key: values[root(found, key)] for key in found}


def _between(said: Any, *, log: bool) -> Between:
    if not (isinstance(said, list) and len(said) == 2 and all(map(_is_number, said))):
        raise InputError(f"expected [LOW, HIGH], two numbers, found {said!r}")
    low, high = map(float, said)
    if log and low <= 0:
        raise InputError(f"expected a LOW above 0, for its logarithm, found {said!r}")
    if low >= high:
        raise InputError(f"expected LOW below HIGH, found {said!r}")
    return Between(low, high, log)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _same(said: Any) -> Same:
    if not isinstance(said, str):
        raise InputError(f"expected another key of `from`, found {said!r}")
    return Same(said)


def _conflict(key: str, said: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    """Say why a key cannot be drawn alongside what else there is; empty where it can."""
    *outer, last = key.split(".")
    if (outer or [last])[0] == "resources":
        return "changes no result, expected it in `common`"
    for whole in accumulate(outer, "{}.{}".format):
        if whole in said:
            return f"is a part of {whole!r}, which is drawn as a whole; expected one of the two"
    place: Any = common
    for part in outer:
        place = _mapping(place.get(part, {}))
        if not isinstance(place, Mapping):
            return f"expected a mapping at {'.'.join(outer)!r} in `common`, found {place!r}"
    return f"is in `common` as well ({place[last]!r}); expected one of the two" if last in place else ""


def _mapping(said: Any) -> Any:
    """Return a plugin that is written as its name alone as a mapping; all else as it is."""
    return {"name": said} if isinstance(said, str) else said


def _loose(key: str, found: Mapping[str, Distribution], said: Mapping[str, Any]) -> str:
    """Say in what a tie leads nowhere; empty where it leads to something that is drawn."""
    seen = [key]
    while isinstance(item := found.get(seen[-1]), Same):
        if item.key not in said:
            return (
                f"same: expected another key of `from`, found {item.key!r}{did_you_mean(item.key, {*said} - {*seen})}"
            )
        if item.key in seen:
            return f"same: leads back to itself: {', '.join([*seen, item.key])}"
        seen.append(item.key)
    return ""


KINDS: Mapping[str, Callable[[Any], Distribution]] = {
    "log": partial(_between, log=True),
    "uniform": partial(_between, log=False),
    "same": _same,
}
"""What a mapping in `from` can say."""
