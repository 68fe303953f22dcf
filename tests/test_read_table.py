import numpy as np
import pytest

import pylinear as pl


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_table(tmp_path):
    path = write(tmp_path, "\ufeffitem,can fly, size\r\nRobin,1,0.5\r\n\r\nRobin,0,-1e2\r\n")
    data = pl.read_table(path)
    assert data.items == ("Robin", "Robin (2)")
    assert data.features == ("can fly", "size")
    np.testing.assert_array_equal(data.outputs, [[1, 0], [0.5, -100]])
    np.testing.assert_array_equal(pl.read_table(str(path)).outputs, data.outputs)


def test_numbers_among_the_names_are_names(tmp_path):
    assert pl.read_table(write(tmp_path, "item,2001,size\nRobin,1,2\n")).features == ("2001", "size")


def test_another_delimiter_and_quotes(tmp_path):
    data = pl.read_table(write(tmp_path, 'item;"can; fly"\n"Ro;bin";1\n'), delimiter=";")
    assert data.items == ("Ro;bin",)
    assert data.features == ("can; fly",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one item; got 0 rows"),
        ("item,a\n", "at least one item; got 1 rows"),
        ("item\nRobin\n", "line 1: the header must name at least one property"),
        ("item;a\nRobin;1\n", r"line 1: .* with the delimiter ',' between them; got 'item;a'"),
        ("Robin,1,0\nSalmon,0,1\n", "line 1: the header must name the properties; got numbers alone, '1, 0'"),
        ("item,a\nRo\0bin,1\n", "line 2: not a text table: there is a NUL in it"),
        ("item,a,\nRobin,1,2\n", "line 1: column 3 has no name"),
        ("item,a,b,a\nRobin,1,2,3\n", "line 1: the header names 'a' twice"),
        ("item,a,b\nRobin,1\n", "line 2: 2 cells where the header has 3"),
        ("item,a,b\n\nRobin,1,2,3\n", "line 3: 4 cells where the header has 3"),
        ("item,a,b\nRobin,1,\n", "line 2: the value of 'b' for 'Robin' is missing"),
        ("item,a\nRobin,yes\n", "line 2: 'yes', the 'a' of 'Robin', is not a number"),
        ("item,a\nRobin,nan\n", "line 2: 'nan', the 'a' of 'Robin', is not finite"),
        ("item,a\nRobin,1e999\n", "line 2: '1e999', the 'a' of 'Robin', is not finite"),
        ("item,a\n ,1\n", "line 2: the item has no name"),
        ("item,a\n,\n", "line 2: the item has no name"),
        ("item,a\nRobin,1_000\n", "line 2: '1_000', the 'a' of 'Robin', is not a number"),
    ],
)
def test_errors_of_a_table_name_the_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        pl.read_table(write(tmp_path, text))


def test_a_table_that_is_not_text(tmp_path):
    for encoding, byte in (("latin-1", "0xf6"), ("utf-16", "0xff")):
        with pytest.raises(ValueError, match=f"table.csv must be a text table in UTF-8; got the byte {byte}: save it"):
            pl.read_table(write(tmp_path, "item,a\nRöbin,1\n", encoding=encoding))
    with pytest.raises(FileNotFoundError):
        pl.read_table(tmp_path / "absent.csv")
