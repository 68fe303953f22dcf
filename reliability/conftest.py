"""Makes a table of the session: each test measures the figure of one property and holds it against what is required.

The mark `property` names the property and what is required of it; `figure(text)` says what was measured. A test that is
marked `slow` needs a build or an environment of its own, or minutes.
"""

import shutil
import signal
from pathlib import Path

import pytest

COLUMNS = ("property", "figure", "required", "holds")
VERDICT = {"passed": "yes", "failed": "NO", "skipped": "not run"}


def pytest_configure(config):
    # A session that is started in the background is deaf to Ctrl-C, and so would all be that it starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "property(name, required): the row of the table that this test measures")
    config.addinivalue_line("markers", "slow: not part of every run of the checks")


def pytest_collection_modifyitems(items):
    for item in items:
        mark = item.get_closest_marker("property")
        if mark is None:
            raise pytest.UsageError(f"{item.nodeid} needs the mark `property`, which names its row")
        name, required = mark.args
        item.user_properties += [("property", name), ("required", required)]


@pytest.fixture
def figure(request):
    """Return the function that takes the figure of this row, as text; the last one counts."""

    def say(text: str) -> None:
        request.node.user_properties.append(("figure", text))

    return say


def table(reports):
    """Return the rows of the table, one per report, in the order in which they were measured."""
    rows = []
    for report in reports:
        said = dict(report.user_properties)
        if "property" in said:
            reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else "no figure"
            figure = said.get("figure", reason.removeprefix("Skipped: "))
            rows.append((said["property"], figure, said["required"], VERDICT[report.outcome]))
    return rows


def as_markdown(rows):
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    reports = [x for kind in ("passed", "failed", "error", "skipped") for x in stats.get(kind, ())]
    rows = table(sorted(reports, key=lambda x: x.start))
    if not rows:
        return
    page = Path("build/reliability.md")
    page.parent.mkdir(exist_ok=True)
    deselected = len(stats.get("deselected", ()))
    left_out = f"Rows deselected: {deselected}." if deselected else ""
    page.write_text(as_markdown(rows) + (f"\n{left_out}\n" if left_out else ""))
    width = max(40, shutil.get_terminal_size((120, 24)).columns - 25)
    for name, figure, required, holds in rows:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"{name:<{width}} holds: {holds}", bold=True, red=holds == "NO")
        terminalreporter.write_line(f"  figure    {figure}")
        terminalreporter.write_line(f"  required  {required}")
    terminalreporter.write_line("")
    terminalreporter.write_line(f"The table is in {page}. {left_out}".rstrip())
