"""Every argument of every public callable against everything that it must refuse, generated from the signatures.

A cell is refused in one sentence that names the argument, at once, in no memory and without a trace; or taken, and
gives the same as the ordinary value that it stands for. What is plain but may be out of bounds is held against what the
documentation of the argument says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pytest

import calls
import documented
from outcomes import Bits, Outcome, complaint, fastest, files, here, little_memory, outcome, snapshot, spoil, used
from processes import empty
from values import Value, values_for

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")

SLOWEST, MOST_MEMORY = 0.1, 10e6


class Cell(NamedTuple):
    """One argument of one call, and a value for it."""

    callable: str
    call: calls.Call
    name: str
    value: Value

    def __str__(self) -> str:
        return f"{self.callable}({self.name}={self.value.name})"

    def prepared(self, value: Any) -> tuple[Any, dict[str, Any]]:
        """Return a new owner, and new arguments with this value among them."""
        owner = self.call.owner()
        arguments = {x: calls.fresh(known, owner) for x, known in self.call.arguments.items() if x != self.name}
        # The order is that of the call, which sweeps look at.
        return owner, {x: value if x == self.name else arguments[x] for x in self.call.arguments}

    def again(self) -> Callable[[], Any]:
        """Return the call once more, with a value made anew."""
        owner, arguments = self.prepared(None)
        base = calls.fresh(self.call.arguments[self.name], owner)
        arguments[self.name] = next(x.value for x in values_for(base) if x.name == self.value.name)
        return lambda: used(calls.target(self.callable, owner)(**arguments), owner)


def cells() -> Iterator[Cell]:
    for name, known in calls.CALLS.items():
        for i, call in enumerate(known):
            for argument in call.arguments:
                if not call.again and any(_same(call, other, argument) for other in known[:i]):
                    continue
                base = calls.fresh(call.arguments[argument], call.owner())
                for value in values_for(base):
                    yield Cell(name, call, argument, value)


def _same(one: calls.Call, other: calls.Call, argument: str) -> bool:
    """Return whether two calls of one callable give an argument the same value."""
    return argument in other.arguments and one.arguments[argument] is other.arguments[argument]


def warm_up() -> None:
    """Make every valid call once: what is imported then costs time and memory once."""
    for name, known in calls.CALLS.items():
        for call in known:
            sweep_up()
            owner = call.owner()
            arguments = {x: calls.fresh(value, owner) for x, value in call.arguments.items()}
            Bits(used(calls.target(name, owner)(**arguments), owner))
    plt.close("all")


def may_take(cell: Cell) -> bool:
    """Return whether the documentation lets an argument take a plain value."""
    value, known = cell.value.value, documented.argument(cell.callable, cell.name)
    parameter = calls.parameters(cell.callable, calls.callables_by_name()[cell.callable])[cell.name]
    annotation = str(parameter.annotation) if parameter is not None else known.type
    base = cell.call.arguments[cell.name]
    if value is None:
        return documented.takes_none(parameter)
    if isinstance(value, bool):
        return "bool" in annotation or "bool" in known.type or str(value) in known.type
    if isinstance(value, str):
        # Of what is chosen among texts, none is.
        return isinstance(base, str) and not known.type.startswith("{")
    if callable(value):
        return "Callable" in annotation or "Progress" in annotation
    numeric = isinstance(base, int | float | np.ndarray | list | tuple) and not isinstance(base, bool)
    if isinstance(value, int | float):
        return numeric and _fits(value, known)
    if isinstance(value, np.ndarray):
        rank = documented.rank(known.type)
        return numeric and (rank is None or rank == value.ndim or "float or" in known.type)
    several = re.search("Iterable|Sequence|Collection|Mapping|Array", annotation)
    return isinstance(base, list | tuple | np.ndarray | dict) or "array_like" in known.type or several is not None


def _fits(value: float, known: documented.Argument) -> bool:
    low, high, above = documented.bounds(known.text)
    whole = "int" in known.type and "float" not in known.type and "array" not in known.type
    rank = documented.rank(known.type)
    return (
        low <= value <= high
        and not (above and value == low)
        and not (whole and not isinstance(value, int))
        and (np.isfinite(value) or "inf" in known.text)
        and (rank is None or rank == 0 or "float or" in known.type)
    )


class Matrix:
    """The cells, looked at one by one."""

    def __init__(self) -> None:
        self.refused = self.taken = self.begun = 0
        self.slowest, self.most = (0.0, ""), (0, "")
        self.findings: list[str] = []
        self._untouched: dict[tuple[int, str], str] = {}

    @property
    def count(self) -> int:
        return self.refused + self.taken + self.begun

    def look_at(self, cell: Cell) -> None:
        """Make the call of one cell, and judge what came of it."""
        sweep_up()
        owner, arguments = cell.prepared(cell.value.value)
        function = calls.target(cell.callable, owner)
        before, there = snapshot([*arguments.values()]), files()
        became = outcome(lambda: used(function(**arguments), owner))
        if snapshot([*arguments.values()]) != before:
            self.findings.append(f"{cell}: the arguments were changed")
        if became.interrupted:
            self._interrupted(cell)
        elif became.error is not None:
            self._refused(cell, became)
            # What takes too much memory where it is computed is known when a sweep has begun.
            begun = isinstance(became.error.__cause__, MemoryError)
            if (files() != there and not begun) or plt.get_fignums():
                self.findings.append(f"{cell}: something was left behind")
            plt.close("all")
            self._half_done(cell, owner, arguments)
        else:
            self._taken(cell, became, arguments)
            plt.close("all")

    def _interrupted(self, cell: Cell) -> None:
        self.begun += 1
        much = cell.name in calls.WORK or cell.value.name == "list of 10**5"
        if not much or cell.value.kind != "judged":
            self.findings.append(f"{cell}: hangs")

    def _refused(self, cell: Cell, became: Outcome) -> None:
        self.refused += 1
        if cell.value.kind == "taken":
            self.findings.append(f"{cell}: refused, {became.error!r}")
        given = cell.call.arguments[cell.name]
        names = [cell.name, *given] if isinstance(given, dict) else [cell.name]
        said = complaint(became.error, names)
        if said and not self._about_another(cell, said, became.error):
            self.findings.append(f"{cell}: {said}")
        seconds = became.seconds if became.seconds < SLOWEST else fastest(cell.again)
        self.slowest = max(self.slowest, (seconds, str(cell)))
        self.most = max(self.most, (became.memory, str(cell)))
        if seconds > SLOWEST:
            self.findings.append(f"{cell}: refused after {seconds:.3f} s")
        if became.memory > MOST_MEMORY:
            self.findings.append(f"{cell}: refused after {became.memory / 1e6:.1f} MB")

    def _about_another(self, cell: Cell, said: str, error: BaseException) -> bool:
        """Return whether a plain value, or one of another shape, was found not to fit another argument."""
        others = "|".join(map(re.escape, [*cell.call.arguments, "arguments"]))
        plain = cell.value.kind in ("judged", "equal", "alike")
        return plain and "does not name it" in said and bool(re.search(rf"(?<!\w)({others})(?!\w)", str(error)))

    def _half_done(self, cell: Cell, owner: Any, arguments: dict[str, Any]) -> None:
        """Look whether a call that was refused has changed its owner, or what it was to draw on."""
        left = _changeable(cell, owner, arguments)
        if not left:
            return
        call = id(cell.call), cell.name
        if call not in self._untouched:
            sweep_up()
            self._untouched[call] = Bits(_changeable(cell, *cell.prepared(None))).digest
        if Bits(left).digest != self._untouched[call]:
            self.findings.append(f"{cell}: half done")

    def _taken(self, cell: Cell, became: Outcome, arguments: dict[str, Any]) -> None:
        self.taken += 1
        if cell.value.kind == "refused" or (cell.value.kind == "judged" and not may_take(cell)):
            self.findings.append(f"{cell}: taken as it is")
            return
        spoil([*arguments.values()])
        bits = Bits(became.result)
        if not bits.finite and not documented.tells_of_nan(cell.callable):
            self.findings.append(f"{cell}: gives what is not finite")
        if cell.value.plain is None:
            return
        sweep_up()
        owner, ordinary = cell.prepared(calls.fresh(cell.value.plain, None))
        try:
            result = used(calls.target(cell.callable, owner)(**ordinary), owner)
        except Exception as error:
            self.findings.append(f"{cell}: taken, but {cell.value.plain!r} is not: {error}")
            return
        spoil([*ordinary.values()])
        if Bits(result).digest != bits.digest:
            self.findings.append(f"{cell}: gives something else than {cell.value.plain!r}")


def _changeable(cell: Cell, owner: Any, arguments: dict[str, Any]) -> list[Any]:
    """Return what a call could have changed: its owner, and what it draws on."""
    drawn = [x for name, x in arguments.items() if name in ("ax", "figure", "sim") and name != cell.name]
    if isinstance(owner, calls.pl.ZarrRecorder):  # whose files are looked at, and which is slow to read
        owner = repr(owner)
    return drawn if isinstance(owner, type | type(calls.pl)) else [*drawn, owner]


def sweep_up() -> None:
    empty(here())


@pytest.mark.timeout(600)
@pytest.mark.property("bad input", ">= 150 cells: refused in < 100 ms and < 10 MB, or taken as the ordinary value")
def test_bad_input(figure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    assert not calls.missing()
    matrix = Matrix()
    with little_memory():
        warm_up()
        for cell in cells():
            matrix.look_at(cell)
    figure(
        f"{matrix.count:,} cells: {matrix.refused:,} refused, {matrix.taken:,} taken as they are, "
        f"{matrix.begun} of long work begun; "
        f"slowest {matrix.slowest[0] * 1e3:.0f} ms, most memory {matrix.most[0] / 1e6:.1f} MB"
    )
    assert not matrix.findings, "\n".join(matrix.findings)
