"""What a figure is: its words, and its pictures, each for the page and for a paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ganbench.reports.figures.canvas import print_pdf, print_svg, render
from ganbench.reports.formatting import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """One picture of a figure, for instance of one data set. It is painted when somebody asks for it.

    Attributes:
        name: Unique; prefix of the identifiers inside, and the name of its files.
        title: What it shows; may be empty where the figure's title says it.
        spoken: What a screen reader says.
        page: Width and height on the page, in inches, of which the page makes 96 pixels.
        paper: Width and height in a paper, in inches.
        paint: Draws into a figure of either size.
    """

    name: str
    title: str
    spoken: str
    page: tuple[float, float]
    paper: tuple[float, float]
    paint: Callable[[Figure], None]

    @cached_property
    def svg(self) -> str:
        """The picture as an element for the page."""
        return render(self.name, plain(self.spoken), *self.page, self.paint)

    def files(self, *, pdf: bool = True) -> dict[str, bytes]:
        """Return the picture as files for a paper, by name.

        Args:
            pdf: Whether as PDF too, not SVG alone.
        """
        spoken = plain(self.spoken)
        made = {f"{self.name}.svg": print_svg(self.name, spoken, *self.paper, self.paint)}
        return made | ({f"{self.name}.pdf": print_pdf(spoken, *self.paper, self.paint)} if pdf else {})


@dataclass(frozen=True)
class Drawing:
    """A figure and its words.

    Attributes:
        name: Short and unique.
        title: What it shows.
        caption: What to look at.
        parts: The pictures; none where there are no data.
        on_page: Whether it belongs on the page; otherwise it is there for its files, as the page says it in another way.
    """

    name: str
    title: str
    caption: str
    parts: tuple[Picture, ...]
    on_page: bool = True


def file_name(kind: str, index: int, title: str) -> str:
    """Return the name of one of several pictures: ``profile-1-cifar10-fid``.

    Args:
        kind: The figure's name.
        index: The picture's place, from 0; makes the name unique.
        title: Any text; only what is safe in a file's name is kept of it.
    """
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].rstrip("-")
    return f"{kind}-{index + 1}-{words}" if words else f"{kind}-{index + 1}"
