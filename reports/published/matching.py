"""The papers' numbers beside ours: where the protocol is the same, and apart, with the reasons, where it is not.

They are never ranked together. A protocol is the same if the data are, the network, its training to the last rate, the
measure and the choice of the evaluation. What a source does not say is not the same as anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.harness.statistics import median_failures_worst
from ganbench.reports.evidence import Evidence, Group
from ganbench.reports.formatting import count, listing, thousands
from ganbench.reports.published.rows import PublishedRow, load_published

MEASURED_BY = {
    "fid": "fidelity",
    "inception_score": "fidelity",
    "modes": "mode_coverage",
    "high_quality_share": "mode_coverage",
    "reconstruction_error": "reconstruction",
    "final_reconstruction_error": "reconstruction",
}
"""From a measure to the metric that reports it."""

RECONSTRUCTED = {"reconstruction_error": "validation", "final_reconstruction_error": "test"}
"""Which parameter of ``reconstruction`` says how many images a measure is taken over."""

SPLITS = {"train": "train", "unlabeled": "train", "all": "train", "test": "test"}
"""From the sources' word for the real examples to our split. Which images that is, the data set's own parameters say: the
split that stl10 trains on is the unlabelled one, that of celeba(split=all) is all images."""

WHOLE = {("cifar10", "train"): 50_000, ("cifar10", "test"): 10_000}
"""How many examples "all of a split" are, where a paper gives the number: with these, 50,000 and all are one protocol."""

POOLING = {"sngan_resnet": "sum"}
"""How a discriminator's last maps become a vector; in the other networks they do not."""

VALUE_RANGE = "-1..1"
"""Of the images that our discriminators read."""

OF_POINTS = "mlp"
"""The network whose samples are points, which have no range."""

SELECTIONS = {
    "best": "the best evaluation of the training",
    "best_running": "the best evaluation of the training",
    "best_of_study": "the best training of a study",
}
"""In words. Ours is the last evaluation of every training, which is the paper's ``last``."""


@dataclass(frozen=True)
class Match:
    """A published number and ours by the same protocol.

    Attributes:
        row: The published number.
        setting: Title of our group of cells.
        normalizer: Our label.
        measure: Our name of the measure, with its protocol.
        better: ``"lower"`` or ``"higher"``.
        ours: The median of the last evaluation over all our trials, failed ones being worst; nan if none was measured.
        failed: How many of our trials failed.
        trials: How many there are.
        planned: How many there should be.
        unmeasured: How many did not fail and have no number all the same; they are not in the median.
    """

    row: PublishedRow
    setting: str
    normalizer: str
    measure: str
    better: str
    ours: float
    failed: int
    trials: int
    planned: int
    unmeasured: int


@dataclass(frozen=True)
class Apart:
    """A published number that none of ours may be set beside.

    Attributes:
        row: The published number.
        differs: In what it differs from the nearest of our cells, in words.
        same_dataset: Whether it is on one of our data sets; otherwise it only shares a normalizer.
        setting: Title of the group of that cell; empty where the data set is another.
    """

    row: PublishedRow
    differs: tuple[str, ...]
    same_dataset: bool
    setting: str


@dataclass(frozen=True)
class Published:
    """The published numbers that belong to a page, in two lists that are never ranked together.

    Attributes:
        sentence: What there is, for the head of the section.
        matched: By the same protocol as ours.
        apart: By other protocols; those on our data sets first.
    """

    sentence: str
    matched: tuple[Match, ...]
    apart: tuple[Apart, ...]

    @property
    def near(self) -> tuple[Apart, ...]:
        """Those by other protocols that are on our data sets."""
        return tuple(item for item in self.apart if item.same_dataset)

    @property
    def far(self) -> tuple[Apart, ...]:
        """Those that only share a normalizer."""
        return tuple(item for item in self.apart if not item.same_dataset)


def published(evidence: Evidence, rows: Iterable[PublishedRow] | None = None) -> Published:
    """Sort the published numbers into those that ours may be set beside, and those that differ and in what.

    Args:
        evidence: What the page is made from.
        rows: The published numbers; the shipped ones when absent.

    Raises:
        InputError: The shipped file is not as it should be.
    """
    known = {cell["id"]: cell for cell in evidence.plan["cells"]}
    places = [(known[identity], group) for group in evidence.groups for identity in group.cells.values()]
    matched: list[Match] = []
    apart: list[Apart] = []
    for row in load_published() if rows is None else rows:
        found = [(cell, group) for cell, group in places if _named(row, cell) and not differences(row, cell)]
        matched += [_match(evidence, row, cell, group) for cell, group in found]
        if not found and (other := _apart(row, places)) is not None:
            apart.append(other)
    apart.sort(key=lambda item: not item.same_dataset)
    return Published(_sentence(evidence, matched, apart), tuple(matched), tuple(apart))


def _named(row: PublishedRow, cell: Mapping[str, Any]) -> bool:
    """Say whether the names are the same, which few cells pass and which takes less time than to say what differs."""
    return all(getattr(row, name) == cell[name] for name in ("dataset", "architecture", "normalizer"))


def differences(row: PublishedRow, cell: Mapping[str, Any]) -> tuple[str, ...]:
    """Return in what a published number's protocol differs from that of a plan's cell; nothing if it is the same."""
    spec = cell["spec"]
    found = [
        _label("data set", row.dataset, row.their_dataset, cell["dataset"]),
        _side(row, spec.get("dataset", {})),
        _label("network", row.architecture, row.their_architecture, cell["architecture"]),
        _label("normalizer", row.normalizer, row.their_normalizer, cell["normalizer"]),
        *_trained(row, spec),
        *_measured(row, cell),
        f"is of {SELECTIONS[row.selection]}, here of the last evaluation" if row.selection in SELECTIONS else "",
    ]
    return tuple(words for words in found if words)


def _label(what: str, ours: str, theirs: str, here: str) -> str:
    if ours == here:
        return ""
    return f"{what} {ours}, here {here}" if ours else f"{what} {theirs}, not known to be one of ours, here {here}"


def _side(row: PublishedRow, dataset: Mapping[str, Any]) -> str:
    here = dataset.get("side")
    if row.resolution is None:
        return "resolution not confirmed"
    return "" if here in (None, row.resolution) else f"side {row.resolution}, here {here}"


def _trained(row: PublishedRow, spec: Mapping[str, Any]) -> list[str]:
    """Return in what the training differs, or is not known not to."""
    network = _name(spec.get("architecture"))
    pairs = [
        ("loss", row.loss, _name(spec.get("loss"))),
        ("optimizer", row.optimizer, _optimizer(spec.get("optimizer", {}))),
        ("learning rate of the generator", row.lr_g, spec.get("lr_g")),
        ("learning rate of the discriminator", row.lr_d, spec.get("lr_d")),
        ("number of discriminator updates", row.n_dis, spec.get("n_dis")),
        ("decay of the learning rates", row.lr_decay_from, spec.get("lr_decay_from")),
        ("discriminator's batch", row.batch_d, spec.get("batch_size")),
        ("generator's batch", row.batch_g, spec.get("batch_size")),
        ("number of steps", row.steps, spec.get("steps")),
        ("pooling", row.pooling, POOLING.get(network, "none")),
        ("conditioning on classes", row.conditional, "no"),
    ]
    if network != OF_POINTS:
        pairs.append(("range of the images", row.value_range, VALUE_RANGE))
    unsaid = [what for what, theirs, _ in pairs if theirs in (None, "")]
    known = [_pair(what, theirs, here) for what, theirs, here in pairs if what not in unsaid]
    return [*known, f"not said: {', '.join(unsaid)}" if unsaid else ""]


def _pair(what: str, theirs: Any, here: Any) -> str:
    if here is None:
        return f"the {what} here is not said"
    same = theirs == here if isinstance(here, str) else float(theirs) == float(here)
    return "" if same else f"{what} {_told(theirs)}, here {_told(here)}"


def _told(value: Any) -> str:
    return value if isinstance(value, str) else thousands(value) if isinstance(value, int) else f"{float(value):g}"


def _name(plugin: Any) -> str:
    return str(plugin.get("name")) if isinstance(plugin, Mapping) else str(plugin)


def _optimizer(plugin: Mapping[str, Any]) -> str:
    """Return an optimizer's label with its moments; an epsilon changes the first digits of few numbers."""
    moments = {key: value for key, value in plugin.items() if key not in ("name", "version", "eps")}
    given = ", ".join(f"{key}={value:g}" for key, value in moments.items())
    name = str(plugin.get("name"))
    return f"{name}({given})" if given else name


def _measured(row: PublishedRow, cell: Mapping[str, Any]) -> Sequence[str]:
    """Return in what the measurement differs; from the nearest where the cell measures by several protocols."""
    found = [_protocol(row, part, cell) for part, _ in _reporting(row.metric, cell)]
    return min(found, key=len) if found else [f"measures {row.metric}, which is not measured here"]


def _protocol(row: PublishedRow, part: Mapping[str, Any], cell: Mapping[str, Any]) -> list[str]:
    if row.metric in RECONSTRUCTED:
        found = [_number("reconstructed images", row.n_real, part.get(RECONSTRUCTED[row.metric]))]
    else:
        found = [_number("generated samples", row.n_fake, part.get("samples"))]
    if MEASURED_BY[row.metric] == "fidelity":
        extractor = part.get("extractor", "?")
        if not row.extractor:
            found.append("its feature extractor is not said")
        elif row.extractor != extractor:
            found.append(f"features of {row.extractor}, here of {extractor}")
    if row.metric == "fid":
        found += _real(row, part, cell)
    return [words for words in found if words]


def _real(row: PublishedRow, part: Mapping[str, Any], cell: Mapping[str, Any]) -> list[str]:
    split = part.get("split", "train")
    here = part.get("real") or WHOLE.get((str(cell["dataset"]), split))
    found = [_number("real examples", row.n_real, here)]
    if not row.real_split:
        found.append("the split of its real examples is not said")
    elif SPLITS[row.real_split] != split:
        found.append(f"real examples of {row.real_split}, here of {split}")
    return found


def _number(what: str, theirs: int | None, here: int | None) -> str:
    if theirs is None:
        return f"its number of {what} is not said"
    return "" if theirs == here else f"{thousands(theirs)} {what}, here {'all' if here is None else thousands(here)}"


def _reporting(metric: str, cell: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the parts of a cell's metric that report a measure, each with the measure as the plan lists it."""
    spec = cell["spec"].get("metric", {})
    parts = [part for part in spec.get("parts", [spec]) if part.get("name") == MEASURED_BY[metric]]
    parts = [part for part in parts if metric in part.get("measures", [metric])]
    listed = [item for item in cell["measures"] if item["key"].split("[")[0] == metric]
    # Both are in the order of the suite. A stranger's metric that reports one by the same name leaves open which is which.
    return list(zip(parts, listed, strict=True)) if len(parts) == len(listed) else []


def _match(evidence: Evidence, row: PublishedRow, cell: Mapping[str, Any], group: Group) -> Match:
    measure = next(item for part, item in _reporting(row.metric, cell) if not _protocol(row, part, cell))
    results = evidence.of(group, cell["normalizer"])
    stable = [item.measured.get(measure["key"], math.nan) for item in results if not item.verdict.failed]
    values = [value for value in stable if math.isfinite(value)]
    failed = len(results) - len(stable)
    return Match(
        row=row,
        setting=group.title,
        normalizer=cell["normalizer"],
        measure=measure["key"],
        better=measure["better"],
        ours=median_failures_worst(values, failed, measure["better"]),
        failed=failed,
        trials=len(results),
        planned=evidence.wanted[cell["id"]],
        unmeasured=len(stable) - len(values),
    )


def _apart(row: PublishedRow, places: Sequence[tuple[Mapping[str, Any], Group]]) -> Apart | None:
    near = [
        (cell, group) for cell, group in places if row.dataset and _base(row.dataset) == cell["spec"]["dataset"]["name"]
    ]
    if near:
        cell, group = min(near, key=lambda place: len(differences(row, place[0])))
        return Apart(row, differences(row, cell), same_dataset=True, setting=group.title)
    if all(_base(row.normalizer) != _base(cell["normalizer"]) for cell, _ in places):
        return None
    return Apart(row, (f"on {_dataset(row)}, which is not measured here",), same_dataset=False, setting="")


def _base(label: str) -> str:
    return label if " + " in label else label.split("(")[0]


def _dataset(row: PublishedRow) -> str:
    return row.dataset or row.their_dataset


def _sentence(evidence: Evidence, matched: Sequence[Match], apart: Sequence[Apart]) -> str:
    near = [item for item in apart if item.same_dataset]
    rows = list(dict.fromkeys(item.row for item in matched))
    if matched:
        was = "was" if len(rows) == 1 else "were"
        said = f"{count(len(rows), 'published number')} {was} measured by a protocol of ours"
        more = f"; {_other(len(near))} on the same data sets, apart, with what differs" if near else ""
        return f"{said}{more}. They are not ranked together."
    names = listing(list(dict.fromkeys(group.dataset for group in evidence.groups)))
    if near:
        return (
            f"No published number was measured as ours were. {_are(len(near))} on the same data sets, with what differs;"
            " none may be set beside one of ours."
        )
    if apart:
        return (
            f"No published number is on {names}. {count(len(apart), 'number')} of the same normalizers on other data sets"
            " cannot be set beside ours."
        )
    return f"No published number is on {names}, or of these normalizers." if names else "Nothing is planned."


def _other(many: int) -> str:
    return f"{many} other is" if many == 1 else f"{many} others are"


def _are(many: int) -> str:
    return "1 is" if many == 1 else f"{many} are"
