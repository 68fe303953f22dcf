"""Executors that are not what they should be, and what tasks raise."""

import asyncio
from concurrent.futures import Future

import numpy as np
import pytest

import pylinear as pl
from pylinear import _files, _tasks
from pylinear._tasks import Result
from sweeps import Serial

xarray = pytest.importorskip("xarray")

pytestmark = pytest.mark.core

SAME = {"data": pl.toy(), "hidden": 3, "rate": 0.01, "epochs": 3, "record": 2, "runs": 2}


def sweep(folder, **more):
    return pl.sweep({"rng": range(3)}, **{**SAME, "executor": Serial(), **more}, folder=folder)


class Answering(Serial):
    """Changes what comes back."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def submit(self, function, /, *arguments):
        return super().submit(lambda: self.change(function(*arguments)))


def without(name):
    return lambda x: Result({key: array for key, array in x.arrays.items() if key != name}, x.status)


def replaced(name, make):
    return lambda x: Result({**x.arrays, name: make(x.arrays[name])}, x.status)


WRONG = {
    "names": lambda x: Result({"mode_strength": np.zeros((1, 3, 4))}, ["ok"]),
    "one less": without("epoch"),
    "one more": lambda x: Result({**x.arrays, "map": np.zeros((2, 2, 4, 4))}, x.status),
    "rank": replaced("loss", lambda x: x[0]),
    "length": replaced("loss", lambda x: x[:, :1]),
    "kind": replaced("loss", lambda x: x.astype("U8")),
    "list": replaced("loss", list),
    "runs": lambda x: Result(x.arrays, x.status[:1]),
    "status": lambda x: Result(x.arrays, [1, 2]),
    "tuple": tuple,
    "none": lambda x: None,
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_is_no_result_is_never_written(change, tmp_path):
    said = r"the executor returned what is not the result of the task rng=0: .*: 0 of 3 tasks are done, in "
    with pytest.raises(RuntimeError, match=said):
        sweep(tmp_path, executor=Answering(change))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["names", "one less", "length", "runs", "status"])
def test_a_file_with_other_contents_is_damaged(name, tmp_path):
    good = sweep(tmp_path)
    [task] = _tasks.tasks({}, {**SAME, "rng": 1}, 1)
    wrong = WRONG[name](_tasks.read(task, tmp_path))
    header = {"configuration": task.configuration, "status": wrong.status}
    _files.write(task.path(tmp_path), _tasks.KIND, header, wrong.arrays)
    with pytest.warns(pl.FileWarning, match=r"npz is damaged: .*; its task, rng=1, is computed again"):
        assert sweep(tmp_path).identical(good)


async def later():
    return None


@pytest.mark.parametrize("make", [lambda: None, lambda: "done", later, lambda: asyncio.sleep(0)])
def test_what_is_no_future_is_said_to_be_none(make, tmp_path):
    class Odd:
        def submit(self, function, /, *arguments):
            return make()

    said = r"the executor's submit must return a future, with result and add_done_callback; got .*: 0 of 3 tasks are"
    with pytest.raises(RuntimeError, match=said):
        sweep(tmp_path, executor=Odd())
    said = "the executor's submit must return a future, with result and cancel; got "
    with pytest.raises(RuntimeError, match=said):
        pl.Tree((2, 2), 0.1).gram(10, rng=0, executor=Odd())


def test_a_result_that_is_yet_to_be_awaited_is_none(tmp_path):
    with pytest.raises(RuntimeError, match="the executor returned what is not the result of the task rng=0: got <co"):
        sweep(tmp_path, executor=Answering(lambda x: later()))


def test_a_future_may_call_back_twice(tmp_path):
    class Twice(Future):
        def add_done_callback(self, call):
            super().add_done_callback(call)
            super().add_done_callback(call)

    class Doubled:
        def submit(self, function, /, *arguments):
            future = Twice()
            future.set_result(function(*arguments))
            return future

    assert sweep(tmp_path / "a", executor=Doubled()).identical(sweep(tmp_path / "b"))


@pytest.mark.parametrize("wrong", [3, np.int64(1), np.zeros((4, 4)), np.zeros(4, int), [[0] * 4] * 4, None])
def test_products_that_are_none_are_not_added(wrong):
    with pytest.raises(RuntimeError, match="the executor returned what is not the 4 x 4 products of the items: got "):
        pl.Tree((2, 2), 0.1).gram(10, rng=0, executor=Answering(lambda x: wrong))


@pytest.mark.parametrize("error", [OSError(5, "no such luck"), TimeoutError("no such luck"), MemoryError()])
def test_what_a_task_raises_is_not_the_end_of_the_executor(error, tmp_path):
    class Failing(Serial):
        def submit(self, function, /, source, arguments):
            def call():
                if arguments["rng"] == 0:
                    raise error
                return function(source, arguments)

            return super().submit(call)

    said = rf"^1 task failed, rng=0: (.*no such luck|MemoryError); 2 of 3 tasks are done, in {tmp_path}; the same again"
    with pytest.raises(RuntimeError, match=said) as caught:
        sweep(tmp_path, executor=Failing())
    assert caught.value.__cause__ is error
