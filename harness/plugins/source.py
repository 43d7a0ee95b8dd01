"""Plugins given on the command line, in a form that travels: a file, or a module with the whole package around it.

What the user wrote himself goes to other machines as text, and is imported from that text everywhere, also here: what is
hashed is what runs. What is installed does not travel: it can hold compiled code, and has dependencies of its own.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import linecache
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ganbench.harness.errors import PluginError
from ganbench.harness.plugins.blame import OURS, told, top_level

MOST_BYTES = 2**20
"""Of source in one package that travels. Workers hold it in memory, and nobody writes a normalizer of this length."""

_INSTALLED = frozenset({"site-packages", "dist-packages"})

Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PluginSource:
    """A plugin given on the command line, in a form that can be sent to another machine.

    Attributes:
        origin: What the user wrote: a path or a module's dotted name.
        files: Paths, from the folder that the file or package stands in, and texts; none for what is installed.
        wrong: Why it cannot be used, where that was clear when it was read; else empty.
    """

    origin: str
    files: Files = ()
    wrong: str = ""

    @classmethod
    def read(cls, origin: str) -> PluginSource:
        """Read a ``--plugin`` argument: the path of a ``.py`` file, or a module's dotted name.

        A module is looked for where Python looks, and in the working directory.

        Raises:
            PluginError: There is no such file or module, or it cannot be read.
        """
        try:
            return _read_file(origin) if _is_path(origin) else _read_module(origin)
        except (OSError, UnicodeDecodeError) as error:
            raise PluginError(f"--plugin {origin}: cannot be read ({error})") from error

    @property
    def text(self) -> str:
        """All that travels, as one text: what the hash of its source is taken of."""
        return self.files[0][1] if len(self.files) == 1 else "".join(f"{path}\0{text}\0" for path, text in self.files)

    def load(self) -> ModuleType:
        """Import the plugin's module.

        Raises:
            PluginError: It cannot be imported. The message names its file and the line that failed.
        """
        if self.wrong:
            raise PluginError(f"--plugin {self.origin}: {self.wrong}")
        file = _is_path(self.origin)
        name = _name_of(self.origin, self.text) if file else self.origin
        try:
            return _from_file(name, self.origin, self.text) if file else self._from_package()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a script that is no plugin ends like this
            raise PluginError(f"--plugin {self.origin}: {told(error, {top_level(name)})}") from error

    def _from_package(self) -> ModuleType:
        top = top_level(self.origin)
        if self.files and getattr(sys.modules.get(top), "__plugin_source__", None) != self.text:
            # Also what was imported under this name before, from an older text or by somebody else: the modules of a
            # package must be of one text.
            for name in [name for name in sys.modules if top_level(name) == top]:
                del sys.modules[name]
            sys.meta_path[:] = [item for item in sys.meta_path if not (isinstance(item, _Carried) and item.top == top)]
            sys.meta_path.insert(0, _Carried(top, self.files, self.text))
        return importlib.import_module(self.origin)


class _Carried(MetaPathFinder, InspectLoader):
    """Imports the modules of a package from texts.

    Args:
        top: The package.
        files: Its files.
        text: All of them as one.
    """

    def __init__(self, top: str, files: Files, text: str) -> None:
        self.top, self._files, self._text = top, dict(files), text

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Return what is known of a module; None for those of other packages, and for those that did not travel."""
        if top_level(fullname) != self.top:
            return None
        file = self._file(fullname)
        if file is None:
            folder = f"{fullname.replace('.', '/')}/"
            if not any(name.startswith(folder) for name in self._files):
                return None
            return ModuleSpec(fullname, None, is_package=True)  # a folder without __init__.py
        spec = spec_from_loader(fullname, self, origin=file, is_package=file.endswith("/__init__.py"))
        assert spec is not None
        spec.has_location = True
        return spec

    def get_source(self, fullname: str) -> str | None:
        """Return a module's text: tracebacks ask for it."""
        file = self._file(fullname)
        return None if file is None else self._files[file]

    def get_code(self, fullname: str) -> CodeType | None:
        """Return a module's code."""
        file = self._file(fullname)
        return None if file is None else compile(self._files[file], file, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Run a module."""
        module.__dict__["__plugin_source__"] = self._text
        super().exec_module(module)

    def _file(self, fullname: str) -> str | None:
        path = fullname.replace(".", "/")
        return next((file for file in (f"{path}/__init__.py", f"{path}.py") if file in self._files), None)


def _is_path(origin: str) -> bool:
    return origin.endswith(".py") or "/" in origin


def _name_of(origin: str, text: str) -> str:
    # The name carries the content, so that a process which has seen an older text of the same file loads the new one.
    return f"ganbench_plugin_{Path(origin).stem}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _from_file(name: str, origin: str, text: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = origin
    module.__dict__["__plugin_source__"] = text
    linecache.cache[origin] = (len(text), None, text.splitlines(keepends=True), origin)  # for tracebacks on workers
    sys.modules[name] = module  # pydantic resolves annotations through sys.modules
    try:
        exec(compile(text, origin, "exec"), module.__dict__)  # noqa: S102  a plugin is code that the user runs
    except BaseException:
        del sys.modules[name]
        raise
    return module


# --- reading ----------------------------------------------------------------------------------------------------------


def _read_file(origin: str) -> PluginSource:
    path = Path(origin)
    if path.is_dir():
        raise PluginError(f"--plugin {origin}: is a folder; a package is given by its name, --plugin {path.name}")
    files = ((path.name, path.read_text(encoding="utf-8")),)
    return PluginSource(origin, files, _what_stays(files, path.absolute().parent, path.name))


def _read_module(origin: str) -> PluginSource:
    top = top_level(origin)
    spec = _find(top)
    if spec is None:
        raise PluginError(
            f"--plugin {origin}: there is no module {top!r} in the working directory, in PYTHONPATH or among installed"
            " packages; a file is given with its ending, as my_norm.py"
        )
    if not _travels(top, spec):
        return PluginSource(origin)
    found: list[tuple[str, str]] = []
    size = 0
    for path, text in _texts(top, spec):
        found.append((path, text))
        size += len(text.encode())
        if size > MOST_BYTES:
            return PluginSource(origin, (), f"package {top!r} has more than {MOST_BYTES // 2**20} MB of .py files, too many"
                                " to travel to other machines; put the plugin into a package of its own")  # fmt: skip
    files = tuple(found)
    return PluginSource(origin, files, _what_stays(files, _place(spec).parent, top))


def _find(top: str) -> ModuleSpec | None:
    """Find a top-level module without importing it, and not among those that travelled here."""
    for finder in sys.meta_path:
        if not isinstance(finder, _Carried) and (spec := finder.find_spec(top, None)) is not None:
            return spec
    return PathFinder.find_spec(top, [str(Path.cwd())])


def _place(spec: ModuleSpec) -> Path:
    """Return the file of a module, or the folder of a package."""
    locations = spec.submodule_search_locations
    return Path(next(iter(locations)) if locations else str(spec.origin)).absolute()


def _travels(top: str, spec: ModuleSpec) -> bool:
    """Say whether it is somebody's own Python text, which is not installed."""
    if top == OURS or top in sys.stdlib_module_names:
        return False
    place = _place(spec)
    standard = Path(sysconfig.get_path("stdlib"))
    return (
        (place.suffix == ".py" or place.is_dir())
        and not _INSTALLED & set(place.parts)
        and standard not in place.parents
    )


def _texts(top: str, spec: ModuleSpec) -> Iterator[tuple[str, str]]:
    if spec.submodule_search_locations is None:
        yield f"{top}.py", _place(spec).read_text(encoding="utf-8")
        return
    for location in spec.submodule_search_locations:
        for path in sorted(Path(location).rglob("*.py")):
            inside = path.relative_to(location)
            if not any(part.startswith(".") for part in inside.parts):
                yield f"{top}/{inside.as_posix()}", path.read_text(encoding="utf-8")


def _what_stays(files: Files, folder: Path, own: str) -> str:
    """Say which import of what travels is of a file that does not; empty where there is none.

    Here it might succeed, on another machine it would not, in the middle of a trial if it stands in a hook.

    Args:
        files: What travels.
        folder: Where it stands.
        own: The package's name, or the file's.
    """
    for path, text in files:
        for line, level, name in _imports(text):
            if level and own.endswith(".py"):
                return (
                    f"a relative import needs a package ({path}:{line}); put an empty __init__.py beside it and give the"
                    f" module's name, --plugin {folder.name}.{Path(own).stem}, from the folder above"
                )
            beside = (folder / f"{name}.py").is_file() or any((folder / name).glob("*.py"))
            if level or name in (own, "") or not beside:
                continue
            spec = _find(name)
            if spec is None or _travels(name, spec):
                return (
                    f"imports {name!r} ({path}:{line}), which stands beside it and would not travel to other machines with"
                    f" it; put both into one package, for instance my_norms/ with an empty __init__.py, import it there as"
                    f" `from my_norms import {name}`, and give --plugin my_norms.{Path(files[0][0]).stem}"
                )
    return ""


def _imports(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield line, level and top-level name of every import; nothing where the text is no Python, which loading tells."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, 0, top_level(alias.name)) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.level, top_level(node.module or "")
