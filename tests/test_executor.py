from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from pylinear import _executor
from pylinear._executor import ExecutorGoneError


class Remembering:
    """Has an argument as dask has, and notes it."""

    def __init__(self):
        self.pure = None

    def submit(self, function, /, *arguments, pure=True):
        self.pure = pure
        return function(*arguments)


class Plain:
    """Would pass the argument on to the call."""

    def submit(self, function, /, *arguments):
        return function(*arguments)


def test_only_what_has_a_method_submit_is_an_executor():
    for right in (None, Plain(), Remembering()):
        _executor.check(right)
    with pytest.raises(TypeError, match=r"executor must have a method submit, as executors have; got 3"):
        _executor.check(3)


def test_one_that_answers_its_event_loop_alone_is_refused():
    asynchronous = Plain()
    asynchronous.asynchronous = True
    with pytest.raises(TypeError, match=r"executor must not be asynchronous, as it is here; got <.*Plain"):
        _executor.check(asynchronous)
    asynchronous.asynchronous = False  # as dask's clients are mostly
    _executor.check(asynchronous)


def test_what_remembers_calls_is_told_to_compute_each():
    remembering = Remembering()
    assert _executor.submission(remembering)(max, 1, 2) == 2
    assert remembering.pure is False
    assert _executor.submission(Plain())(max, 1, 2) == 2


def test_one_that_is_not_written_in_python_is_taken_as_it_is():
    class Foreign:
        submit = staticmethod(partial(map, str))  # without a signature, as builtins may be

    assert list(_executor.submission(Foreign())([1, 2])) == ["1", "2"]


def test_whatever_an_executor_raises_it_is_gone():
    with ThreadPoolExecutor(1) as pool:
        assert _executor.submission(pool)(max, 1, 2).result() == 2
    with pytest.raises(ExecutorGoneError) as caught:
        _executor.submission(pool)(max, 1, 2)
    assert str(caught.value) == (
        "the executor computes no more (RuntimeError: cannot schedule new futures after shutdown)"
    )
    assert isinstance(caught.value.__cause__, RuntimeError)

    def silent():
        raise OSError

    with pytest.raises(ExecutorGoneError, match=r"the executor computes no more \(OSError\)$"):
        _executor.asked(silent)
