"""The settings of a block, written or drawn: what each says with what is common, and where in the file it says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ganbench.harness.planning import draws
from ganbench.harness.planning.suite_file import Drawn, GridBlock
from ganbench.harness.planning.yaml_source import Key, YamlSource


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: In tables; empty for one that is there to be checked only, as it holds what could be drawn.
        values: All that it says, with what is common.
        place: From a key of it to the key's place in the file, in words.
        drawn: What was drawn, by dotted key: from what, as the suite declares it.
    """

    name: str
    values: dict[str, Any]
    place: Callable[[Key], str]
    drawn: Mapping[str, Any] = field(default_factory=dict)


def settings_of(block: GridBlock, here: Key, source: YamlSource) -> tuple[list[Setting], list[str]]:
    """Return a block's settings, and everything that is wrong with what it draws from, one line each.

    Args:
        block: The block.
        here: Its place.
        source: Where keys are.
    """
    if isinstance(block.settings, Drawn):
        return _drawn(block, block.settings, here, source)
    return [
        Setting(name, {**block.common, **own}, partial(_place_of_written, here, source, name, own))
        for name, own in block.settings.items()
    ], []


def _drawn(block: GridBlock, said: Drawn, here: Key, source: YamlSource) -> tuple[list[Setting], list[str]]:
    inside = (*here, "settings")
    found, problems = draws.declared(said.from_, block.common)
    if problems:
        return [], [f"{source.place((*inside, 'from', key))}: {text}" for key, text in problems.items()]
    drawn = draws.draw(found, said.draw, said.seed)
    if len(drawn) < said.draw:
        text = f"expected at most {len(drawn)}, for `from` has no more different settings, found {said.draw}"
        return [], [f"{source.place((*inside, 'draw'))}: {text}"]
    place = partial(_place_of_drawn, here, source)
    named = [(f"s{number:03d}", values) for number, values in enumerate(drawn, 1)]
    return [
        Setting(name, draws.nested(block.common, values), place, said.from_)
        for name, values in (*(("", values) for values in draws.extremes(found)), *named)
    ], []


def _place_of_written(here: Key, source: YamlSource, name: str, own: Mapping[str, Any], key: Key) -> str:
    common = (*here, "common", *key)
    return source.place(common if key[0] not in own and common in source.lines else (*here, "settings", name, *key))


def _place_of_drawn(here: Key, source: YamlSource, key: Key) -> str:
    """Return where a key is drawn, or is common; where it would be drawn, if it is neither."""
    for length in range(len(key), 0, -1):
        drawn, common = (*here, "settings", "from", ".".join(map(str, key[:length]))), (*here, "common", *key[:length])
        for place in (drawn, common):
            if place in source.lines:
                return source.place(place)
    return source.place((*here, "settings", "from", *key))
