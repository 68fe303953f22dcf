import gc
import io
import sys
import threading
import time

import pytest

import pylinear as pl
from pylinear._progress import check_progress, reporter


def train(**options):
    return pl.train(pl.toy(), hidden=4, rate=0.01, epochs=200, rng=0, **options)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.core
def test_it_grows_to_one():
    seen = []
    train(progress=seen.append, runs=20)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert all(0 <= part <= 1 for part in seen)


@pytest.mark.core
def test_one_run_is_told_all_the_way():
    seen = []
    pl.train(pl.toy(), hidden=64, rate=1e-4, epochs=10**6, reduce=False, rng=0, record=2, progress=seen.append)
    assert max(seen[:-1]) > 0.6


@pytest.mark.core
def test_it_is_shown(capsys):
    train(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "100%" in err


@pytest.mark.core
def test_it_is_shown_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    train(progress=True)
    assert capsys.readouterr().err.splitlines()[-1] == "100 %"


def test_a_line_that_counts(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with reporter(True) as report:
        for part in (0.0, 0.124, 0.1241, 0.5):
            report(part)
    assert sys.stderr.getvalue() == "\r0 %\r12 %\r50 %\n"


def test_a_line_elsewhere_now_and_then(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with reporter(True) as report:
        for part in (0.0, 0.1, 0.2, 1.0):
            report(part)
    assert capsys.readouterr().err == "0 %\n100 %\n"


@pytest.mark.parametrize("there", [True, False])
def test_an_error_comes_through_as_it_is(monkeypatch, there):
    if not there:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())

    def fail():
        with reporter(True) as report:
            report(0.3)
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough") as caught:
        fail()
    assert caught.value.__context__ is None
    assert sys.stderr.getvalue().endswith("\n")


@pytest.mark.parametrize("wrong", [3, "yes"])
def test_what_it_may_be(wrong):
    with pytest.raises(TypeError, match="progress must be True, False, None or callable"):
        check_progress(wrong)
    for nothing in (None, False):
        with reporter(nothing) as report:
            report(0.5)


class Full(io.StringIO):
    """Takes `left` lines and no more, as a disk that gets full."""

    def __init__(self, left=0):
        super().__init__()
        self.left = left

    def write(self, text):
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.mark.core
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("make", [Full, lambda: None])
def test_what_cannot_be_shown_does_not_end_the_work(monkeypatch, there, make):
    if not there:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", make())
    assert train(progress=True).status == ("ok",)


@pytest.mark.parametrize("left", range(5))
def test_a_bar_that_cannot_be_printed_any_more_is_silent_ever_after(monkeypatch, left):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: told.append(one.exc_value))
    monkeypatch.setattr(sys, "stderr", Full(left))
    with reporter(True) as report:
        for part in (0.25, 0.5, 0.75, 1.0):
            time.sleep(0.11)  # tqdm prints at most every tenth of a second
            report(part)
    gc.collect()
    assert told == []


def test_a_bar_that_cannot_be_printed_holds_up_no_other(monkeypatch):
    tqdm = pytest.importorskip("tqdm")
    before = set(threading.enumerate())
    monkeypatch.setattr(sys, "stderr", Full())
    with reporter(True) as report:
        report(0.5)
    assert set(threading.enumerate()) == before
    free = []

    def take():
        with tqdm.tqdm.get_lock():
            free.append(True)

    other = threading.Thread(target=take, daemon=True)
    other.start()
    other.join(timeout=10)
    assert free == [True]
