"""What computes calls elsewhere: pools of processes or threads, clusters, MPI ranks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from pylinear import _check


class Executor(Protocol):
    """What computes calls elsewhere."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Return a future, with ``result``, ``cancel`` and, for sweeps, ``add_done_callback``."""


class ExecutorGoneError(RuntimeError):
    """Raised when an executor computes no more, from what it raised itself."""

    def __init__(self, why: BaseException) -> None:
        text = " ".join(str(why).split())[:100]
        super().__init__(f"the executor computes no more ({type(why).__name__}{text and ': '}{text})")


def check(executor: object) -> None:
    """Raise unless `executor` is one, or None."""
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor must have a method submit, as executors have; got {_check.show(executor)}")


def submission(executor: Any) -> Callable[..., Any]:
    """Return the method `submit`, such that every call is computed."""
    try:
        asks = "pure" in inspect.signature(executor.submit).parameters
    except (TypeError, ValueError):  # not written in Python
        asks = False
    # dask would name calls by their arguments, and answer one that has failed with what it remembers.
    submit = partial(executor.submit, pure=False) if asks else executor.submit
    return partial(asked, submit)


def asked(call: Callable[..., Any], /, *arguments: Any) -> Any:
    """Return what a call of the executor's own does; whatever that raises, the executor is gone."""
    try:
        return call(*arguments)
    except Exception as error:
        raise ExecutorGoneError(error) from error
