"""Where normalizers ran on other devices than those that they are compared with, it is said beside the headline."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drawn_boards import evidence_of

from ganbench.reports.board import build
from ganbench.reports.evidence.packing import pack, unpack
from ganbench.reports.formatting import unmarked
from ganbench.reports.wording.contents import Contents

DRAWN = {"v": ("....", "...."), "w": ("dddd", "dddd"), "x": ("d...", "....")}


def caution(devices):
    """The caution of a board of three, whose trials ran on devices by name, group's place and seed."""
    evidence = evidence_of(DRAWN)
    results = {
        cell: {
            seed: replace(result, device=devices(cell.partition("-")[0], int(cell.partition("-")[2]), seed))
            for seed, result in found.items()
        }
        for cell, found in evidence.results.items()
    }
    evidence = replace(evidence, results=results)
    return unmarked(Contents(evidence, build(evidence)).caution)


def test_a_method_that_ran_on_another_kind_of_device_than_the_others_is_named():
    said = caution(lambda name, place, seed: "NVIDIA H200" if name == "v" else "cpu")
    assert said == (
        "They did not all run on the same device: most trials of v on NVIDIA H200; w and x on cpu."
        " A difference between them may be the devices'."
    )


@pytest.mark.parametrize(
    "devices",
    [
        lambda name, place, seed: "cpu",
        lambda name, place, seed: "",
        lambda name, place, seed: ("cpu", "NVIDIA H200")[place],  # pairs are within settings
        lambda name, place, seed: ("cpu", "NVIDIA H200")[seed % 2],
        lambda name, place, seed: "cpu" if name == "v" else "",  # of those nobody knows
        lambda name, place, seed: "NVIDIA H200" if (name, place, seed) == ("v", 0, 0) else "cpu",
    ],
)
def test_where_trials_that_are_compared_ran_on_the_same_devices_nothing_is_said(devices):
    assert caution(devices) == ""


def test_a_device_is_kept_on_the_way_from_one_process_to_another():
    results = [
        replace(result, device="gpu") for found in evidence_of(DRAWN).results.values() for result in found.values()
    ]
    assert [result.device for result in unpack(pack(results))] == ["gpu"] * len(results)
