"""What is said of a GPU, on a GPU: the checks of ``ganbench doctor --device-test``, and trials side by side in a sweep."""

from __future__ import annotations

import pytest
import torch
from tiny import write_tiny

from ganbench import run
from ganbench.harness.doctor.device_bench import Bench
from ganbench.harness.doctor.device_test import CHECKS
from ganbench.harness.ledger import Ledger
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.steps.execution_mode import ExecutionMode

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU available")


@pytest.mark.parametrize("name", CHECKS)
def test_the_device_does_what_the_documents_say(name):
    assert CHECKS[name](Bench(Catalog()))


@pytest.mark.parametrize("pack", [1, 4])
def test_a_sweep_on_the_gpu_is_captured_and_its_trials_are_those_of_a_sweep_one_by_one(pack, tmp_path):
    suite, execution = write_tiny(tmp_path / "tiny.yaml"), ExecutionMode(pack=pack, deterministic=True)
    run(suite, tmp_path / "many", address="inline", gpus=0.25, execution=execution)
    run(suite, tmp_path / "one", address="inline", gpus=0.25, execution=ExecutionMode(deterministic=True))
    many, one = ({record.trial_id: record for record in Ledger(tmp_path / name).records()} for name in ("many", "one"))
    assert len(many) == 12
    for trial, record in many.items():
        assert record.sha256 == one[trial].sha256
        assert record.provenance["device"] != "cpu"
        assert record.provenance["compared"]["exact"] in (True, None) or record.provenance["step"] == "plain"
