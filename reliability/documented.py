"""What the documentation of an argument says that it takes, read from the docstrings."""

from __future__ import annotations

import functools
import inspect
import math
import re
from typing import Any, NamedTuple

import calls

_HEAD = re.compile(r"^(\w[\w, ]*?) ?: (.+)$")
_AS_ELSEWHERE = re.compile(r"[Aa]s (?:for|in) `(\w+)`")
_NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"
_SPAN = re.compile(rf"(?:between|from) {_NUMBER} (?:and|to) {_NUMBER}")


class Argument(NamedTuple):
    """The type and the description of one argument."""

    type: str
    text: str


@functools.cache
def argument(name: str, parameter: str) -> Argument:
    """Return what is written of a parameter; nothing where it is not."""
    thing = calls.callables_by_name()[name]
    cls, _, _ = name.rpartition(".")
    found = _entries(inspect.getdoc(thing) or "").get(parameter)
    if found is None:
        # A setter stands for the argument of the constructor, a method that says nothing for one that does.
        others = [cls] if cls and inspect.isclass(calls.callables_by_name().get(cls)) else []
        others += {"sweep": ["train", "Tree", "Tree.sample"]}.get(name, [])
        found = next((x for other in others if (x := argument(other, parameter)) != Argument("", "")), None)
    if found is None:
        return Argument("", "")
    elsewhere = _AS_ELSEWHERE.search(found.text) or _AS_ELSEWHERE.search(found.type)
    if elsewhere and (other := _named(elsewhere[1], name, parameter)):
        return argument(other, parameter)
    return found


def _named(word: str, name: str, parameter: str) -> str | None:
    found = calls.callables_by_name()
    for other, thing in found.items():
        if other.rpartition(".")[2] == word and other != name and parameter in calls.parameters(other, thing):
            return other
    return None


def _entries(doc: str) -> dict[str, Argument]:
    """Return the entries of the section on parameters."""
    _, _, section = doc.partition("Parameters\n----------\n")
    out: dict[str, Argument] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line.startswith("----"):
            break
        head = _HEAD.match(line)
        if head or (line and not line.startswith(" ")):
            names = [x.strip().lstrip("*") for x in (head[1] if head else line).split(",")]
            out |= dict.fromkeys(names, Argument(head[2] if head else "", ""))
        elif line.strip():
            out |= {x: Argument(out[x].type, f"{out[x].text} {line.strip()}") for x in names}
    return out


def bounds(text: str) -> tuple[float, float, bool]:
    """Return the least and the largest number that a description allows, and whether the least itself is out."""
    low, high, above = -math.inf, math.inf, False
    if found := _SPAN.search(text):
        low, high = float(found[1]), float(found[2])
    if found := re.search(rf"at least {_NUMBER}", text):
        low = float(found[1].rstrip("."))
    if found := re.search(rf"at most {_NUMBER}", text):
        high = float(found[1].rstrip("."))
    if found := re.search(rf"above {_NUMBER}", text):
        low, above = float(found[1].rstrip(".")), True
    return low, high, above


def rank(kind: str) -> int | None:
    """Return the number of axes that a type has, None if any will do."""
    found = re.search(r"\(([^)]*)\)(?: and \([^)]*\))? array_like", kind)
    if found is None or kind.startswith("(w21"):
        return None
    return len([x for x in found[1].split(",") if x.strip()])


def takes_none(parameter: Any) -> bool:
    """Return whether None is a value that a parameter has."""
    return parameter is not None and (parameter.default is None or "None" in str(parameter.annotation))


def tells_of_nan(name: str) -> bool:
    """Return whether the documentation says that there is NaN in some results."""
    return "NaN" in (inspect.getdoc(calls.callables_by_name()[name]) or "")
