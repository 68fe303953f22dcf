"""What this installation can do."""

from __future__ import annotations

from importlib.metadata import version

from pylinear import _check, _engine


def info() -> dict[str, object]:
    """Return the version, the engines, the instruction set of the compiled core, and the default number of threads.

    Examples
    --------
    >>> sorted(info())
    ['engines', 'instruction_set', 'threads', 'version']
    """
    engines = _engine.engines()
    return {
        "version": version("pylinear-dynamics"),
        "engines": engines,
        "instruction_set": _engine.core().instruction_set() if "native" in engines else None,
        "threads": _check.threads(None),
    }
