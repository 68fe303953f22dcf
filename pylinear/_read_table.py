"""Datasets from text tables."""

from __future__ import annotations

from os import PathLike

import numpy as np

from pylinear import _check
from pylinear._dataset import Dataset


def read_table(path: str | PathLike[str], *, delimiter: str = ",") -> Dataset:
    """Return the dataset in a table of items x properties.

    Parameters
    ----------
    path : path
        A text file (UTF-8): the first row names the properties, the first column the items, all else is numbers, such
        as 0/1, -1/1 or measurements. Blank lines are passed over. An item may occur more than once.
    delimiter : str
        What separates the cells, one character.

    Returns
    -------
    Dataset
        With one-hot inputs; ``outputs`` (properties, items).

    Raises
    ------
    ValueError
        For a missing value, a row of another length than the header, a cell that is not a finite number, or a header
        that is empty, repeats a name or is made of numbers alone, as the first row of a table without a header is. The
        message gives the line.
    OSError
        If the file cannot be read.
    """
    path = _check.path("path", path)
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ValueError(f"delimiter must be one character that is no quote or line end; got {_check.show(delimiter)}")
    rows = [(line, row) for line, row in _cells(path, delimiter) if row not in ([], [""])]
    if len(rows) < 2:
        raise ValueError(f"{path} must have a header row and at least one item; got {len(rows)} rows")
    (line, header), *body = rows
    properties = header[1:]
    if not properties:
        raise ValueError(
            f"{path}, line {line}: the header must name at least one property after the items' column, with the "
            f"delimiter {delimiter!r} between them; got {_check.show(header[0])}"
        )
    _check_names(f"{path}, line {line}", properties)
    values = [_numbers(path, number, row, properties) for number, row in body]
    return Dataset(np.array(values).T, items=[row[0] for _, row in body], features=properties)


def _cells(path: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the rows of a table, each with the number of its line."""
    import csv

    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        try:
            cells = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
        except UnicodeDecodeError as error:
            byte = f"the byte {error.object[error.start]:#x}"
            raise ValueError(f"{path} must be a text table in UTF-8; got {byte}: save it as CSV in UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"{path}, after line {reader.line_num}: not a text table: {error}") from None
    for line, row in cells:
        if any("\0" in cell for cell in row):
            raise ValueError(f"{path}, line {line}: not a text table: there is a NUL in it")
    return cells


def _check_names(where: str, properties: list[str]) -> None:
    """Raise unless these are names of properties, all different."""
    seen: set[str] = set()
    for column, name in enumerate(properties, start=2):
        if not name:
            raise ValueError(f"{where}: column {column} has no name in the header")
        if name in seen:
            raise ValueError(f"{where}: the header names {name!r} twice")
        seen.add(name)
    # The first item would be lost without a word.
    if all(_number(name) is not None for name in properties):
        got = _check.show(", ".join(properties))
        raise ValueError(
            f"{where}: the header must name the properties; got numbers alone, {got}: put names above them"
        )


def _numbers(path: str, line: int, row: list[str], properties: list[str]) -> list[float]:
    """Return the numbers of one row of a table."""
    if len(row) != len(properties) + 1:
        raise ValueError(f"{path}, line {line}: {len(row)} cells where the header has {len(properties) + 1}")
    if not row[0]:
        raise ValueError(f"{path}, line {line}: the item has no name")
    out = []
    for name, cell in zip(properties, row[1:], strict=True):
        if not cell:
            raise ValueError(f"{path}, line {line}: the value of {name!r} for {row[0]!r} is missing")
        number = _number(cell)
        if number is None:
            raise ValueError(f"{path}, line {line}: {cell!r}, the {name!r} of {row[0]!r}, is not a number")
        if not np.isfinite(number):
            raise ValueError(f"{path}, line {line}: {cell!r}, the {name!r} of {row[0]!r}, is not finite")
        out.append(number)
    return out


def _number(cell: str) -> float | None:
    """Return the number in a cell, None where there is none."""
    try:
        return None if "_" in cell else float(cell)  # 1_000 is a number in Python's own files only
    except ValueError:
        return None
