"""`ganbench check` catches what each of its checks is meant for, tells it once, and passes every shipped normalizer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from cells import CATALOG, SAMPLE
from rotating import of_today, rotating

from ganbench.harness.conformance import CHECKS, Check, check_normalizer, claims, modes, stacking, training
from ganbench.harness.conformance.outcome import conformance
from ganbench.harness.conformance.table import CheckEntry
from ganbench.harness.errors import PluginError
from ganbench.harness.normalizer import Claim, largest_absolute_entry
from ganbench.harness.plugins.registry import Catalog, Offer
from ganbench.harness.plugins.source import PluginSource

COST = CHECKS[-1]

OF_STEPS = [
    entry
    for entry in CHECKS
    if entry.check in {modes.runs_compiled, stacking.equals_the_plain_path, training.reaches_verdicts, COST.check}
]
"""They follow a step or train, and take most of the time."""

OF_FUNCTIONS = [entry for entry in CHECKS if entry not in OF_STEPS]

CLAIMS = next(entry for entry in CHECKS if entry.check is claims.keeps_its_claims)

CLAIMS_NOTHING = "it claims nothing of its weights (see Normalizer.claims)"

NOT_STACKED = "it offers no stacked path (see Normalizer.reparameterize_stacked)"

STACKING = next(entry for entry in CHECKS if entry.check is stacking.equals_the_plain_path)

HEAD = """
import random, sys, time
import numpy, torch
from pydantic import Field
from ganbench.baselines import power_iteration
from ganbench.harness.normalizer.layers import output_matrix, per_layer, per_output, row_norms
from ganbench.harness.normalizer import *

SEEN = {}

class Bad(Normalizer):
    name = "bad"
    summary = "Misbehaves."
"""

HOOK = "    def reparameterize(self, weight, params, state, layer):\n"


@pytest.fixture(autouse=True)
def few_pairs(monkeypatch) -> None:
    """What a step costs is reported, and no test asks how exactly."""
    monkeypatch.setattr("ganbench.harness.conformance.cost.PAIRS", 2)


def from_file(tmp_path: Path, body: str, name: str = "bad.py") -> tuple[Catalog, Path]:
    """A plugin written to a file, found as `ganbench check FILE` finds it."""
    path = tmp_path / name
    path.write_text(HEAD + body)
    return Catalog([PluginSource.read(str(path))]), path


def outcomes(tmp_path: Path, body: str, checks: Sequence[CheckEntry] = CHECKS) -> tuple[list[Check], Path]:
    catalog, path = from_file(tmp_path, body)
    return list(check_normalizer(catalog.create("normalizer", "bad"), catalog, checks)), path


def hook(*lines: str) -> str:
    return HOOK + "".join(f"        {line}\n" for line in lines)


HALF = "return 0.5 * weight, state"

FUNCTION = """
    def reparameterize(self, weight, params, state, layer):
        return Own.apply(weight), state

class Own(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x + x ** 3

    @staticmethod
    def setup_context(context, inputs, output):
        context.save_for_backward(inputs[0])

    @staticmethod
    def backward(context, grad):
        x, = context.saved_tensors
        return BACKWARD
"""

TRANSPOSED = """
    def claims(self, layer):
        return (Claim(mean_of_both_largest_singular_values, exactly=1),)

    def matrices(self, weight, layer):
        first = output_matrix(weight, layer)
        return first, first.reshape(layer.in_features, -1)  # mixes output channels into rows

    def init_state(self, weight, layer, generator):
        return {key: power_iteration.start(m, generator) for key, m in zip("uv", self.matrices(weight, layer))}

    def reparameterize(self, weight, params, state, layer):
        (first, u), (second, v) = (
            power_iteration.step(m, state[key]) for key, m in zip("uv", self.matrices(weight, layer))
        )
        return weight / ((first + second) / 2), {"u": u, "v": v}
"""
"""Bidirectional spectral normalization with a view where a transposition belongs."""

WRONG = FUNCTION.replace("BACKWARD", "grad * (1 + 2 * x ** 2)")

ONCE = (
    "    modes = frozenset()\n\n    def activate(self, x, params, layer):\n"
    "        return layer.activate(Own.apply(x), params)\n\n" + FUNCTION[FUNCTION.index("class Own") :]
).replace("BACKWARD", "grad * (1 + 3 * torch.from_numpy(x.detach().numpy()) ** 2)")

SPECTRAL = """
    def init_state(self, weight, layer, generator):
        return {"u": power_iteration.start(output_matrix(weight, layer), generator)}

    def reparameterize(self, weight, params, state, layer):
        sigma, u = power_iteration.step(output_matrix(weight, layer), state["u"])
        return weight / sigma, {"u": u}

    def reparameterize_stacked(self, weights, params, states, layers):
        sigma, u = power_iteration.stacked_step(output_matrix(weights, layers[0]), states["u"])
        return weights / SIGMA, {"u": NEXT}
"""
"""Spectral normalization whose stacked path is to be spoilt."""

BAD = {
    "has no summary": ("    summary = ''\n" + hook(HALF), "says what it is", "summary"),
    "changes the dtype": (hook("return weight.double(), state"), "keeps shape, dtype", "torch.float64"),
    "changes the shape": (hook("return weight.flatten(), state"), "keeps shape, dtype", "returned shape"),
    "stays on the CPU": (
        hook("return weight * torch.ones(weight.shape, dtype=weight.dtype), state"),
        "keeps shape, dtype",
        "is not on the expected device",
    ),
    "leaves its state on the CPU": (
        "    def init_state(self, weight, layer, generator):\n        return {'n': torch.zeros(1)}\n"
        + hook("return 0.5 * weight, {'n': torch.zeros(1, dtype=state['n'].dtype)}"),
        "keeps shape, dtype",
        "a state ('n' of layer",
    ),
    "raises on the third call": (
        hook(
            "SEEN['calls'] = SEEN.get('calls', 0) + 1",
            "if SEEN['calls'] == 3:",
            "    raise ValueError('tired')",
            HALF,
        ),
        "keeps shape, dtype",
        "ValueError: tired",
    ),
    "changes its argument": (
        hook("with torch.no_grad():", "    weight.mul_(0.5)", "return weight * 1, state"),
        "changes none of its arguments",
        "changed in place",
    ),
    "changes its state in place": (
        "    def init_state(self, weight, layer, generator):\n        return {'n': torch.zeros(1)}\n"
        + hook("state['n'].add_(1)", "return 0.5 * weight, {'n': state['n'] * 1}"),
        "changes none of its arguments",
        "a state of layer",
    ),
    "writes on its class": (
        hook("type(self).last = weight.shape", HALF),
        "writes no attribute",
        "Bad.last",
    ),
    "draws from torch": (
        hook("return weight + 0 * torch.randn_like(weight), state"),
        "draws no global random numbers",
        "of torch",
    ),
    "draws from numpy": (hook("numpy.random.rand()", HALF), "draws no global random numbers", "of numpy"),
    "draws from Python": (hook("random.random()", HALF), "draws no global random numbers", "of random"),
    "prints": (hook("print('hello')", HALF), "prints nothing", "'hello' to stdout"),
    "prints to stderr": (hook("print('hello', file=sys.stderr)", HALF), "prints nothing", "to stderr"),
    "counts its calls": (
        hook("SEEN['n'] = SEEN.get('n', 0) + 1", "return weight / SEEN['n'], state"),
        "answers the same",
        "two calls",
    ),
    "leaks between layers": (
        hook(
            "norm = SEEN.setdefault(tuple(weight.shape), weight.detach().double().norm())",
            "return weight / (norm + 1).to(weight.dtype), state",
        ),
        "keeps layers and trials apart",
        "after another layer of its shape",
    ),
    "is not a number at zero": (
        hook("return weight / weight.norm(), state"),
        "has finite values",
        "standard deviation 0 in float32",
    ),
    "has no gradient at zero": (
        hook("return weight / (weight.square().sum().sqrt() + 1), state"),
        "has finite values",
        "gradients that are not finite",
    ),
    "is not a number once a unit died": (
        "    def init_params(self, weight, layer, generator):\n        return {'g': row_norms(weight, layer)}\n"
        + hook(
            "length = row_norms(weight, layer).clamp_min(torch.finfo(weight.dtype).tiny)",
            "return weight * per_output(params['g'] / length, layer), state",
        ),
        "has finite values",
        "weights that became 0 in float32",
    ),
    "claims what is false": (
        "    def claims(self, layer):\n        return (Claim(largest_singular_value, at_most=1),)\n\n"
        + hook("return 0.5 * weight, state"),
        "keeps its claims",
        "it claims: largest singular value at most 1; found",
    ),
    "has the transposition bug": (TRANSPOSED, "keeps its claims", "mean of both largest singular values exactly 1"),
    "has a parameter without a range": (
        "    factor: float = 0.5\n\n" + hook("return self.factor * weight, state"),
        "says what it is",
        "'factor' of Bad has no range",
    ),
    "has a wrong backward pass": (WRONG, "has the gradient", "finite differences"),
    "can be differentiated only once": (ONCE, "can be differentiated twice", "RuntimeError"),
    "keeps what no checkpoint can": (
        "    def init_state(self, weight, layer, generator):\n        SEEN['v'] = 0\n        return {}\n"
        + hook("return weight * 1, state")
        + "    def project(self, params, layer):\n"
        "        if layer.last and layer.in_features == 128:\n"
        "            SEEN['v'] += 1\n"
        "            return {k: v * (1 - 0.5 * (SEEN['v'] % 2)) for k, v in params.items()}\n"
        "        return params\n",
        "goes on bit for bit",
        "after a training was restored",
    ),
    "reads a value": (
        hook("return weight / (1.0 if weight.abs().max().item() < 1e9 else 2.0), state"),
        "is compiled",
        ".item()",
    ),
    "branches on a value": (
        hook("if weight.abs().max() > 1e9:", "    return 0.5 * weight, state", HALF),
        "is compiled",
        "MODES - {'compiled'}",
    ),
    "draws and returns nothing": (
        "    def initialize(self, layer, generator):\n        torch.rand(1, generator=generator)\n        return None\n",
        "leaves the shared random streams",
        "initialize drew",
    ),
    "raises late": (
        "    def penalty(self, discriminator, real, fake, noise):\n"
        "        if real.shape[0] == 64 and real.shape[1:] == (2,):\n"
        "            SEEN['n'] = SEEN.get('n', 0) + 1\n"
        "            if SEEN['n'] > 20:\n"
        "                raise ValueError('tired')\n"
        "        return 0 * discriminator(real).sum()\n",
        "trains two seeds",
        "ValueError: tired",
    ),
    "mixes stacked layers": (
        SPECTRAL.replace("SIGMA", "sigma.mean()").replace("NEXT", "u"),
        STACKING.claim,
        "in the effective 'weight' of layer",
    ),
    "forgets the state of stacked layers": (
        SPECTRAL.replace("SIGMA", "per_layer(sigma, weights)").replace("NEXT", "states['u']"),
        STACKING.claim,
        "in the next state 'u' of layer",
    ),
    "holds sigma constant in stacked layers": (
        SPECTRAL.replace("SIGMA", "per_layer(sigma.detach(), weights)").replace("NEXT", "u"),
        STACKING.claim,
        "in the gradient by 'weight' of layer",
    ),
    "takes stacked layers for the first of them": (
        hook("return weight / layer.stride, state")
        + "    def reparameterize_stacked(self, weights, params, states, layers):\n"
        "        return weights / layers[0].stride, states\n",
        STACKING.claim,
        "in the effective 'weight' of layer",
    ),
    "returns one of the stacked layers": (
        hook(HALF) + "    def reparameterize_stacked(self, weights, params, states, layers):\n"
        "        return 0.5 * weights[0], states\n",
        STACKING.claim,
        "bad.reparameterize_stacked at layer 'down1, down1_again' returned shape",
    ),
    "branches on a value of stacked layers": (
        hook(HALF) + "    def reparameterize_stacked(self, weights, params, states, layers):\n"
        "        return (0.5 * weights, states) if weights.abs().max() < 1e9 else None\n",
        STACKING.claim,
        "its stacked path cannot be followed",
    ),
}
"""What a plugin does wrong, the check that is meant for it, and words that it says."""

NO_HOOK = {"has no summary"}
"""What is wrong with the class, which has no line of its own."""

BAD_FUNCTIONS = [
    wrong for wrong, (_, claim, _) in BAD.items() if not any(entry.claim.startswith(claim) for entry in OF_STEPS)
]


RESTING = {*BAD_FUNCTIONS} - of_today(BAD_FUNCTIONS, 4)


@pytest.mark.parametrize("wrong", BAD)
def test_a_bad_plugin_is_caught_by_the_check_meant_for_it_and_by_no_other(wrong, tmp_path):
    assert_caught(wrong, tmp_path, OF_FUNCTIONS if wrong in RESTING else CHECKS)


@pytest.mark.long
@pytest.mark.parametrize("wrong", BAD_FUNCTIONS)
def test_a_bad_function_is_caught_by_no_check_of_steps_and_trainings_either(wrong, tmp_path):
    assert_caught(wrong, tmp_path, CHECKS)


def assert_caught(wrong: str, tmp_path: Path, checks: Sequence[CheckEntry]) -> None:
    body, claim, words = BAD[wrong]
    found, path = outcomes(tmp_path, body, checks)
    failed = {outcome.claim: outcome.detail for outcome in found if outcome.failed}
    meant = [outcome.detail for outcome in found if outcome.failed and outcome.claim.startswith(claim)]
    assert len(meant) == 1, failed
    assert words in meant[0]
    others = {key for key in failed if not key.startswith(claim)}
    assert others == set(), failed
    if wrong not in NO_HOOK:
        assert f"({path}:" in meant[0]


def test_a_plugin_that_sleeps_passes_and_is_told_what_it_costs(tmp_path):
    catalog, _ = from_file(tmp_path, hook("time.sleep(0.05)", HALF))
    (found,) = check_normalizer(catalog.create("normalizer", "bad"), catalog, [COST])
    assert found.passed
    assert "more than 20 times" in found.detail
    assert "look for a sleep" in found.detail


def test_what_it_costs_is_written_as_numbers_and_none_costs_the_memory_of_none():
    (found,) = check_normalizer(CATALOG.create("normalizer", "none"), CATALOG, [COST])
    assert re.fullmatch(
        r"a step takes [0-9.]+ times the time and 1\.0 times the memory of one under none", found.detail
    )


def test_a_plugin_that_imports_something_missing_is_named_and_harms_no_other(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("import nothing_of_this_name\n" + HEAD)
    with pytest.raises(PluginError, match=r"bad.py: ModuleNotFoundError: .*bad.py:1\)"):
        Catalog([PluginSource.read(str(path))])

    def broken():
        raise ModuleNotFoundError("No module named 'nothing_of_this_name'")

    catalog = Catalog()
    catalog._offer("normalizer", "broken", Offer(lambda: "a package", "", broken))
    listed = {line.name: line for line in catalog.listing("normalizer")}
    assert "nothing_of_this_name" in listed["broken"].error
    assert all(line.plugin is not None for name, line in listed.items() if name != "broken")


def test_what_cannot_apply_is_skipped_in_words_and_does_not_count_as_passed(tmp_path):
    found, _ = outcomes(
        tmp_path, "    modes = frozenset()\n" + hook("return weight / float(weight.abs().max() + 1) * 1.0, state")
    )
    skipped = {outcome.claim: outcome.detail for outcome in found if outcome.skipped}
    assert skipped["is compiled as a whole"].startswith("bad declares that it cannot run compiled")
    assert not any(outcome.passed for outcome in found if outcome.skipped)


def test_a_value_that_leaves_torch_is_a_gradient_that_is_missing(tmp_path):
    found, path = outcomes(
        tmp_path, "    modes = frozenset()\n" + hook("return weight / float(weight.norm() + 1), state")
    )
    failed = {outcome.claim: outcome.detail for outcome in found if outcome.failed}
    assert list(failed) == ["has the gradient that float64 finite differences have"]
    assert str(path) in next(iter(failed.values()))


@pytest.mark.parametrize(
    "body",
    [
        hook("return weight / (weight.detach().norm() + 1), state"),
        hook("with torch.no_grad():", "    norm = weight.norm()", "return weight / (norm + 1), state"),
        hook("return weight + (weight.round() - weight).detach(), state"),
    ],
    ids=["detached", "without gradient", "straight through"],
)
def test_what_is_held_constant_by_design_is_no_mistake(body, tmp_path):
    found, _ = outcomes(tmp_path, body)
    assert [outcome for outcome in found if outcome.failed] == []


def test_a_failure_that_others_would_find_again_is_told_once(tmp_path):
    found, _ = outcomes(tmp_path, hook("return weight.double(), state"))
    assert sum(outcome.failed for outcome in found) == 1
    waiting = [outcome.detail for outcome in found if outcome.skipped]
    assert len(waiting) == len(CHECKS) - 2
    assert set(waiting) == {f"not tried until it {CHECKS[1].claim}"}


def test_what_a_plugin_prints_does_not_spoil_the_json(tmp_path, ganbench):
    _, path = from_file(tmp_path, hook("print('hello')", HALF))
    done = ganbench("check", str(path), "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)[0]
    assert list(told["failed"]) == ["prints nothing"]
    assert list(told["skipped"]) == [CLAIMS.claim, "is compiled as a whole", STACKING.claim]
    assert "memory" in told["measured"]["costs what is written here"]


def test_checking_leaves_the_global_generators_where_they_were(tmp_path):
    import torch

    before = torch.get_rng_state()
    outcomes(tmp_path, hook("return weight + torch.randn_like(weight), state"))
    assert torch.equal(before, torch.get_rng_state())


def test_the_parts_of_a_composition_are_checked_together():
    composed = CATALOG.create("normalizer", "spectral_norm + gradient_penalty")
    assert [outcome for outcome in check_normalizer(composed, CATALOG) if outcome.failed] == []
    assert conformance(composed, [Check("a", True), Check("b", False, "why", skipped=True)])["skipped"] == {"b": "why"}


@pytest.mark.parametrize("name", rotating(CATALOG.names("normalizer"), SAMPLE, 8))
def test_every_baseline_passes_every_check_of_its_functions(name):
    assert_passes(name, OF_FUNCTIONS)


@pytest.mark.parametrize("name", rotating(CATALOG.names("normalizer"), SAMPLE, 4))
def test_every_baseline_passes_every_check_of_its_steps_and_trainings(name):
    assert_passes(name, OF_STEPS)


def assert_passes(name, checks) -> None:
    found = list(check_normalizer(CATALOG.create("normalizer", name), CATALOG, checks))
    assert len(found) == len(checks)
    assert [outcome for outcome in found if outcome.failed] == []
    assert {outcome.detail for outcome in found if outcome.skipped} <= {CLAIMS_NOTHING, NOT_STACKED}


@pytest.mark.parametrize(
    ("spec", "claims"),
    [
        ("spectral_norm", "largest singular value exactly 1 "),
        ({"name": "ssn", "scale": 1.6}, "largest singular value exactly 1.6 "),
        ("bsn", "mean of both largest singular values exactly 1 "),
        ({"name": "bssn", "scale": 0.7}, "mean of both largest singular values exactly 0.7 "),
        ("spectral_norm_conv", "operator norm exactly 1 "),
        ("weight_norm_strict", "length of every output unit exactly 1 "),
        ({"name": "weight_clipping", "bound": 0.1}, "largest absolute entry at most 0.1 "),
        ("spectral_norm + gradient_penalty", "largest singular value exactly 1 "),
        ("spectral_norm + weight_clipping", "largest singular value exactly 1 "),
    ],
    ids=str,
)
def test_a_baseline_claims_what_its_paper_says_and_is_measured_at_it(spec, claims):
    (found,) = check_normalizer(CATALOG.create("normalizer", spec), CATALOG, [CLAIMS])
    assert found.passed
    assert found.detail.startswith(claims)


def test_random_kernels_alone_would_not_show_the_transposition_bug(tmp_path, monkeypatch):
    random = {"of random numbers": claims.KERNELS["of random numbers"]}
    monkeypatch.setattr(claims, "KERNELS", random)
    monkeypatch.setattr("ganbench.harness.normalizer.claims.TOLERANCE", 0.05)
    catalog, _ = from_file(tmp_path, TRANSPOSED)
    (found,) = check_normalizer(catalog.create("normalizer", "bad"), catalog, [CLAIMS])
    assert found.passed
    monkeypatch.undo()
    monkeypatch.setattr("ganbench.harness.normalizer.claims.TOLERANCE", 0.05)
    (found,) = check_normalizer(catalog.create("normalizer", "bad"), catalog, [CLAIMS])
    assert found.failed


def test_a_claim_says_itself_and_holds_within_its_bounds_only():
    assert (
        str(Claim(largest_absolute_entry, at_least=0.5, at_most=2))
        == "largest absolute entry at least 0.5 and at most 2"
    )
    bounded = Claim(largest_absolute_entry, at_least=0.5, at_most=2)
    assert [bounded.holds(value) for value in (0.49, 0.5, 2.0, 2.01, float("nan"))] == [False, True, True, False, False]
    assert Claim(largest_absolute_entry, exactly=-1).holds(-1.0005)
    assert not Claim(largest_absolute_entry, exactly=-1).holds(-1.01)
