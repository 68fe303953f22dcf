"""What this installation can do."""

from __future__ import annotations

from pylinear import _check, _engine


def info() -> dict[str, object]:
    """Return what this installation is made of and what it can do.

    Returns
    -------
    dict
        "version"; "engines" of the sampler, fastest first; "instruction_set" that the compiled core uses here, and its
        "build": compiler, kind of build, processor; both None without the core. "threads": how many are used unless
        asked otherwise; "libraries": the versions of numpy, scipy and numba.

    Examples
    --------
    >>> sorted(info())
    ['build', 'engines', 'instruction_set', 'libraries', 'threads', 'version']
    """
    from importlib.metadata import version

    engines = _engine.engines()
    core = _engine.core() if "native" in engines else None
    return {
        "version": version("pylinear-dynamics"),
        "engines": engines,
        "instruction_set": core.instruction_set() if core else None,
        "build": core.build if core else None,
        "threads": _check.threads(None),
        "libraries": tuple(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba")),
    }
