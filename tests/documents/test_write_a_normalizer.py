"""docs/write-a-normalizer.md, followed to the letter in an empty folder, leads a stranger to a row on a leaderboard."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest
from documents import script
from fresh_environment import borrowed, run_alone, wheel

from ganbench.harness.conformance import CHECKS
from ganbench.harness.ledger import Ledger

NAME = "frobenius_norm"

APPLY = len(CHECKS) - 1
"""It has no stacked path, which one of them compares with the plain one."""


def followed(tmp_path: Path, environment: dict[str, str], timeout: float) -> tuple[str, Path]:
    """Do what the document says, and return what was printed and the folder."""
    reader = tmp_path / "reader"
    reader.mkdir()
    environment = environment | {"GANBENCH": str(wheel(tmp_path / "wheel")), "COLUMNS": "200", "PIP_QUIET": "1"}
    # Ray's sockets need a short path; one of its own keeps others' sessions out of sight.
    return run_alone(script("write-a-normalizer.md"), reader, environment, timeout), reader


def leads_to_a_row(said: str, reader: Path) -> None:
    assert f"frobenius passes all {APPLY} checks" in said
    assert "Not enough seeds to separate" in said
    records = list(Ledger(reader / "results" / f"{NAME}-small").records())
    assert {record.spec["cell"]["normalizer"]["name"] for record in records} == {NAME, "spectral_norm"}
    assert all(record.verdict.outcome != "method_error" for record in records)
    assert len(records) == 8
    board = reader / "results" / f"{NAME}-small" / "leaderboard"
    rows = {row["normalizer"]: row for row in csv.DictReader((board / "leaderboard.csv").open())}
    assert rows[NAME]["trials"] == "4"
    assert rows[NAME]["conformance"] == f"passes all {APPLY} checks"
    assert NAME in (board / "leaderboard.html").read_text()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_stranger_who_follows_the_document_ends_on_their_own_leaderboard(tmp_path):
    said, reader = followed(tmp_path, borrowed(tmp_path / "borrowed"), 580)
    leads_to_a_row(said, reader)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_same_with_every_package_installed_anew(tmp_path):
    path = os.pathsep.join([str(Path(sys.base_prefix, "bin")), "/usr/bin", "/bin"])
    said, reader = followed(tmp_path, {"PATH": path}, 1700)
    leads_to_a_row(said, reader)
