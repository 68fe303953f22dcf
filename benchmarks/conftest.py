"""Collects the rows of the benchmarks and prints them as one table."""

import pytest
from beside import HEADER

ROWS = pytest.StashKey()


def pytest_configure(config):
    config.stash[ROWS] = []


@pytest.fixture
def table(request):
    return request.config.stash[ROWS]


def pytest_terminal_summary(terminalreporter, config):
    rows = [row.cells() for row in config.stash[ROWS]]
    if not rows:
        return
    widths = [max(len(line[column]) for line in [HEADER, *rows]) for column in range(len(HEADER))]
    terminalreporter.section("benchmarks")
    for line in [HEADER, *rows]:
        terminalreporter.write_line(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
