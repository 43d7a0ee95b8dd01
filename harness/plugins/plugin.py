"""What everything that a suite can name has in common: a name, a version, and parameters with ranges and defaults.

A normalizer, a data set, an architecture, a loss, an optimizer and a metric are all written as a :class:`Plugin`: a
frozen pydantic model whose fields are its parameters. The canonical form of a plugin (:meth:`Plugin.spec`) is what
enters a cell's identity.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Plugin(BaseModel):
    """Base of everything that a suite can name.

    Subclasses declare parameters as pydantic fields with a default and a range, for instance
    ``scale: float = Field(1.0, gt=0, le=10, description="...")``, and these class attributes:

    Attributes:
        name: The name in suites and tables: letters, digits and ``_``.
        version: Raise it whenever results change. It is part of a cell's identity, so that results of two versions
            never share a row.
        summary: One line for ``ganbench list``.
        paper: Where the method comes from, or ``""``.
        later: Parameters that were added after results had been recorded. At their defaults nothing changes, and the
            canonical description leaves them out, so that it stays the one that the results have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    later: ClassVar[frozenset[str]] = frozenset()

    def spec(self) -> dict[str, Any]:
        """Return the canonical description: name, version and every parameter, defaults filled in."""
        untouched = {key for key in self.later if getattr(self, key) == type(self).model_fields[key].default}
        dumped = self.model_dump(mode="json", by_alias=True, exclude=untouched)
        return {"name": self.name, "version": self.version, **dumped}

    @classmethod
    def parameters(cls) -> dict[str, FieldInfo]:
        """Return the parameters by the names that suites know them by."""
        return {field.alias or key: field for key, field in cls.model_fields.items()}

    @classmethod
    def parameters_in_words(cls) -> list[str]:
        """Return a line for each parameter: ``scale = 1.0, greater than 0, at most 10: the factor on every weight``."""
        return [_in_words(name, field) for name, field in cls.parameters().items()]

    def label(self) -> str:
        """Return the name, with those parameters that are not at their default: ``bssn(scale=1.2)``."""
        dumped = self.model_dump(mode="json", by_alias=True)
        changed = {
            field.alias or key: dumped[field.alias or key]
            for key, field in type(self).model_fields.items()
            if getattr(self, key) != field.default
        }
        if not changed:
            return self.name
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in changed.items())})"

    def source(self) -> str:
        """Return the hash of the source that defines the plugin."""
        return source_hash(type(self))


BOUNDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
"""What pydantic calls the ends of a range, in words."""


def _in_words(name: str, field: FieldInfo) -> str:
    value = "must be given" if field.is_required() else f"= {field.get_default(call_default_factory=True)!r}"
    return f"{name} {value}{_range(field)}{f': {field.description}' if field.description else ''}"


def _range(field: FieldInfo) -> str:
    bounds = (
        (words, getattr(item, key)) for item in field.metadata for key, words in BOUNDS.items() if hasattr(item, key)
    )
    return "".join(f", {words} {bound:g}" for words, bound in bounds if bound is not None)


def has_range(field: FieldInfo) -> bool:
    """Say whether a parameter's values are bounded on one side at least."""
    return bool(_range(field))


def source_hash(plugin: type[Plugin]) -> str:
    """Return the SHA-256 of the source file that defines a plugin, shortened to 16 hexadecimal digits.

    It is stored beside every trial: a changed source under an unchanged version can then be pointed out.
    """
    module = sys.modules.get(plugin.__module__)
    text = getattr(module, "__plugin_source__", None)  # set for plugins that came as a file
    if text is None:
        text = inspect.getsource(module) if module is not None else inspect.getsource(plugin)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
