"""Tables of numbers, as they are written beside the pictures."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from pylinear._files import replacing


class Table(NamedTuple):
    """Columns, and rows of whole numbers, floats and text."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[object, ...]]


def write_table(table: Table, path: Path) -> None:
    """Write a table as CSV, floats to ten digits, NaN as nothing."""
    with replacing(path) as file:
        write_rows(table, codecs.getwriter("utf-8")(file))


def write_rows(table: Table, file: TextIO | codecs.StreamWriter) -> None:
    """Write the same to a file that is open."""
    writer = csv.writer(file)
    writer.writerow(table.columns)
    writer.writerows([_cell(value) for value in row] for row in table.rows)


def _cell(value: object) -> object:
    if not isinstance(value, float | np.floating):
        return value
    return "" if np.isnan(value) else f"{value:.10g}"
