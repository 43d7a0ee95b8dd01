"""What a figure on the page is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One picture of a figure, for instance of one data set.

    Attributes:
        title: What it shows; may be empty where the figure's title says it.
        svg: The picture.
    """

    title: str
    svg: str


@dataclass(frozen=True)
class Drawing:
    """A figure and its words.

    Attributes:
        name: Short and unique.
        title: What it shows.
        caption: What to look at.
        parts: The pictures.
        legend: Whether it needs the legend of the normalizers' colours.
    """

    name: str
    title: str
    caption: str
    parts: tuple[Part, ...]
    legend: bool
