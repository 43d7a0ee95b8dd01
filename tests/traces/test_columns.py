"""A trace as typed columns: every trace comes back from them bit for bit, and they are a function of it alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ganbench.harness.canonical import canonical_json
from ganbench.harness.traces.columns import Columns
from ganbench.harness.traces.decimals import shortest_decimals
from ganbench.harness.traces.trace import LayerTrace, Probe, Samples, Trace, single_precision

NUMBERS = st.one_of(
    st.floats(),  # of NaN with any payload, infinities, -0.0, subnormals
    st.floats(width=32),
    st.floats(width=32).map(lambda value: single_precision([value])[0]),
    st.sampled_from([0.0, -0.0, 5e-324, -2.2e-308, 1.7976931348623157e308, 1e22, 1e-13, float(2**53), 0.1]),
    st.integers(-(2**62), 2**62).map(float),
)
NAMES = st.text(max_size=8)
WHOLE = st.integers(0, 2**53 - 1).map(float)


def columns(numbers: st.SearchStrategy[float] = NUMBERS) -> st.SearchStrategy[np.ndarray]:
    return st.lists(numbers, max_size=6).map(lambda values: np.array(values, dtype=np.float64))


STEPS = st.one_of(columns(WHOLE), columns())
SHAPES = st.integers(1, 10**6)
SAMPLES = st.one_of(
    st.none(),
    npst.arrays(np.uint8, npst.array_shapes(min_dims=4, max_dims=4, min_side=0, max_side=3)).map(Samples),
    npst.arrays(np.float32, npst.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=4)).map(Samples),
)
LAYERS = st.builds(LayerTrace, st.tuples(SHAPES, SHAPES), columns(), columns(), st.integers(0, 9), columns())
BETTER = st.sampled_from(["lower", "higher"])


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Any trace whose evaluations stand in the order of its measures, as every trace of a training does."""
    evaluations = draw(st.dictionaries(NAMES, columns(), max_size=3))
    measures = draw(st.permutations(sorted(evaluations)))
    named = draw(st.integers(0, len(measures)))
    better = {name: draw(BETTER) for name in measures[:named]}
    # A measure that was never computed; one that was, and is named, comes before those that are not.
    absent = draw(st.dictionaries(NAMES.filter(lambda name: name not in evaluations), BETTER, max_size=1))
    order = [*measures[:named], *sorted(measures[named:])]
    return Trace(
        budget=draw(st.integers(0, 2**40)),
        stopped=draw(st.integers(0, 2**40)),
        steps=draw(STEPS),
        scalars=draw(st.dictionaries(NAMES, columns(), max_size=3)),
        probe_steps=draw(STEPS),
        layers=draw(st.dictionaries(NAMES, LAYERS, max_size=2)),
        evaluation_steps=draw(STEPS),
        evaluations={name: evaluations[name] for name in order},
        better=better | absent,
        samples=draw(SAMPLES),
        probes=draw(st.dictionaries(NAMES, st.builds(Probe, columns(), st.integers(0, 9)), max_size=2)),
    )


def bits(column: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    """All of an array, but that every NaN is the same one."""
    if column.dtype.kind == "f":
        column = np.where(np.isnan(column), column.dtype.type(np.nan), column)
    return str(column.dtype), column.shape, np.ascontiguousarray(column).tobytes()


def whole_of(trace: Trace) -> dict[str, object]:
    """All of a trace in values that can be compared, and in which the order of measures counts."""
    return {
        "numbers": (trace.budget, trace.stopped),
        "steps": [bits(steps) for steps in (trace.steps, trace.probe_steps, trace.evaluation_steps)],
        "scalars": {name: bits(column) for name, column in trace.scalars.items()},
        "layers": {
            name: (
                tuple(layer.matrix_shape),
                layer.first,
                bits(layer.variance),
                bits(layer.sigma),
                bits(layer.stable_rank),
            )
            for name, layer in trace.layers.items()
        },
        "evaluations": [(name, bits(column)) for name, column in trace.evaluations.items()],
        "better": list(trace.better.items()),
        "samples": None if trace.samples is None else bits(trace.samples.values),
        "probes": {name: (probe.first, bits(probe.values)) for name, probe in trace.probes.items()},
    }


def stored(found: Columns) -> tuple[object, ...]:
    """All of what is stored, bit for bit."""
    arrays = (found.whole, found.single, found.decimal, found.double, found.images)
    return found.layout, found.sha256, *((str(array.dtype), array.tobytes()) for array in arrays)


def read_back(found: Columns) -> Columns:
    """The same as a file gives it: the arrays and the layout, and nothing that was kept in memory."""
    names = ("whole", "single", "decimal", "double", "images")
    arrays = [np.frombuffer(getattr(found, name).tobytes(), dtype=getattr(found, name).dtype) for name in names]
    return Columns(str(found.layout), *arrays)


@settings(max_examples=40, deadline=None)
@given(traces())
def test_every_trace_comes_back_bit_for_bit(trace):
    again = read_back(Columns.of(trace)).trace
    assert whole_of(again) == whole_of(trace)
    assert list(again.evaluations) == list(trace.evaluations)


@settings(max_examples=40, deadline=None)
@given(traces())
def test_what_is_stored_depends_on_the_trace_alone(trace):
    """Not on the order of names, on memory, or on having been stored before."""
    first = Columns.of(trace)
    turned = replace(
        trace,
        scalars=dict(reversed(trace.scalars.items())),
        layers=dict(reversed(trace.layers.items())),
        probes=dict(reversed(trace.probes.items())),
    )
    assert stored(Columns.of(turned)) == stored(first)
    assert stored(Columns.of(read_back(first).trace)) == stored(first)
    assert canonical_json(json.loads(first.layout)) == first.layout


def places_of(trace: Trace) -> list[tuple[str, np.ndarray]]:
    """All arrays of a trace, with what they are."""
    found = [("steps", trace.steps), ("probe_steps", trace.probe_steps), ("evaluation_steps", trace.evaluation_steps)]
    found += [(f"scalars {name}", column) for name, column in trace.scalars.items()]
    found += [(f"evaluations {name}", column) for name, column in trace.evaluations.items()]
    found += [(f"probes {name}", probe.values) for name, probe in trace.probes.items()]
    for name, layer in trace.layers.items():
        found += [(f"{kind} {name}", getattr(layer, kind)) for kind in ("variance", "sigma", "stable_rank")]
    if trace.samples is not None:
        found.append(("samples", trace.samples.values))
    return found


@settings(max_examples=40, deadline=None)
@given(traces(), st.data())
def test_another_value_has_another_checksum(trace, data):
    before = Columns.of(trace).sha256
    arrays = [(name, array) for name, array in places_of(trace) if array.size]
    if not arrays:
        return
    _, array = data.draw(st.sampled_from(arrays))
    place = data.draw(st.integers(0, array.size - 1))
    flat = array.reshape(-1)
    old = flat[place]
    new = old ^ 1 if array.dtype == np.uint8 else np.nextafter(old, array.dtype.type(0 if old > 0 else 1))
    if np.isnan(old):
        new = array.dtype.type(1.0)
    flat[place] = new
    assert Columns.of(trace).sha256 != before
    flat[place] = old
    assert Columns.of(trace).sha256 == before


@pytest.fixture
def plain() -> Trace:
    numbers = np.array([1.0, 2.0])
    return Trace(
        budget=20,
        stopped=20,
        steps=numbers,
        scalars={"a": numbers, "b": numbers * 0.1},
        probe_steps=numbers,
        layers={"conv": LayerTrace((2, 3), numbers, numbers, 0, numbers)},
        evaluation_steps=numbers,
        evaluations={"fid": numbers, "share": numbers / 3},
        better={"fid": "lower", "share": "higher"},
        samples=Samples(np.zeros((2, 1, 2, 2), dtype=np.uint8)),
        probes={"diversity": Probe(numbers)},
    )


CHANGES = {
    "the budget": lambda trace: replace(trace, budget=21),
    "the last step": lambda trace: replace(trace, stopped=19),
    "a name": lambda trace: replace(trace, scalars={"a": trace.scalars["a"], "c": trace.scalars["b"]}),
    "whose a series is": lambda trace: replace(trace, scalars={"b": trace.scalars["a"], "a": trace.scalars["b"]}),
    "the order of measures": lambda trace: replace(
        trace,
        evaluations=dict(reversed(trace.evaluations.items())),
        better=dict(reversed(trace.better.items())),
    ),
    "the direction of a measure": lambda trace: replace(trace, better={"fid": "higher", "share": "higher"}),
    "the place of a series": lambda trace: replace(trace, scalars={"a": trace.scalars["a"]}, probes={
        **trace.probes, "b": Probe(trace.scalars["b"])}),
    "a series less": lambda trace: replace(trace, scalars={"a": trace.scalars["a"]}),
    "an empty series more": lambda trace: replace(trace, scalars={**trace.scalars, "c": np.empty(0)}),
    "a number moved to the next series": lambda trace: replace(
        trace, scalars={"a": np.array([1.0]), "b": np.array([2.0, 0.1, 0.2])}
    ),
    "a layer's shape": lambda trace: replace(trace, layers={"conv": replace(trace.layers["conv"], matrix_shape=(3, 2))}),
    "where a layer begins": lambda trace: replace(trace, layers={"conv": replace(trace.layers["conv"], first=1)}),
    "where a probe begins": lambda trace: replace(trace, probes={"diversity": replace(trace.probes["diversity"], first=1)}),
    "the samples' shape": lambda trace: replace(trace, samples=Samples(trace.samples.values.reshape(1, 2, 2, 2))),
    "the samples' type": lambda trace: replace(trace, samples=Samples(np.zeros((2, 4), dtype=np.float32))),
    "no samples": lambda trace: replace(trace, samples=None),
    "a zero's sign": lambda trace: replace(trace, scalars={"a": np.array([1.0, -0.0]), "b": trace.scalars["b"]}),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_anything_else_that_is_changed_has_another_checksum(kind, plain):
    if kind == "a zero's sign":
        plain = replace(plain, scalars={"a": np.array([1.0, 0.0]), "b": plain.scalars["b"]})
    assert Columns.of(CHANGES[kind](plain)).sha256 != Columns.of(plain).sha256


def test_samples_of_another_type_are_refused(plain):
    with pytest.raises(ValueError, match="float64"):
        Columns.of(replace(plain, samples=Samples(np.zeros((2, 2)))))


@pytest.mark.parametrize(
    "layout",
    [
        "[]",
        "{}",
        "3",
        "null",
        '{"budget":1,"stopped":1,"better":[],"series":[],"samples":null}',
        '{"budget":1,"stopped":1,"better":[],"series":[["nowhere","a","f4",0]],"samples":null}',
        '{"budget":1,"stopped":1,"better":[],"series":[["scalars","a","f2",0]],"samples":null}',
        '{"budget":1,"stopped":1,"better":[],"series":[["scalars","a","f4",-1]],"samples":null}',
        '{"budget":1,"stopped":1,"better":[],"series":[["scalars","a","f4",1e999]],"samples":null}',
        '{"budget":1e999,"stopped":1,"better":[],"series":[],"samples":null}',
        '{"budget":1,"stopped":1,"better":[],"series":[],"samples":["|O",[1]]}',
        '{"budget":1,"stopped":1,"better":[],"series":[],"samples":["|u1",["x"]]}',
        "not JSON",
    ],
)
def test_a_layout_that_is_none_or_does_not_fit_is_a_value_error(layout):
    empty = Columns(layout, *(np.empty(0, dtype) for dtype in ("<i8", "<f4", "<f4", "<f8", "|u1")))
    with pytest.raises((ValueError, KeyError)):
        empty.trace  # noqa: B018


@settings(max_examples=40, deadline=None)
@given(traces(), st.data())
def test_a_layout_in_which_a_number_was_changed_is_refused_or_has_another_checksum(trace, data):
    found = Columns.of(trace)
    numbers = [place for place, sign in enumerate(found.layout) if sign.isdigit()]
    place = data.draw(st.sampled_from(numbers))
    digit = data.draw(st.sampled_from("0123456789"))
    layout = found.layout[:place] + digit + found.layout[place + 1 :]
    if layout == found.layout:
        return
    other = replace(found, layout=layout)
    assert other.sha256 != found.sha256
    try:
        other.trace  # noqa: B018
    except (ValueError, KeyError):
        return


# --- shortest decimals ------------------------------------------------------------------------------------------------


def expected(values: np.ndarray) -> np.ndarray:
    """What numpy writes, one by one; the number itself beyond the powers of ten that float64 holds exactly."""
    return np.array([float(np.format_float_scientific(value)) for value in values])


def agree(values: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):  # of a NaN that signals
        found, exact, written = shortest_decimals(values), values.astype(np.float64), expected(values)
    size = np.abs(exact)
    # Nine digits and the exact powers of ten reach from here to there.
    inside = (size == 0) | ~np.isfinite(size) | ((size >= 1e-13) & (size < 1e22))
    same = (found == written) | (np.isnan(found) & np.isnan(written))
    assert (same | (~inside & (found == exact))).all()
    assert same[inside].all()
    assert (np.signbit(found) == np.signbit(exact))[~np.isnan(exact)].all()
    finite = np.isfinite(exact)
    assert (found[finite].astype(np.float32) == values[finite]).all()


@settings(max_examples=40, deadline=None)
@given(npst.arrays(np.float32, st.integers(0, 30), elements=st.floats(width=32)))
def test_shortest_decimals_are_those_that_numpy_writes(values):
    agree(values)


def test_shortest_decimals_of_every_magnitude_are_those_that_numpy_writes():
    random = np.random.default_rng(0)
    pattern = random.integers(0, 2**32, 200_000, dtype=np.uint64).astype(np.uint32)
    agree(pattern.view(np.float32))
    powers = np.array([10.0**exponent for exponent in range(-45, 39)]).astype(np.float32)
    twos = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    edges = np.concatenate([powers, twos])
    around = [edges, np.nextafter(edges, np.float32(0)), np.nextafter(edges, np.float32(np.inf))]
    agree(np.concatenate([*around, *(-part for part in around)]))
    agree(np.array([0.0, -0.0, np.nan, np.inf, -np.inf], dtype=np.float32))


def test_what_training_writes_takes_four_bytes_and_not_eight():
    """`single_precision` is what the recorder writes; only what float32 cannot say is stored as float64."""
    random = np.random.default_rng(1)
    written = np.array(single_precision(10.0 ** random.uniform(-12, 12, 2000) * random.choice([-1, 1], 2000)))
    empty = np.empty(0)
    found = Columns.of(Trace(1, 1, empty, {"a": written}, empty, {}, empty, {}))
    assert len(found.double) == 0 and len(found.decimal) + len(found.single) == 2000
    assert (found.trace.scalars["a"] == written).all()
