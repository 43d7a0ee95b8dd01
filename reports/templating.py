"""How all HTML of ours is made: one template engine, which escapes everything, and what all pages have in common."""

from __future__ import annotations

import base64
import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.reports import formatting
from ganbench.reports.figures.canvas import palette_style

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment

TEMPLATES = Path(__file__).parent / "templates"


def template_text(name: str) -> str:
    """Return a file of the templates' folder, as it stands."""
    return (TEMPLATES / name).read_text(encoding="utf-8").strip()


def script_hash(script: str) -> str:
    """Return what a content security policy names a script by: the SHA-256 of its text, in base 64."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def environment(style: str) -> Environment:
    """Return the template engine.

    Everything that comes from suites, plugins and data sets is escaped, and loses characters that do more than to be read.

    Args:
        style: Name of the page's own style sheet; theme, colours and what is shared come before it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    breaks = {ord("_"): "_<wbr>", ord("/"): "/<wbr>", ord("="): "=<wbr>"}

    @lru_cache(maxsize=10_000)
    def breakable(text: str) -> Markup:  # long names break where people would
        return Markup(str(escape(formatting.plain(str(text)))).translate(breaks))  # noqa: S704  escaped

    def sentence(text: str) -> Markup:
        return Markup(formatting.html(text))  # noqa: S704  escaped there

    def preformatted(text: str) -> Markup:
        return escape(formatting.plain(text, keep="\n\t"))

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: formatting.plain(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled(),
    )
    made.filters |= {"breakable": breakable, "preformatted": preformatted, "sentence": sentence}
    chosen = template_text("scripts/chosen.js")
    made.globals |= {
        "chosen": chosen,
        "chosen_hash": script_hash(chosen),
        "f": formatting,
        "style": "\n".join([template_text("theme.css"), palette_style(), *map(template_text, ("shared.css", style))]),
    }
    return made


@cache
def _compiled() -> BytecodeCache:
    """Keep what templates are compiled to, which takes longer than to fill one, for all engines of the process."""
    from jinja2 import BytecodeCache
    from jinja2.bccache import Bucket

    class Compiled(BytecodeCache):
        def __init__(self) -> None:
            self.kept: dict[str, bytes] = {}

        def load_bytecode(self, bucket: Bucket) -> None:
            if bucket.key in self.kept:
                bucket.bytecode_from_string(self.kept[bucket.key])

        def dump_bytecode(self, bucket: Bucket) -> None:
            self.kept[bucket.key] = bucket.bytecode_to_string()

    return Compiled()
