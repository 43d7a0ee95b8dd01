"""Reading YAML so that every error can name its line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ganbench.harness.errors import SuiteError

Key = tuple[str | int, ...]

MOST = 100_000
"""Values that a file may have, with what aliases repeat: a file of a kilobyte can say billions."""


class _Loader(yaml.SafeLoader):
    """YAML's safe subset, with ``1e-4`` read as a number.

    PyYAML follows YAML 1.1, where a number in scientific notation needs a point and a sign.
    """


_Loader.yaml_implicit_resolvers = {key: list(value) for key, value in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


@dataclass(frozen=True)
class YamlSource:
    """A YAML file's content, and where each key stands.

    Attributes:
        path: The file.
        content: What it says.
        lines: Line number, from 1, of every key and list item.
    """

    path: Path
    content: dict[str, Any]
    lines: dict[Key, int]

    def place(self, key: Key) -> str:
        """Return ``file:line: dotted.key``, with the line of the nearest enclosing key that exists."""
        known = key
        while known and known not in self.lines:
            known = known[:-1]
        dotted = ".".join(str(part) for part in key)
        return f"{self.path}:{self.lines.get(known, 1)}" + (f": {dotted}" if dotted else "")


def read_yaml(path: Path) -> YamlSource:
    """Read a YAML file that holds a mapping.

    Raises:
        SuiteError: It cannot be read, is not YAML, holds something other than a mapping, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError([f"{path}: cannot be read ({error})"]) from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            found = "nothing" if node is None else f"a {type(node).__name__.removesuffix('Node').lower()}"
            raise SuiteError([f"{path}:1: expected a mapping of keys to values, found {found}"])
        lines: dict[Key, int] = {}
        _collect_lines(node, (), lines, path)
        return YamlSource(path, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SuiteError([f"{path}:{line}: not valid YAML: {error.problem or error.context}"]) from error
    except yaml.YAMLError as error:
        raise SuiteError([f"{path}: not valid YAML: {error}"]) from error
    finally:
        loader.dispose()


def _collect_lines(node: yaml.Node, key: Key, lines: dict[Key, int], path: Path) -> None:
    if len(lines) > MOST:
        line = node.start_mark.line + 1
        raise SuiteError([f"{path}:{line}: more than {MOST:,} values, with those that aliases repeat"])
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = (*key, name.value)
            line = name.start_mark.line + 1
            if inner in lines:
                dotted = ".".join(str(part) for part in inner)
                raise SuiteError([f"{path}:{line}: {dotted}: the key appears twice, first in line {lines[inner]}"])
            lines[inner] = line
            _collect_lines(value, inner, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*key, index)] = value.start_mark.line + 1
            _collect_lines(value, (*key, index), lines, path)
