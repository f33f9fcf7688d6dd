"""Tables in .csv files: what is a header, what is a name, and what is refused with its line and column."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bregman_l1 import (
    BregmanProjection,
    InputFileError,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    load,
    solve,
)
from bregman_l1.cli import app
from bregman_l1.cli.files import read_array, read_system, read_vector

A = [[1.0, 2.0, 3.0], [1.0, 0.0, 1.0]]
Y = [2.0, 1.0]
RUN = CliRunner()


def frame() -> pd.DataFrame:
    return pd.DataFrame(A, columns=["bread", "milk", "rice"], index=["energy", "fibre"])


@pytest.fixture
def write(tmp_path):
    def written(name, content, **options):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            content.to_csv(path, **options)
        return path

    return written


# ------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(A),
        pd.DataFrame([[1, 2], [3, 4]]),
        pd.DataFrame(A, columns=[3, 4, 5]),
        pd.DataFrame(A, columns=[18, 35, 65]),  # whole numbers above numbers with a point
    ],
)
def test_a_numeric_header_is_refused_with_its_line(write, table):
    path = write("A.csv", table, index=False)
    with pytest.raises(
        InputFileError, match=r"A\.csv: line 1, \d+,\d+.*looks like a header.*header=False, index=False"
    ):
        read_array(path)


def test_the_line_of_a_header_is_counted_with_comments_and_empty_lines(write):
    with pytest.raises(InputFileError, match=r"line 4, 0,1,2, looks like a header, .* as numbers write 0\.0"):
        read_array(write("A.csv", "# made by hand\n\n \n0,1,2\n1,2,3\n"))


@pytest.mark.parametrize(
    "text",
    ["0.0,1,2\n1,2,3\n", "1,2\n3,4\n", "2,1,0\n1,1,1\n", "0,1,2\n", "1,1,1\n0,1,2\n", "0\n1\n1\n", "1,3,9\n1,0.5,2\n"],
)
def test_numbers_that_are_no_header_are_read(write, text):
    np.testing.assert_array_equal(
        read_array(write("A.csv", text)), np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    )


def test_the_head_of_a_series_without_a_name_is_refused(write):
    path = write("y.csv", pd.Series([1.0, 2.5]), index=False)
    with pytest.raises(InputFileError, match=r"y\.csv: line 1, 0, looks like a header"):
        read_vector(path)


def test_a_header_that_looks_like_data_shows_in_the_number_of_lines(write):
    matrix, target = write("A.csv", "1,2,3\n1.5,0,1\n"), write("y.csv", pd.Series([2, 1]), index=False)
    np.savetxt(matrix, A, delimiter=",")
    with pytest.raises(InputFileError, match=r"y\.csv: is line 1 a header\? A\.csv has 2 rows and y\.csv 3 numbers"):
        read_system(matrix, target)
    matrix = write("A.csv", "5,10,20\n1,2,3\n1,0,1\n")
    with pytest.raises(InputFileError, match=r"A\.csv: is line 1 a header\? A\.csv has 3 rows and y\.csv 2 numbers"):
        read_system(matrix, write("y.csv", "2\n1\n"))


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("index_label", [None, "nutrient"])
def test_a_data_frame_comes_back_with_its_names(write, index_label):
    target = pd.Series({"fibre": 1.0, "energy": 2.0}, name="need")
    system = read_system(
        write("A.csv", frame(), index_label=index_label), write("y.csv", target, index_label=index_label)
    )
    assert system.row_names == ("energy", "fibre")
    assert system.column_names == ("bread", "milk", "rice")
    np.testing.assert_array_equal(system.A, A)
    np.testing.assert_array_equal(system.y, Y)


def test_names_of_the_columns_alone_and_names_with_commas(write):
    system = read_system(
        write("A.csv", frame().rename(columns={"milk": "milk, whole"}), index=False), write("y.csv", "2\n1\n")
    )
    assert system.row_names is None
    assert system.column_names == ("bread", "milk, whole", "rice")


def test_labels_that_only_count_are_no_names_but_put_y_in_order(write):
    system = read_system(write("A.csv", pd.DataFrame(A)), write("y.csv", pd.Series(Y).iloc[[1, 0]]))
    assert (system.row_names, system.column_names) == (None, None)
    np.testing.assert_array_equal(system.y, Y)


def test_whole_numbers_as_names_are_numbers(write):
    system = read_system(write("A.csv", pd.DataFrame(A, columns=[2019, 2020, 2022])), write("y.csv", "2\n1\n"))
    assert system.column_names == (2019, 2020, 2022)


def test_rows_that_differ_are_refused_by_name(write):
    with pytest.raises(InvalidSystemError, match="y has no entry for row 'fibre' of A"):
        read_system(write("A.csv", frame()), write("y.csv", pd.Series({"energy": 2.0, "iron": 1.0})))


def test_a_cost_is_put_in_the_order_of_the_columns(write):
    path = write("c.csv", pd.Series({"rice": 3.0, "bread": 1.0, "milk": 2.0}))
    assert read_vector(path, ("bread", "milk", "rice")).tolist() == [1.0, 2.0, 3.0]
    assert read_vector(path).tolist() == [3.0, 1.0, 2.0]
    row = write("row.csv", "rice,bread,milk\n3,1,2\n")
    assert read_vector(row, ("bread", "milk", "rice")).tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(InvalidSystemError, match=r"c\.csv has no entry for column 'salt' of A"):
        read_vector(path, ("bread", "milk", "salt"))


def test_solve_answers_by_name(write, tmp_path):
    paths = [str(write("A.csv", frame())), str(write("y.csv", pd.Series(Y, index=frame().index)))]
    cost = str(write("c.csv", pd.Series({"rice": 3.0, "bread": 1.0, "milk": 2.0})))
    out = tmp_path / "solution.npz"
    result = RUN.invoke(app, ["solve", *paths, "--alpha", "0.1", "--cost", cost, "--output", str(out)])
    assert result.exit_code == 0
    assert all(f"   {name}  " in result.stdout for name in ("bread", "milk"))
    answer = solve(BregmanProjection(LinearSystem(frame(), Y), alpha=0.1, cost=[1.0, 2.0, 3.0]))
    assert load(out).names == ("bread", "milk", "rice")
    np.testing.assert_array_equal(load(out).x, answer.x)
    result = RUN.invoke(app, ["solve", *paths, "--problem", "l1", "--json"])
    assert json.loads(result.stdout)["names"] == ["bread", "milk", "rice"]


@pytest.mark.parametrize("table", [frame(), pd.DataFrame(A)])
def test_an_answer_written_as_csv_is_a_series_of_pandas_and_a_prior(write, tmp_path, table):
    paths, out = [str(write("A.csv", table)), str(write("y.csv", pd.Series(Y, index=table.index)))], tmp_path / "x.csv"
    result = RUN.invoke(app, ["solve", *paths, "--alpha", "0.1", "--output", str(out)])
    assert result.exit_code == 0, result.stderr
    answer = solve(BregmanProjection(read_system(*map(Path, paths)), 0.1))
    assert out.read_text(encoding="utf-8") == answer.to_series().to_csv(lineterminator="\n")
    again = RUN.invoke(app, ["solve", *paths, "--prior", str(out)])
    assert again.exit_code == 0, again.stderr


def test_an_infeasible_table_is_refused_by_its_rows(write):
    matrix = write("A.csv", ",a,b\nfirst,1,1\nsecond,1,1\nthird,1,0\n")
    result = RUN.invoke(app, ["solve", str(matrix), str(write("y.csv", "1\n2\n1\n")), "--alpha", "1"])
    assert result.exit_code == 2
    assert "rows 'first', 'second' contradict each other" in result.stderr


def test_analyze_reads_names_too(write):
    matrix, target = write("A.csv", frame().iloc[:1]), write("y.csv", "need\n2\n")
    result = RUN.invoke(app, ["analyze", str(matrix), str(target)])
    assert result.exit_code == 0, result.stderr


# ------------------------------------------------------------------ cells and lines


@pytest.mark.parametrize("index", [True, False])
def test_indicators_of_a_data_frame_are_numbers(write, index):
    answers = pd.DataFrame({"sex": ["m", "f", "m"], "age": ["old", "old", "young"]})
    indicators = pd.get_dummies(answers).T
    np.testing.assert_array_equal(read_array(write("A.csv", indicators.add_prefix("id"), index=index)), indicators)


def test_truth_values_above_numbers_are_a_header(write):
    with pytest.raises(InputFileError, match=r"line 1, False,True, looks like a header, .* as numbers write 0"):
        read_array(write("A.csv", pd.DataFrame([[1, 2]], columns=[False, True]), index=False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3\n", "line 2 has 1 cells, line 1 has 2"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 cells, line 1 has 2"),
        ("1,2\n3,four\n", "line 2, column 2 is 'four', no number"),
        ("1,2\n3,\n", "line 2, column 2 is empty"),
        (",a,b\nr,1,x\n", "line 2, column 3 is 'x', no number"),
        ("a,b\n1,2\nr,3\n", "line 3, column 1 is 'r', no number"),
        ("income,1,2\nage,3,4\n", "line 1, column 1 is 'income', no number; a header holds no number either, and"),
        ("1,2,\n", "line 1, column 3 is empty"),
        ("a,b\n", "line 1 is a header, and no numbers follow"),
        ("1;2\n3;4\n", "line 1, column 1 is '1;2', no number: separate the numbers by commas"),
        (";a;b\nr;1;2\n", "line 2, column 1 is 'r;1;2', no number: separate the numbers by commas"),
        ("a;b\n1;2\n", "line 2, column 1 is '1;2', no number: separate the numbers by commas"),
        ("1,5;2,5\n", "line 1, column 2 is '5;2', no number: separate the numbers by commas, and write decimals with"),
        ("1\t2\n", r"line 1, column 1 is '1\\t2', no number: separate the numbers by commas"),
        ("1 2\n3 4\n", "line 1, column 1 is '1 2', no number: separate the numbers by commas"),
        ("# nothing\n\n", "holds no numbers"),
        ("1,2\n3," + "4" * 200_000 + "\n", "not a readable .csv file: field larger than field limit"),
    ],
)
def test_what_is_no_table_is_refused_by_line_and_column(write, text, message):
    with pytest.raises(InputFileError, match=rf"A\.csv: {message}"):
        read_array(write("A.csv", text))


def test_a_cell_that_is_not_finite_is_named(write):
    with pytest.raises(InvalidSystemError, match=r"A\[1, 1\] \(row 's', column 'b'\) is nan"):
        read_system(write("A.csv", ",a,b\nr,1,2\ns,1,nan\n"), write("y.csv", "1\n2\n"))


def test_the_answer_does_not_depend_on_where_the_table_came_from(write):
    system = read_system(write("A.csv", frame()), write("y.csv", pd.Series(Y, index=frame().index)))
    direct = LinearSystem(frame(), Y)
    np.testing.assert_array_equal(solve(L1Minimization(system)).x, solve(L1Minimization(direct)).x)
    assert solve(L1Minimization(system)).names == direct.column_names
