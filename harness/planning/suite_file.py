"""What a suite file may say: its keys, their types and ranges, and how mistakes in them are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from ganbench.harness.errors import describe
from ganbench.harness.planning import draws
from ganbench.harness.planning.yaml_source import Key, YamlSource
from ganbench.harness.stability import known_definitions

Named = str | dict[str, Any]
"""A plugin as a suite writes it: its name, or a mapping of ``name`` and parameters."""

Combined = Named | list[Named]
"""A normalizer or a metric, which can be a combination: ``"a + b"``, or a list of plugins."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that is safe in a file's path."""


PYDANTIC = (
    "str",
    "dict[str,any]",
    "list[union[str,dict[str,any]]]",
    "[key]",
    "[number]",
    "[rule]",
    "[written]",
    "[drawn]",
)
"""Parts of pydantic's locations that name branches of a union, not places in a file."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Needed(_Model):
    """What a trial needs while it runs."""

    cpus: float = Field(1.0, gt=0, le=1024)
    gpus: float = Field(0.0, ge=0, le=1)
    memory: float = Field(0.0, ge=0, le=65536)


class Hyperparameters(_Model):
    """What a setting may say. A block's ``common`` gives values to all of its settings."""

    loss: Named = "non_saturating"
    optimizer: Named = "adam"
    lr_g: float = Field(gt=0, le=10)
    lr_d: float = Field(gt=0, le=10)
    n_dis: int = Field(1, ge=1, le=100)
    simultaneous: bool = False
    lr_decay_from: float = Field(1.0, ge=0, le=1)
    clip_norm: float | None = Field(None, gt=0)
    penalty_every: int = Field(1, ge=1, le=1000)
    ema: float = Field(0.0, ge=0, lt=1)
    batch_size: int = Field(64, ge=2, le=65536)
    steps: int = Field(ge=1)
    evaluations: int = Field(25, ge=1, le=1000)
    log_points: int = Field(200, ge=1, le=10000)
    resources: Needed = Needed()


class Drawn(_Model):
    """Settings that are drawn, in place of written ones: how many, the seed, and from what, by dotted key."""

    draw: int = Field(ge=1, le=draws.MOST)
    seed: int = Field(0, ge=0, lt=2**63)
    from_: dict[str, Any] = Field(alias="from", min_length=1)


def _written_or_drawn(said: Any) -> str:
    """Say which a block's settings are; a written setting can be called "draw", none "from"."""
    if isinstance(said, dict):
        return "[drawn]" if "from" in said or not isinstance(said.get("draw", {}), dict) else "[written]"
    return "[drawn]" if isinstance(said, Drawn) else "[written]"


class GridBlock(_Model):
    """One data set and architecture, with the settings that are tried on it, ``without`` some of the normalizers."""

    dataset: Named
    architecture: Named
    metric: Combined
    without: list[str] = Field(default_factory=list)
    common: dict[str, Any] = Field(default_factory=dict)
    settings: Annotated[
        Annotated[dict[Name, dict[str, Any]], Field(min_length=1), Tag("[written]")] | Annotated[Drawn, Tag("[drawn]")],
        Discriminator(_written_or_drawn),
    ]


class Until(_Model):
    """What ends a cell's need for more seeds."""

    ci_halfwidth: float | None = Field(None, gt=0, lt=0.5)
    separated: Literal["spending", "betting"] | None = None
    against: Literal["all", "baseline"] = "all"

    @model_validator(mode="after")
    def _something(self) -> Until:
        if self.ci_halfwidth is None and self.separated is None:
            raise ValueError("ci_halfwidth, separated, or both")
        return self


class Seeds(_Model):
    """Seeds one after the other: as many as it takes, between two bounds."""

    min: int = Field(8, ge=2, le=100_000)
    max: int = Field(ge=2, le=100_000)
    step: int = Field(4, ge=1, le=1000)
    until: Until

    @model_validator(mode="after")
    def _ordered(self) -> Seeds:
        if self.max < self.min:
            raise ValueError(f"max to be at least min, which is {self.min}")
        return self


class SuiteFile(_Model):
    """The keys of a suite file."""

    suite: Name
    version: int = Field(ge=1)
    description: str = ""
    seed: int = Field(0, ge=0, lt=2**63)
    seeds: Annotated[
        Annotated[int, Field(ge=1, le=100_000), Tag("[number]")] | Annotated[Seeds, Tag("[rule]")],
        Discriminator(lambda value: "[rule]" if isinstance(value, Seeds | dict) else "[number]"),
    ]
    definition: int = Field(default_factory=lambda: known_definitions()[-1])
    baseline: str | None = None
    detectors: list[Named] = Field(default_factory=list)
    normalizers: list[Combined] = Field(min_length=1)
    grid: list[GridBlock] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_baseline(self) -> SuiteFile:
        if isinstance(self.seeds, Seeds) and self.seeds.until.against == "baseline" and self.baseline is None:
            raise ValueError("a baseline, because seeds.until says against: baseline")
        return self

    @field_validator("definition")
    @classmethod
    def _known(cls, value: int) -> int:
        if value not in known_definitions():
            raise ValueError(f"a version of the definition of instability: {', '.join(map(str, known_definitions()))}")
        return value


def explain_file(source: YamlSource, error: ValidationError) -> list[str]:
    """Return a line for everything that pydantic found wrong with a file."""

    def known(key: tuple[Any, ...]) -> Iterable[str]:
        if key[:1] == ("seeds",):
            return (*Seeds.model_fields, *Until.model_fields)
        if "[drawn]" in key:
            return (field.alias or name for name, field in Drawn.model_fields.items())
        return GridBlock.model_fields if key[:1] == ("grid",) and len(key) > 2 else SuiteFile.model_fields

    lines = []
    for key, text in describe(error.errors(include_url=False), known):
        # Pydantic names the branch of a union in the location; only what stands in the file is of use to a reader.
        place = source.place(tuple(part for part in key if part not in PYDANTIC))
        lines.append(f"{place}: {text}")
    return list(dict.fromkeys(lines))


def explain_setting(error: ValidationError, place: Callable[[Key], str]) -> list[tuple[str, str]]:
    """Return place and sentence of everything that is wrong with a setting.

    Args:
        error: What pydantic found.
        place: From a key of the setting to its place in the file.
    """

    def known(key: tuple[Any, ...]) -> Iterable[str]:
        return Needed.model_fields if key[:1] == ("resources",) else Hyperparameters.model_fields

    return [(place(key), text) for key, text in describe(error.errors(include_url=False), known)]
