"""Values that arguments must refuse, and what it means that they do."""

import contextlib
import tracemalloc

import numpy as np
import pytest
from scipy import integrate  # noqa: F401 (loaded before allocations are counted)

import pylinear as pl

with contextlib.suppress(ImportError):
    import xarray  # noqa: F401 (likewise)

DATA = pl.Dataset(np.arange(12.0).reshape(3, 4))
W21, W32 = np.full((2, 4), 0.1), np.full((3, 2), 0.1)
HUGE = [2**31 * 10**6, 2**63, 2**64, 10**400]
NOT_NUMBERS = ["3", None, [1, 2], 1j, object(), {}]
NOT_INTEGERS = [*NOT_NUMBERS, 1.0, float("nan"), np.array([1, 2]), True]
NOT_REALS = [*NOT_NUMBERS, float("nan"), float("inf"), -float("inf"), np.array([0.1, 0.2]), True, np.float32("nan")]


def cells(table):
    for call, name, values in table:
        for i, value in enumerate(values):
            yield pytest.param(call, name, value, id=f"{name.split('|')[0]}-{i}")


def assert_refused(call, name, value):
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, TypeError, MemoryError), match=rf"(^|\b)({name})\b") as caught:
            call(value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    assert peak < 10e6
