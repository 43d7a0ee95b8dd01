"""The papers' numbers: ``baselines/published.csv``, read and checked."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ganbench.harness.errors import InputError, describe


def _absent(value: object) -> object:
    return None if value == "" else value


Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_absent)]
Amount = Annotated[Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None, BeforeValidator(_absent)]
Text = Annotated[str, Field(min_length=1)]


class PublishedRow(BaseModel):
    """One published number and the protocol that it was measured by.

    What is the same as something of ours has our label, and the source's own word beside it. A field is empty where the
    source does not say, where it does not apply, or where nothing of ours is the same. Numbers keep the digits that were
    printed.

    Attributes:
        method: The source's name of the method.
        their_dataset: Its word for the data set.
        their_architecture: For the network.
        their_normalizer: For the normalizer.
        their_metric: For the measure.
        dataset: Our label of the data set, with the parameters that make it the same; empty if we have none.
        resolution: Side of the images in pixels, or dimension of points; None if it is not confirmed.
        architecture: Our label of the network; empty if none of ours is known to be the same.
        normalizer: Our label of the discriminator's normalizer; a gradient penalty is one.
        loss: Our name of the loss.
        optimizer: Our label of the optimizer, with its moments: ``adam(beta1=0, beta2=0.9)``.
        lr_g: The generator's learning rate.
        lr_d: The discriminator's.
        n_dis: Discriminator updates per generator update.
        lr_decay_from: The share of the training after which the rates fall linearly to zero; 1 for never.
        batch_d: Real samples in a discriminator update.
        batch_g: Samples in a generator update.
        conditional: Whether the networks are class-conditional.
        pooling: How the discriminator's last maps become a vector.
        value_range: Of the images that it reads.
        metric: Our name of the measure, without its protocol.
        value: The number.
        std: Its spread, of what ``std_of`` says.
        std_of: What the spread is taken over.
        runs: Over how many trainings the number is taken.
        real_split: The real examples' split, in the source's word.
        n_real: How many real examples.
        n_fake: How many generated samples.
        extractor: Our name of the feature extractor.
        selection: Which evaluation the number is of.
        steps: Generator updates of the training.
        source: Where it is.
        commit: Of the source, where it is a repository.
        field: Its table, line or function, and the number's place in it.
        provenance: Whether it was found in text or read from an image.
        note: What else differs from ours, or is in doubt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Text
    their_dataset: Text
    their_architecture: Text
    their_normalizer: Text
    their_metric: Text
    dataset: str
    resolution: Count
    architecture: str
    normalizer: Text
    loss: str
    optimizer: str = ""
    lr_g: Amount = None
    lr_d: Amount = None
    n_dis: Count = None
    lr_decay_from: Amount = None
    batch_d: Count = None
    batch_g: Count = None
    conditional: Literal["", "no", "yes"] = ""
    pooling: Literal["", "none", "sum", "mean"] = ""
    value_range: Literal["", "-1..1", "0..1"] = ""
    metric: Literal[
        "fid", "inception_score", "modes", "high_quality_share", "reconstruction_error", "final_reconstruction_error"
    ]
    value: Decimal = Field(allow_inf_nan=False)
    std: Amount
    std_of: str
    runs: Count
    real_split: Literal["", "train", "test", "unlabeled", "all"]
    n_real: Count
    n_fake: Count
    extractor: str
    selection: Literal["last", "best", "best_running", "best_of_study"]
    steps: Count
    source: Text
    commit: str = ""
    field: str = ""
    provenance: Literal["found_text", "found_image"]
    note: str

    @model_validator(mode="after")
    def _spread_is_explained(self) -> Self:
        """Refuse a spread of nobody knows what: of evaluations and of trainings it is a different thing."""
        if (self.std is None) != (self.std_of == ""):
            raise ValueError("std and std_of are given together or not at all")
        return self


def load_published(path: str | Path | None = None) -> tuple[PublishedRow, ...]:
    """Read the published numbers.

    Args:
        path: A file of the same form; the shipped one when absent.

    Raises:
        InputError: The file cannot be read, or a column or a value is not known; the message has a line for every problem.
    """
    file = _shipped() if path is None else Path(path)
    try:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    reader = csv.reader(lines)
    columns = next(reader, [])
    _check_columns(file, columns)
    rows, problems = [], []
    for values in reader:
        place = f"{file}:{reader.line_num}"
        if len(values) != len(columns):
            problems.append(f"{place}: expected {len(columns)} values, found {len(values)}")
            continue
        try:
            rows.append(PublishedRow.model_validate(dict(zip(columns, values, strict=True))))
        except ValidationError as error:
            problems += [f"{place}: {key}{text}" for key, text in _explained(error.errors())]
    if problems:
        raise InputError(problems)
    return tuple(rows)


def _shipped() -> Path:
    from ganbench import baselines

    return Path(next(iter(baselines.__path__))) / "published.csv"


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    """Refuse a head that lacks a column which no row can do without, has one more, or has one twice."""
    known = list(PublishedRow.model_fields)
    errors = [{"type": "extra_forbidden", "loc": (name,)} for name in columns if name not in known]
    errors += [
        {"type": "missing", "loc": (name,)}
        for name in known
        if name not in columns and PublishedRow.model_fields[name].is_required()
    ]
    problems = [f"{file}:1: {key}{text}" for key, text in _explained(errors)]
    problems += [f"{file}:1: {name}: the column is there twice" for name in known if columns.count(name) > 1]
    if problems:
        raise InputError(problems)


def _explained(errors: Iterable[Any]) -> list[tuple[str, str]]:
    told = describe(errors, lambda _: PublishedRow.model_fields)
    return [(f"{key[0]}: " if key else "", text.replace("key", "column")) for key, text in told]
