"""Published numbers stand beside ours or apart, on the page and in the markdown."""

from __future__ import annotations

from decimal import Decimal

from ganbench.reports.published.matching import Apart, Match, Published
from ganbench.reports.published.rows import load_published
from ganbench.reports.published.words import APART, MATCHED, section

ROW = next(row for row in load_published() if row.std is not None).model_copy(
    update={"value": Decimal("16.77"), "std": Decimal("0.04"), "std_of": "3 evaluations", "note": "a note"}
)


def test_a_number_by_our_protocol_has_ours_beside_it_with_how_many_failed():
    match = Match(ROW, "cifar10 · slow", "spectral_norm", "fid", "lower", 18.234, 3, 16, 16, 1)
    found = section(Published("One.", (match,), ()))
    (line,) = found.matched
    assert len(line) == len(MATCHED)
    assert "16.77 ± 0.04 (3 evaluations)" in line[1]
    assert line[2:] == (
        "18.2 (spectral_norm)",
        "3/16, 1 without a number",
        "cifar10 · slow: fid, lower is better",
        "a note",
    )
    assert (found.near, found.far) == ((), 0)


def test_a_number_by_another_protocol_says_why_and_one_of_other_data_is_only_counted():
    near = Apart(ROW, ("5,000 generated samples, here 10,000",), True, "cifar10 · slow")
    far = Apart(ROW, ("on stl10",), False, "")
    found = section(Published("None.", (), (near, far, far)))
    assert found.matched == ()
    (line,) = found.near
    assert len(line) == len(APART)
    assert line[2] == "5,000 generated samples, here 10,000; a note"
    assert found.far == 2
