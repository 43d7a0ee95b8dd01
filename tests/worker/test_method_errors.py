"""A normalizer that breaks its contract: the trial is recorded as a method error, and the sweep goes on."""

from __future__ import annotations

import pytest

from ganbench import read_ledger, run
from ganbench.harness.stability import METHOD_ERROR

PLUGIN = """
import torch
from ganbench.harness.normalizer import Normalizer

class Bad(Normalizer):
    name = "bad"
    summary = "Breaks its contract."

    {body}
"""

BODIES = {
    "raises": (
        "def reparameterize(self, weight, params, state, layer):\n        raise ValueError('no luck today')",
        "bad.reparameterize raised at layer 'hidden0': ValueError: no luck today (bad_norm.py:10)",
    ),
    "raises at init": (
        "def init_state(self, weight, layer, generator):\n        raise KeyError('u')",
        "raised at layer 'hidden0': KeyError: 'u'",
    ),
    "raises after some steps": (
        "def init_state(self, weight, layer, generator):\n        return {'n': torch.zeros(())}\n"
        "    def reparameterize(self, weight, params, state, layer):\n"
        "        if state['n'] > 5: raise RuntimeError('the sixth time')\n"
        "        return weight, {'n': state['n'] + 1}",
        "the sixth time",
    ),
    "raises in the middle of torch": (
        "def reparameterize(self, weight, params, state, layer):\n        return weight @ weight[:, 1:], state",
        "(bad_norm.py:10)",
    ),
    "ends the process": (
        "def reparameterize(self, weight, params, state, layer):\n        raise SystemExit(3)",
        "bad.reparameterize raised at layer 'hidden0': SystemExit: 3 (bad_norm.py:10)",
    ),
    "wrong shape": (
        "def reparameterize(self, weight, params, state, layer):\n        return weight[:1], state",
        "returned shape (1, 2)",
    ),
    "wrong dtype": (
        "def reparameterize(self, weight, params, state, layer):\n        return weight.double(), state",
        "torch.float64",
    ),
    "wrong shape of an activation": (
        "def activate(self, x, params, layer):\n        return x[:1]",
        "bad.activate at layer 'hidden0' returned shape",
    ),
    "returns nothing": (
        "def reparameterize(self, weight, params, state, layer):\n        pass",
        "bad.reparameterize raised at layer 'hidden0'",
    ),
    "takes a reserved name": (
        "def init_params(self, weight, layer, generator):\n        return {'bias': torch.zeros(3)}",
        "reserved name 'bias'",
    ),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_broken_normalizer_is_a_recorded_result_and_the_others_still_run(tiny, tmp_path, case):
    body, message = BODIES[case]
    plugin = tmp_path / "bad_norm.py"
    plugin.write_text(PLUGIN.format(body=body))
    suite = tmp_path / "with_bad.yaml"
    text = tiny.read_text().replace("[none, spectral_norm]", "[bad, spectral_norm]").replace("steps: 40", "steps: 10")
    suite.write_text(text[: text.index("  - dataset: digits")])
    report = run(suite, tmp_path / "out", address="inline", plugins=[str(plugin)], seeds=1)
    assert (report.missing, report.committed) == (0, 4)
    records = list(read_ledger(tmp_path / "out").records())
    bad = [record for record in records if record.spec["cell"]["normalizer"]["name"] == "bad"]
    assert [record.verdict.outcome for record in bad] == [METHOD_ERROR] * 2
    assert all(message in record.verdict.message for record in bad)
    assert all(record.verdict.failed and record.verdict.modes == (METHOD_ERROR,) for record in bad)
    good = [record for record in records if record not in bad]
    assert all(record.verdict.outcome != METHOD_ERROR for record in good)


def test_a_plugin_file_travels_to_rays_workers_and_its_errors_are_recorded(tiny, tmp_path, ganbench):
    body, message = BODIES["raises"]
    plugin = tmp_path / "bad_norm.py"
    plugin.write_text(PLUGIN.format(body=body))
    suite = tmp_path / "with_bad.yaml"
    suite.write_text(tiny.read_text().replace("[none, spectral_norm]", "[bad, spectral_norm]"))
    done = ganbench(
        "run", suite, "--results", "out", "--plugin", "bad_norm.py", "--seeds", "1", "--tracking-uri", "off"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    messages = [record.verdict.message for record in read_ledger(tmp_path / "out").records()]
    assert sum(message in told for told in messages) == 2  # ring8's cells; digits' first layer has another name


def test_a_fault_of_the_harness_is_not_a_result_and_is_told(tiny, tmp_path, monkeypatch):
    from ganbench.harness.training.workshop import Workshop

    def broken(self, trial):
        raise OSError("the disk is on fire")

    monkeypatch.setattr(Workshop, "material", broken)
    report = run(tiny, tmp_path / "out", address="inline", limit=2)
    assert (report.committed, len(report.lost)) == (0, 2)
    assert "the disk is on fire" in next(iter(report.lost.values()))
    assert not list((tmp_path / "out").glob("trials/*/*.json"))
