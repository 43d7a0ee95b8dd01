"""Files of logs as people write them: what is read as it was meant, and what is told with its row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from ganbench.harness.errors import InputError
from ganbench.harness.stability.external_logs import label_file
from ganbench.harness.stability.log_table import ALL_IN_ONE, Table, read_table


def read(folder: Path, text: str | bytes, name: str = "log.csv") -> Table:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(folder / name)


def written(folder: Path, **columns: object) -> Path:
    parquet.write_table(pyarrow.table(columns), folder / "log.parquet")
    return folder / "log.parquet"


@pytest.mark.parametrize("text", ["NA", "N/A", "#N/A", "<NA>", "null", "NULL", "None", "", " "])
def test_what_tables_write_for_nothing_is_an_empty_field(text, tmp_path):
    series = read(tmp_path, f"step,d_loss,fid\n1,0.5,3\n2,{text},{text}\n").series
    assert [series[name].logged.tolist() for name in ("d_loss", "fid")] == [[True, False]] * 2


def test_nan_as_text_was_logged_and_a_null_was_not(tmp_path):
    assert read(tmp_path, "step,fid\n1,nan\n2,\n3,NaN\n").series["fid"].logged.tolist() == [True, False, True]
    nulls = pyarrow.array([np.nan, None, 1.0], from_pandas=False)
    logged = read_table(written(tmp_path, step=[1, 2, 3], fid=nulls)).series["fid"].logged
    assert logged.tolist() == [True, False, True]


def test_a_number_of_a_step_stands_before_what_could_not_be_computed_there(tmp_path):
    rows = "".join(f"{step},nan\n{step},{5 + step}\n{step},nan\n" for step in range(1, 9))
    (tmp_path / "log.csv").write_text(f"step,fid\n{rows}")
    (run,) = label_file(tmp_path / "log.csv").runs.values()
    assert run.evaluations == 8


def test_the_name_of_a_run_is_text(tmp_path):
    assert read(tmp_path, "run,step,fid\n001,1,2\n1,1,2\n1.0,1,2\nNone,1,2\nNA,1,2\n").runs == [
        *("001", "1", "1.0", "None", "NA")
    ]
    assert read_table(written(tmp_path, run=[1, 2], step=[1, 1], fid=[2, 2])).runs == ["1", "2"]


def test_an_empty_run_is_told_unless_all_are(tmp_path):
    with pytest.raises(InputError, match=r"row 2, column 'run': expected the name of a run, found nothing$"):
        read(tmp_path, "run,step,fid\nNone,1,2\n ,1,2\n")
    assert read(tmp_path, "run,step,fid\n,1,2\n,2,2\n").runs == [ALL_IN_ONE] * 2
    with pytest.raises(InputError, match="row 1, column 'run'"):
        read_table(written(tmp_path, run=[None, "None"], step=[1, 2], fid=[2, 2]))


def test_spaces_around_names_and_fields_a_mark_of_the_encoding_and_capitals_in_a_suffix_are_no_mistake(tmp_path):
    table = read(tmp_path, '\ufeffrun , step, fid\r\n a, 1, "2"\r\n', "log.CSV")
    assert (table.runs, table.steps.tolist(), table.series["fid"].values.tolist()) == (["a"], [1], [2])
    written(tmp_path, step=[1], fid=[2.0]).rename(tmp_path / "log.PARQUET")
    assert read_table(tmp_path / "log.PARQUET").steps.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "step,d_loss,fid\n1,0.5,3\n2,oops,4\n3,no,4\n",
            "row 2, column 'd_loss': expected a number, found 'oops', and",
        ),
        ("step,recall\n1,true\n", "row 1, column 'recall': expected a number, found 'true'"),
        ('step,fid\n1,"2,5"\n', "row 1, column 'fid': expected a number, found '2,5'"),
        ("step,fid\n1,2\n2,3,4\n3\n", "row 2: expected 2 fields, as in the header, found 3"),
        ("step,fid\n1,2\n\n \n2\n", "row 4: expected 2 fields, as in the header, found 1"),
        ("\n\nstep,fid\n1,2\n\n2,x\n", "row 3, column 'fid': expected a number, found 'x'"),
        ('run,step,fid\n"a\nb",1,2\nb,2,x\n', "row 3, column 'fid'"),
        ("step\tfid\n1\t2\n", r"expected columns separated by commas, found '\\t'"),
        ("step;fid\n1;2,5\n", "expected columns separated by commas, found ';'"),
        (b"step,fid,\xff\n1,2,3\n", "header: expected text in UTF-8, found the byte 0xff"),
        (b"run,step,fid\na,1,2\n\xe9,1,2\n", "row 2: expected text in UTF-8, found the byte 0xe9"),
        ("STEP,fid\n1,2\n", "has no column 'step'; did you mean 'STEP'"),
        ("step,FID,D_loss\n1,2,3\n", "did you mean 'fid' by 'FID'.; did you mean 'd_loss' by 'D_loss'"),
        ("step,fid, fid\n1,2,3\n", "expected each column once, found 'fid' more than once"),
        ("", "has no column 'step'"),
    ],
)
def test_what_cannot_be_read_is_one_message_with_its_place(text, words, tmp_path):
    with pytest.raises(InputError, match=words) as caught:
        read(tmp_path, text)
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(f"{tmp_path / 'log.csv'}: ")


@pytest.mark.parametrize(("values", "found"), [([True, False], "True, and so in 1 more"), (["1", "x"], "'x'")])
def test_what_is_no_number_in_parquet_is_told_with_its_row(values, found, tmp_path):
    with pytest.raises(InputError, match=rf"row \d, column 'fid': expected a number, found {found}$"):
        read_table(written(tmp_path, step=[1, 2], fid=values))


def test_bytes_in_parquet_that_are_no_text_are_told(tmp_path):
    assert read_table(written(tmp_path, run=[b"a"], step=[1], fid=[2.0])).runs == ["a"]
    with pytest.raises(InputError, match="cannot be read"):
        read_table(written(tmp_path, run=[b"\xff"], step=[1], fid=[2.0]))


def test_a_row_of_an_impossible_number_counts_empty_lines(tmp_path):
    (tmp_path / "log.csv").write_text("step,fid\n1,2\n\n\n2,-3\n")
    with pytest.raises(InputError, match="row 4, column 'fid'"):
        label_file(tmp_path / "log.csv")
    (tmp_path / "log.csv").write_text("step,fid\n1,2\n\n1,3\n")
    with pytest.raises(InputError, match=r"row 3, column 'fid': .* the first is in row 1$"):
        label_file(tmp_path / "log.csv")


def test_a_directory_is_told_to_be_one(tmp_path):
    with pytest.raises(InputError, match="is a directory, expected a .parquet or a .csv file"):
        read_table(tmp_path)


def test_a_column_whose_name_differs_by_capitals_is_said_with_the_known_name(tmp_path):
    (tmp_path / "log.csv").write_text("step,FID,fid\n1,2,3\n")
    assert label_file(tmp_path / "log.csv").notes == (
        "column 'FID' is not known and was not looked at; did you mean 'fid'?",
    )
