"""Calls that end badly, for worker processes to import."""

import os
import signal
from pathlib import Path

from pylinear import _tasks

compute = _tasks.compute


class FussyError(Exception):
    """Cannot be received: its arguments are not those of its making."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


def killed_once(source, arguments):
    """End the process upon the task of seed 1, but not twice."""
    flag = Path(os.environ["PYLINEAR_TEST_FLAG"])
    if arguments["rng"] == 1 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(source, arguments)


def killed(source, arguments):
    if arguments["rng"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return compute(source, arguments)


def failing(source, arguments):
    if arguments["rng"] == 1:
        raise ZeroDivisionError("no such luck")
    return compute(source, arguments)


def failing_once(source, arguments):
    flag = Path(os.environ["PYLINEAR_TEST_FLAG"])
    if arguments["rng"] == 1 and not flag.exists():
        flag.touch()
        raise ZeroDivisionError("no such luck")
    return compute(source, arguments)


def fussy():
    raise FussyError(1, 2)


def printing():
    print("a line on stdout")
    os.write(1, b"and another\n")
    return os.getpid()


def ending():
    os._exit(3)
