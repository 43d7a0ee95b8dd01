"""Suites with slips, and hostile ones: today's answer is no answer, a traceback, or a hint that misleads.

Each test says what is right, and is expected to fail until the issue in its reason is done.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ganbench.harness.errors import SuiteError
from ganbench.harness.planning.suite import load_suite

SLIPS = 25
"""The issue on data and slips."""

GOOD = """\
suite: good
version: 1
seeds: 2
normalizers: [none, spectral_norm]
grid:
  - dataset: ring8
    architecture: {name: mlp, width: 16}
    metric: {name: mode_coverage}
    common: {steps: 20, lr_g: 1e-3, lr_d: 1e-3}
    settings:
      a: {}
"""

COMMON = "lr_d: 1e-3}"
"""The end of what all settings share."""


def wrong_today(what: str, *raises: type[Exception]) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, raises=raises or AssertionError, reason=f"{what}; issue {SLIPS}")


@contextmanager
def processor_seconds(seconds: float) -> Iterator[None]:
    """Fail what computes for longer; however busy the machine is."""

    def out_of_time(*_: object) -> None:
        raise AssertionError(f"no answer after {seconds:g} s of computing")

    before = signal.signal(signal.SIGPROF, out_of_time)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory) -> None:
    """All plugins are imported before any time is taken."""
    path = tmp_path_factory.mktemp("good") / "good.yaml"
    path.write_text(GOOD)
    load_suite(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with a suite, in the words of the user's message; nothing where it is read."""
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    try:
        with processor_seconds(1):
            load_suite(path)
    except SuiteError as error:
        return error.problems
    except (RecursionError, AssertionError) as error:  # without thousands of frames, which take seconds to print
        raise type(error)(str(error)) from None
    return []


def in_common(key: str, value: object) -> str:
    return GOOD.replace(COMMON, f"lr_d: 1e-3, {key}: {value}}}")


# --- hostile ----------------------------------------------------------------------------------------------------------


def bomb(opening: str, closing: str) -> str:
    """Nine levels of nine aliases each."""
    lines = [GOOD, f"x0: &x0 {opening.replace('*', 'lol').replace('?', 'k')}{closing}"]
    for level in range(1, 10):
        inner = ", ".join(f"k{place}: *x{level - 1}" if closing == "}" else f"*x{level - 1}" for place in range(9))
        lines.append(f"x{level}: &x{level} {closing.replace(']', '[').replace('}', '{')}{inner}{closing}")
    return "\n".join(lines)


HOSTILE = {
    "lists of aliases of lists": (bomb("[lol", "]"), None),
    "mappings of aliases of mappings": (bomb("{k: lol", "}"), None),
    "a list that holds itself": (GOOD.replace("[none, spectral_norm]", "&a [none, *a]"), RecursionError),
    "a mapping that holds itself": (GOOD.replace("a: {}", "a: &a {b: *a}"), RecursionError),
    "a mapping that is merged with itself": (GOOD + "x: &x\n  <<: *x\n", RecursionError),
    "lists in lists in lists": (
        GOOD.replace("[none, spectral_norm]", "[" * 1500 + "none" + "]" * 1500),
        RecursionError,
    ),
    "mappings in mappings in mappings": (
        GOOD.replace("width: 16", "width: " + "{a: " * 1500 + "1" + "}" * 1500),
        RecursionError,
    ),
    "a number of 5,000 digits": (GOOD.replace("seeds: 2", "seeds: " + "9" * 5000), ValueError),
    "steps of 5,000 digits": (GOOD.replace("steps: 20", "steps: " + "9" * 5000), ValueError),
    "a hexadecimal number of 6,000 digits": (GOOD.replace("steps: 20", "steps: 0x" + "f" * 6000), ValueError),
    "a date that is none": (GOOD.replace("steps: 20", "steps: 2020-99-99"), ValueError),
    "a tag that does not fit": (GOOD.replace("seeds: 2", "seeds: !!int two"), ValueError),
    "a key that is a list": (GOOD + "? [a, {b: c}]\n: 1\n", TypeError),
}
"""Text, and what it ends in today: a traceback; None where it is refused as it should be."""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            text, id=kind, marks=[wrong_today("it ends in a traceback", raises, AssertionError)] if raises else []
        )
        for kind, (text, raises) in HOSTILE.items()
    ],
)
def test_hostile_yaml_is_refused_in_one_line_and_at_once(text, tmp_path):
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"{tmp_path}/bad.yaml:")
    assert len(problem) < 500


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("width: 16", "width: " + "{a: " * 300 + "1" + "}" * 300),
        GOOD.replace("seeds: 2", "seeds: 2\nseed: " + "9" * 4000),
    ],
    ids=["a value of 300 levels", "a value of 4,000 digits"],
)
@wrong_today("what was found is repeated in full, whatever its length")
def test_a_message_quotes_no_more_than_a_reader_needs(text, tmp_path):
    assert all(len(problem) < 500 for problem in problems(tmp_path, text))


@wrong_today("a number of steps that no machine could count is taken")
def test_more_steps_than_could_ever_be_made_are_refused(tmp_path):
    (problem,) = problems(tmp_path, GOOD.replace("steps: 20", "steps: " + "1" + "0" * 27)) or [""]
    assert "steps" in problem


# --- hints by meaning and place ---------------------------------------------------------------------------------------

MEANT = {
    "beta1": ("optimizer", in_common("beta1", 0.5)),
    "beta2": ("optimizer", in_common("beta2", 0.9)),
    "betas": ("optimizer", in_common("betas", "[0.5, 0.9]")),
    "eps": ("optimizer", in_common("eps", 1e-8)),
    "momentum": ("optimizer", in_common("momentum", 0.9)),
    "learning_rate": ("lr_g", in_common("learning_rate", 1e-3)),
    "n_critic": ("did you mean 'n_dis'", in_common("n_critic", 5)),
    "d_steps": ("did you mean 'n_dis'", in_common("d_steps", 5)),
    "iterations": ("did you mean 'steps'", in_common("iterations", 5)),
    "latent in common": ("architecture", in_common("latent", 8)),
    "width in common": ("architecture", in_common("width", 8)),
    "samples in common": ("metric", in_common("samples", 100)),
    "batch_size at the top": ("common", GOOD.replace("seeds: 2", "seeds: 2\nbatch_size: 4")),
    "steps at the top": ("common", GOOD.replace("seeds: 2", "seeds: 2\nsteps: 4")),
    "batch_size in a block": ("common", GOOD.replace("    settings:", "    batch_size: 4\n    settings:")),
    "lr_g in a block": ("common", GOOD.replace("    settings:", "    lr_g: 1e-3\n    settings:")),
}
"""A key, and what its message must name beside the keys that are known: where it belongs, or what was meant."""


def hint(problem: str) -> str:
    """What a message says beyond a list of all keys."""
    return problem.partition("; known:")[0]


@pytest.mark.parametrize("kind", MEANT)
@wrong_today("the hint goes by letters alone, and misleads or is absent")
def test_a_key_in_the_wrong_place_or_under_another_name_gets_a_hint_by_its_meaning(kind, tmp_path):
    meant, text = MEANT[kind]
    (problem,) = problems(tmp_path, text)
    found = hint(problem).partition("unknown key")[2]
    assert meant in found
    assert "ema" not in found


CAPITALS = {
    "MNIST": ("mnist", GOOD.replace("ring8", "MNIST")),
    "CIFAR10": ("cifar10", GOOD.replace("ring8", "CIFAR10")),
    "CIFAR-10": ("cifar10", GOOD.replace("ring8", "CIFAR-10")),
    "Fashion-MNIST": ("fashion_mnist", GOOD.replace("ring8", "Fashion-MNIST")),
    "LSUN": ("lsun_bedroom", GOOD.replace("ring8", "LSUN")),
    "DCGAN": ("dcgan", GOOD.replace("name: mlp", "name: DCGAN")),
    "MLP": ("mlp", GOOD.replace("name: mlp", "name: MLP")),
    "WGAN": ("wgan", in_common("loss", "WGAN")),
    "SGD": ("sgd", in_common("optimizer", "SGD")),
    "ADAM": ("adam", in_common("optimizer", "ADAM")),
    "BSSN": ("bssn", GOOD.replace("[none", "[BSSN")),
}


@pytest.mark.parametrize("kind", CAPITALS)
@wrong_today("a name in capitals is like none that is known")
def test_a_name_as_papers_write_it_gets_the_hint(kind, tmp_path):
    meant, text = CAPITALS[kind]
    (problem,) = problems(tmp_path, text)
    assert f"did you mean {meant!r}" in problem


# --- one mistake, one error -------------------------------------------------------------------------------------------

ONE_MISTAKE = {
    "a normalizer of null": GOOD.replace("[none", "[~"),
    "a normalizer of a number": GOOD.replace("[none", "[1"),
    "a data set of null": GOOD.replace("dataset: ring8", "dataset: ~"),
    "an architecture of null": GOOD.replace("{name: mlp, width: 16}", "~"),
    "a metric of null": GOOD.replace("{name: mode_coverage}", "~"),
    "an optimizer of null": in_common("optimizer", "~"),
    "a loss of null": in_common("loss", "~"),
}


@pytest.mark.parametrize("kind", ONE_MISTAKE)
@wrong_today("one mistake is two or three errors, in the words of a library")
def test_one_mistake_is_one_error(kind, tmp_path):
    found = problems(tmp_path, ONE_MISTAKE[kind])
    assert len(found) == 1
    assert "dict[" not in found[0]


# --- room for anchors, and what cannot work ---------------------------------------------------------------------------

ANCHORS = {
    "at the top": "x-common: &common {steps: 20, lr_g: 1e-3, lr_d: 1e-3}\n"
    + GOOD.replace("{steps: 20, lr_g: 1e-3, lr_d: 1e-3}", "*common"),
    "in a block": GOOD.replace("    settings:", "    x-shared: &a {lr_g: 1e-4}\n    settings:").replace(
        "a: {}", "a: *a"
    ),
}


@pytest.mark.parametrize("place", ANCHORS)
@wrong_today("there is no place for anchors")
def test_keys_that_begin_with_x_hold_anchors(place, tmp_path):
    assert problems(tmp_path, ANCHORS[place]) == []


@pytest.mark.parametrize("batch", [67, 101, 13])
@wrong_today("a batch that can only be taken in groups of one sample is taken")
def test_a_batch_that_cannot_be_grouped_is_refused_with_the_nearest_that_can(batch, tmp_path):
    text = in_common("batch_size", batch).replace("[none", "[{name: minibatch_stddev, group: 4}")
    (problem,) = problems(tmp_path, text) or [""]
    assert any(str(size) in problem for size in (batch // 4 * 4, batch // 4 * 4 + 4))
