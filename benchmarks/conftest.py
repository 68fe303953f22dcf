"""Collects the rows of the benchmarks and prints them as tables."""

import pytest

from beside import Memory, Row

TABLES = pytest.StashKey()


def pytest_configure(config):
    config.stash[TABLES] = {Row: [], Memory: []}


@pytest.fixture
def table(request):
    return request.config.stash[TABLES][Row]


@pytest.fixture
def memory(request):
    return request.config.stash[TABLES][Memory]


def pytest_terminal_summary(terminalreporter, config):
    for kind, rows in config.stash[TABLES].items():
        if not rows:
            continue
        lines = [kind.HEADER, *(row.cells() for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        terminalreporter.section(kind.TITLE)
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            terminalreporter.write_line("  ".join(cells).rstrip())
