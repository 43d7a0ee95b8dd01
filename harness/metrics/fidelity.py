"""``fidelity``: FID, Inception Score, KID, precision and recall, density and coverage over a named feature extractor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch import nn

from ganbench.harness.data.dataset import Data, Dataset
from ganbench.harness.errors import did_you_mean
from ganbench.harness.metrics.comparison import KINDS, SampleComparison
from ganbench.harness.metrics.extractors.inception import INCEPTION
from ganbench.harness.metrics.extractors.registry import EXTRACTORS, ExtractorEntry, extract, gather
from ganbench.harness.metrics.metric import Evaluate, Generated, Measure, Metric
from ganbench.harness.metrics.protocols import PROTOCOLS
from ganbench.harness.metrics.real_statistics import RealStatistics, Wanted, real_statistics

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store

DEFAULT_SAMPLES = 50_000


class Fidelity(Metric):
    """Distances between the distributions of generated and real samples, over the features of an extractor.

    * ``fid`` (Heusel et al. 2017): the Frechet distance between Gaussians fitted to the features of real and of generated
      samples. Lower is better, 0 at best; biased upwards at few samples.
    * ``inception_score`` (Salimans et al. 2016): exp E KL(p(y|x) | p(y)) of the extractor's classes, mean of ten splits;
      from 1 to the number of classes, higher is better.
    * ``kid`` (Binkowski et al. 2018): the unbiased squared MMD of a cubic kernel, over all compared samples. Lower is
      better, around 0 at best.
    * ``precision``, ``recall``, ``f1`` (Kynkaanniemi et al. 2019): share of generated samples among the real ones' three
      nearest neighbours, the reverse, and their harmonic mean; from 0 to 1.
    * ``density``, ``coverage`` (Naeem et al. 2020): likewise over five neighbours, robust to outliers; about 1 at best.
    * ``diversity``: mean distance between the features of two generated samples over that of two real examples; about 1
      when samples are as varied as the data, 0 when they are all the same.

    KID and neighbours compare at most 10,000 samples of each side; the others use all.

    A number carries in brackets what its protocol differs in from 50,000 generated samples against all training images
    through Inception v3: the extractor, then how many generated and how many real ones, with k for thousands, then
    ``test`` for the test split. So ``fid[digits-cnn:1k_full]``, ``fid[cifar10-small]``, ``fid[10k_5k]``,
    ``fid[10k_10k:test]``; plain ``fid`` is the literature's most usual one.
    """

    name: ClassVar[str] = "fidelity"
    version: ClassVar[str] = "2"
    summary: ClassVar[str] = "FID, Inception Score, KID, precision, recall, density, coverage over a named extractor."
    paper: ClassVar[str] = "Heusel et al. 2017, arXiv:1706.08500; Salimans et al. 2016, arXiv:1606.03498"

    extractor: str = Field(INCEPTION, description="a registered feature extractor")
    samples: int = Field(DEFAULT_SAMPLES, ge=100, le=1_000_000, description="generated samples per evaluation")
    real: int | None = Field(None, ge=100, le=10_000_000, description="real examples; all, if not given")
    split: Literal["train", "test"] = Field("train", description="the real examples' split")
    chosen: tuple[str, ...] = Field(
        tuple(KINDS),
        alias="measures",  # which is a method's name
        min_length=1,
        description="which numbers, the one to rank by first; all that the extractor offers, if not given",
    )

    @model_validator(mode="before")
    @classmethod
    def _explicit(cls, given: Any) -> Any:
        """Write a protocol and the default measures out: the same numbers are the same cell, however asked for."""
        if not isinstance(given, Mapping):
            return given
        entry = EXTRACTORS.get(str(given.get("extractor", INCEPTION)))
        if "measures" not in given and entry is not None:
            given = {**given, "measures": offered(entry)}
        if "protocol" not in given:
            return given
        rest = {key: value for key, value in given.items() if key != "protocol"}
        name = str(given["protocol"])
        if name not in PROTOCOLS:
            raise ValueError(f"unknown protocol {name!r}{did_you_mean(name, PROTOCOLS)}")
        protocol = PROTOCOLS[name]
        twice = [repr(key) for key in protocol.fields() if key in rest]
        if twice:
            raise ValueError(f"'protocol' {name!r} fixes {' and '.join(twice)}: give one or the other")
        return {**rest, **protocol.fields()}

    @field_validator("extractor")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in EXTRACTORS:
            raise ValueError(f"a registered feature extractor{did_you_mean(value, EXTRACTORS)}")
        return value

    @field_validator("chosen")
    @classmethod
    def _offered(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in value:
            if name not in KINDS:
                raise ValueError(f"measures, of which {name!r} is none{did_you_mean(name, KINDS)}")
            if value.count(name) > 1:
                raise ValueError(f"{name!r} once")
            extractor = info.data.get("extractor")
            if extractor is not None and name not in offered(EXTRACTORS[extractor]):
                raise ValueError(
                    f"measures of an extractor without classes, such as {extractor!r}, which {name!r} is not"
                )
        return value

    def sample_count(self) -> int:
        """Return how many samples one evaluation needs."""
        return self.samples

    def measures(self) -> tuple[Measure, ...]:
        """Return what is reported, in the order asked for."""
        return tuple(Measure(self.key(name), KINDS[name].better) for name in self.chosen)

    def key(self, name: str) -> str:
        """Return a measure's name with what its protocol differs in from the literature's most usual one."""
        differs = [] if self.extractor == INCEPTION else [self.extractor]
        if (self.samples, self.real, self.split) != (DEFAULT_SAMPLES, None, "train"):
            differs.append(f"{_short(self.samples)}_{'full' if self.real is None else _short(self.real)}")
        if self.split == "test":
            differs.append("test")
        return f"{name}[{':'.join(differs)}]" if differs else name

    def check(self, dataset: Dataset) -> str | None:
        """Accept what the extractor takes, and a test split where there is one."""
        entry = EXTRACTORS[self.extractor]
        sample_shape = dataset.sample_shape()
        if not entry.takes(sample_shape):
            return f"extractor {self.extractor!r} takes {entry.wants}, and the data are {list(sample_shape)}"
        if self.split == "test" and not dataset.holds_out():
            return "compares with split 'test', and the data set holds no examples out"
        return None

    def fits(self, data: Data) -> str | None:
        """Refuse more real examples than there are."""
        there = len(data.split(self.split))
        if self.real is None or self.real <= there:
            return None
        return f"compares with {self.real} real examples of split {self.split!r}, and there are {there}"

    def missing(self, store: Store) -> str | None:
        """Say that the extractor's weights are absent or damaged, or return None."""
        return EXTRACTORS[self.extractor].missing(store)

    def fetch(self, store: Store) -> None:
        """Download the extractor's weights, unless they are here."""
        EXTRACTORS[self.extractor].look(store, True)

    def prepare(self, data: Data, store: Store) -> Evaluate:
        """Get the extractor and the statistics of the real examples, from the store if they are there.

        Raises:
            InputError: The extractor's weights are absent or damaged.
        """
        entry = EXTRACTORS[self.extractor]
        extractor = entry.make(store)
        wanted = Wanted(self.split, self.real, self.extractor, entry.identity(store), entry.batch)
        heavy = entry.heavy and torch.cuda.is_available()
        real = real_statistics(data, wanted, extractor, store, torch.device("cuda" if heavy else "cpu"))
        return _Evaluation({name: self.key(name) for name in self.chosen}, extractor, entry.batch, real)


@dataclass(frozen=True)
class _Evaluation:
    """The metric, ready: from generated samples to numbers.

    Attributes:
        keys: From measures to their names in traces.
        extractor: The extractor.
        batch: Samples per pass.
        real: The real examples' statistics, on the processor.
    """

    keys: dict[str, str]
    extractor: nn.Module
    batch: int
    real: RealStatistics
    _on: dict[torch.device, RealStatistics] = field(default_factory=dict)

    def __call__(self, generated: Generated) -> dict[str, float]:
        return {key: value for _, stage in self.stages(generated) for key, value in stage().items()}

    def references(self) -> dict[str, float]:
        """Return the least Frechet distance of a generator that gives one sample only: the trace of the covariance."""
        return {self.keys["fid"]: float(self.real.covariance.trace())} if "fid" in self.keys else {}

    def stages(self, generated: Generated) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
        """Yield the features, then each measure; what several measures need is part of the first of them."""
        device = generated.samples.device
        if device not in self._on:
            self._on[device] = self.real.to(device)
        made: list[SampleComparison] = []

        def features() -> dict[str, float]:
            parts = extract(self.extractor, generated.samples, self.batch, progress=generated.progress)
            made.append(SampleComparison(gather(parts), self._on[device]))
            return {}

        yield "features", features
        for name, key in self.keys.items():
            generated.progress()
            yield key, partial(_measured, name, key, made[0])


def _measured(name: str, key: str, comparison: SampleComparison) -> dict[str, float]:
    return {key: KINDS[name].value(comparison)}


def offered(entry: ExtractorEntry) -> tuple[str, ...]:
    """Return the measures that an extractor offers: those of classes only if it is a classifier."""
    return tuple(name for name, kind in KINDS.items() if entry.classifies or not kind.of_logits)


def _short(count: int) -> str:
    """Return a count with k for thousands: 50k, 1k, 1797."""
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)
