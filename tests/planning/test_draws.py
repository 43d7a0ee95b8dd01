"""Settings that are drawn: the same ones however many are drawn and in whatever order, and mistakes named before work."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import ganbench_inside

from ganbench.harness.errors import SuiteError
from ganbench.harness.planning.draws import Between, OneOf, Same, declared, draw
from ganbench.harness.planning.suite import load_suite

ganbench = ganbench_inside


DRAWN = """\
suite: drawn
version: 1
seeds: 2
normalizers: [none, bssn]
grid:
  - dataset: ring8
    architecture: mlp
    metric: mode_coverage
    common: {steps: 10, optimizer: {name: adam, eps: 1e-7}}
    settings:
      draw: 12
      seed: 3
      from:
        lr_d: {log: [1e-5, 1e-3]}
        lr_g: {same: lr_d}
        optimizer.beta1: [0, 0.5, 0.9]
        optimizer.beta2: {uniform: [0.9, 0.999]}
        n_dis: [1, 2, 5]
"""

FIRST = {"lr_d": 0.000401, "lr_g": 0.000401, "optimizer.beta1": 0.9, "optimizer.beta2": 0.963, "n_dis": 5}
"""The first setting. Another one on any machine, or after any change, is a mistake: ledgers have trials of it."""

keys = st.sampled_from(["lr_d", "lr_g", "n_dis", "ema", "optimizer.beta1"])
seeds = st.integers(0, 2**63 - 1)
counts = st.integers(1, 12)
lists = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True).map(lambda values: OneOf(tuple(values)))


def ranges(log: bool) -> st.SearchStrategy[Between]:
    ends = st.floats(1e-6 if log else -10, 1e6, allow_subnormal=False)
    return st.tuples(ends, ends).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: Between(*pair, log))


distributions = st.dictionaries(keys, lists | ranges(True) | ranges(False), min_size=1)


def of_declared(**said: Any) -> dict[str, Any]:
    found, problems = declared(said, {})
    assert not problems
    return found


@given(distributions, counts, counts, seeds)
@settings(deadline=None)
def test_drawing_more_keeps_the_first(found, few, more, seed):
    assert draw(found, few, seed) == draw(found, few + more, seed)[:few]


@given(distributions, counts, seeds)
@settings(deadline=None)
def test_the_order_of_keys_does_not_matter(found, count, seed):
    assert draw(dict(reversed(found.items())), count, seed) == draw(found, count, seed)


@given(distributions, counts, seeds)
@settings(deadline=None)
def test_settings_differ_from_each_other(found, count, seed):
    drawn = draw(found, count, seed)
    assert all(one != other for place, one in enumerate(drawn) for other in drawn[:place])


@given(st.dictionaries(keys, lists, min_size=1), counts, seeds)
@settings(deadline=None)
def test_of_lists_there_are_as_many_settings_as_there_can_be(found, count, seed):
    assert len(draw(found, count, seed)) == min(count, prod(len(item.values) for item in found.values()))


@given(ranges(True) | ranges(False), counts, seeds)
@settings(deadline=None)
def test_numbers_are_within_their_range_and_have_three_digits(item, count, seed):
    for values in draw({"lr_d": item}, count, seed):
        value = values["lr_d"]
        assert item.low <= value <= item.high
        assert value in (item.low, item.high) or len(Decimal(repr(value)).normalize().as_tuple().digits) <= 3


@given(distributions, counts, seeds)
@settings(deadline=None)
def test_another_key_changes_no_others(found, count, seed):
    wide = {"batch": Between(1e-6, 1e6, log=True)}  # so that nothing is drawn twice
    before, after = draw(found | wide, count, seed), draw(found | wide | {"steps": OneOf((1, 2))}, count, seed)
    assert [{key: values[key] for key in before[0]} for values in after] == before


def test_draws_follow_the_declared_distribution():
    found = of_declared(lr_d={"log": [1e-5, 1e-1]}, ema={"uniform": [0, 0.8]}, n_dis=[1, 2, 5])
    drawn = draw(found, 900, 0)
    below = [sum(values[key] < bound for values in drawn) for key, bound in (("lr_d", 1e-3), ("ema", 0.4))]
    assert all(abs(number - 450) < 60 for number in below)  # four standard deviations
    assert all(abs(sum(values["n_dis"] == number for values in drawn) - 300) < 60 for number in (1, 2, 5))
    pairs = [sum(v["lr_d"] < 1e-3 and v["n_dis"] == number for v in drawn) for number in (1, 2, 5)]
    assert all(abs(number - 150) < 50 for number in pairs)  # keys do not hang together


def test_another_seed_draws_other_settings():
    found = of_declared(lr_d={"log": [1e-5, 1e-1]})
    assert not {*map(repr, draw(found, 12, 0))} & {*map(repr, draw(found, 12, 1))}


def test_a_tie_can_lead_to_a_tie():
    found = of_declared(a={"same": "b"}, b={"same": "c"}, c=[1, 2])
    assert all(values["a"] == values["b"] == values["c"] for values in draw(found, 2, 0))
    assert found["a"] == Same("b")


# --- in a suite -------------------------------------------------------------------------------------------------------


@pytest.fixture
def load(tmp_path: Path):
    def read(text: str):
        path = tmp_path / "drawn.yaml"
        path.write_text(text)
        return load_suite(path)

    return read


def test_the_settings_are_these_on_every_machine_whatever_the_context(load):
    with localcontext(Context(prec=2)):
        suite = load(DRAWN)
    first = suite.cells[0]
    assert (first.setting, first.lr_d, first.lr_g, first.n_dis) == ("s001", 0.000401, 0.000401, 5)
    assert first.optimizer.spec() == {"name": "adam", "version": "1", "beta1": 0.9, "beta2": 0.963, "eps": 1e-7}
    assert [cell.setting for cell in suite.cells] == [f"s{n:03d}" for n, _ in product(range(1, 13), range(2))]


def test_a_drawn_setting_is_the_same_experiment_as_a_written_one(load):
    optimizer = "{name: adam, eps: 1e-7, beta1: 0.9, beta2: 0.963}"
    written = f"      mine: {{lr_d: 0.000401, lr_g: 0.000401, n_dis: 5, optimizer: {optimizer}}}\n"
    by_hand = load(DRAWN[: DRAWN.index("      draw:")] + written)
    assert [cell.id for cell in by_hand.cells] == [cell.id for cell in load(DRAWN).cells[:2]]


def test_trials_of_a_suite_count_when_more_settings_are_drawn(load):
    few, more = load(DRAWN), load(DRAWN.replace("draw: 12", "draw: 20"))
    assert len(more.cells) == 40
    assert [(cell.id, cell.setting) for cell in more.cells[:24]] == [(cell.id, cell.setting) for cell in few.cells]


def test_an_optimizer_by_its_name_alone_can_be_reached_into(load):
    cell = load(DRAWN.replace("{name: adam, eps: 1e-7}", "adam")).cells[0]
    assert (cell.optimizer.name, cell.optimizer.beta1) == ("adam", 0.9)


def test_a_written_setting_can_be_called_draw(load):
    text = DRAWN[: DRAWN.index("      draw:")] + "      draw: {lr_d: 1e-3, lr_g: 1e-3}\n"
    assert {cell.setting for cell in load(text).cells} == {"draw"}


def test_the_plan_keeps_what_was_declared_alongside_the_values(load):
    cells = load(DRAWN).plan()["cells"]
    assert cells[0]["drawn"]["lr_d"] == {"log": [1e-5, 1e-3]}
    assert cells[0]["drawn"]["lr_g"] == {"same": "lr_d"}
    assert cells[0]["spec"]["lr_d"] == FIRST["lr_d"]


def test_the_plan_command_lists_what_was_drawn(load, ganbench, tmp_path):
    load(DRAWN)
    lines = [line.split() for line in ganbench("plan", tmp_path / "drawn.yaml").stdout.splitlines()]
    assert ["setting", *FIRST] in lines
    assert ["s001", *map(str, FIRST.values())] in lines
    assert sum(line[:1] == ["s012"] for line in lines) == 1


BAD = {
    "a logarithm of nothing": ("[1e-5, 1e-3]", "[0, 1]", "from.lr_d: expected a LOW above 0"),
    "a range upside down": ("[1e-5, 1e-3]", "[1e-3, 1e-5]", "from.lr_d: expected LOW below HIGH, found [0.001, 1e-05]"),
    "a range of one number": ("[1e-5, 1e-3]", "[1e-3]", "from.lr_d: expected [LOW, HIGH], two numbers, found [0.001]"),
    "a range of words": ("[1e-5, 1e-3]", "[a, b]", "from.lr_d: expected [LOW, HIGH], two numbers"),
    "an endless range": ("[1e-5, 1e-3]", "[1, .inf]", "from.lr_d: expected [LOW, HIGH], two numbers"),
    "an empty list": ("[1, 2, 5]", "[]", "from.n_dis: is empty, expected at least one value"),
    "a value twice": ("[1, 2, 5]", "[1, 2, 1]", "from.n_dis: expected different values, found 1 twice"),
    "nothing to draw": ("draw: 12", "draw: 0", "draw: expected greater than or equal to 1, found 0"),
    "more than there are names": ("draw: 12", "draw: 1000", "draw: expected less than or equal to 999, found 1000"),
    "how many is missing": ("draw: 12", "drwa: 12", "drwa: unknown key; did you mean 'draw'?"),
    "the distribution is missing": ("from:", "frm:", "frm: unknown key; did you mean 'from'?"),
    "a seed below 0": ("seed: 3", "seed: -1", "seed: expected greater than or equal to 0, found -1"),
    "an unknown kind": ("{log:", "{lgo:", "from.lr_d: unknown kind 'lgo'; did you mean 'log'?"),
    "what does not vary": ("[1, 2, 5]", "5", "from.n_dis: expected a list of values, {log: [LOW, HIGH]}"),
    "a tie to nothing": ("same: lr_d", "same: lr_e", "from.lr_g: same: expected another key of `from`, found 'lr_e'"),
    "a tie to itself": ("same: lr_d", "same: lr_g", "from.lr_g: same: leads back to itself: lr_g, lr_g"),
    "an unknown key": ("n_dis:", "n_diss:", "from.n_diss: unknown key; did you mean 'n_dis'?"),
    "an unknown parameter": ("beta1", "beta7", "from.optimizer.beta7: optimizer 'adam': beta7: unknown key"),
    "a value out of range": ("0.5, 0.9]", "0.5, 1.9]", "from.optimizer.beta1: optimizer 'adam': beta1: expected less"),
    "an end out of range": ("0.999]", "1]", "from.optimizer.beta2: optimizer 'adam': beta2: expected less than 1"),
    "a fraction of a step": ("[1, 2, 5]", "{uniform: [1, 5]}", "from.n_dis: expected a valid integer"),
    "an unknown loss": ("n_dis: [1, 2, 5]", "loss: [hinge, hing]", "from.loss: unknown loss 'hing'; did you mean 'hinge'?"),
    "a key that is common": ("steps: 10", "steps: 10, n_dis: 3", "from.n_dis: is in `common` as well (3)"),
    "a common parameter": ("eps: 1e-7", "beta1: 0.1", "from.optimizer.beta1: is in `common` as well (0.1)"),
    "resources": ("n_dis:", "resources.cpus:", "from.resources.cpus: changes no result"),
    "a missing key": ("steps: 10, ", "", "from.steps: the key is missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_draw_gets_one_message_that_says_where_and_what(load, case):
    before, after, expected = BAD[case]
    assert before in DRAWN
    with pytest.raises(SuiteError) as caught:
        load(DRAWN.replace(before, after))
    (problem,) = caught.value.problems
    assert f"grid.0.settings.{expected}" in problem
    line = int(problem.split("drawn.yaml:")[1].split(":")[0])
    assert "common" not in problem.split(": ")[1] and line >= 10


def test_ties_that_lead_in_a_circle_are_named(load):
    with pytest.raises(SuiteError, match=r"from\.lr_d: same: leads back to itself: lr_d, lr_g, lr_d"):
        load(DRAWN.replace("{log: [1e-5, 1e-3]}", "{same: lr_g}"))


def test_a_whole_and_a_part_of_it_are_not_both_drawn(load):
    text = DRAWN.replace(", optimizer: {name: adam, eps: 1e-7}", "").replace("n_dis: [1, 2, 5]", "optimizer: [adam]")
    with pytest.raises(
        SuiteError, match=r"from\.optimizer\.beta1: is a part of 'optimizer', which is drawn as a whole"
    ):
        load(text)


def test_too_few_different_settings_are_counted(load):
    text = DRAWN.replace("steps: 10", "steps: 10, lr_g: 1e-3").replace("        lr_g: {same: lr_d}\n", "")
    text = text.replace("{log: [1e-5, 1e-3]}", "[1e-4, 1e-3]").replace("{uniform: [0.9, 0.999]}", "[0.9]")
    assert len(load(text.replace("draw: 12", "draw: 18")).cells) == 36
    with pytest.raises(SuiteError, match="drawn.yaml:11: grid.0.settings.draw: expected at most 18, .* found 19"):
        load(text.replace("draw: 12", "draw: 19"))


def test_a_bad_value_that_is_common_is_named_there(load):
    with pytest.raises(SuiteError, match=r"drawn.yaml:9: grid\.0\.common\.steps: expected greater than or equal to 1"):
        load(DRAWN.replace("steps: 10", "steps: 0"))
