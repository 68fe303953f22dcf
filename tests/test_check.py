import itertools
import tracemalloc

import numpy as np
import pytest

from pylinear import _check


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no words for it")


class Unreadable:
    def __array__(self, *_, **__):
        raise RuntimeError("no array after all")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (-0.5, "-0.5"),
        (None, "None"),
        ("a\nb", r"'a\nb'"),
        (True, "True (bool)"),
        ([1, 2], "[1, 2] (list)"),
        (np.float32(0.5), "np.float32(0.5) (float32)"),
        (np.ones((2, 3)), "an array of shape (2, 3) and dtype float64"),
        ("x" * 100, "'" + "x" * 56 + "..."),
        (10**400, "1" + "0" * 56 + "..."),
        (10**5000, "a number of some 4983 digits"),
        (Unspeakable(), "what cannot be shown (Unspeakable)"),
    ],
    ids=itertools.count(),
)
def test_what_is_shown_of_a_value(value, text):
    assert _check.show(value) == text


def test_of_large_values_the_beginning_is_shown_and_no_more_is_made():
    circular = []
    circular.append(circular)
    for value in ("x" * 10**7, b"x" * 10**7, [0.5] * 10**6, dict.fromkeys(range(10**5)), circular):
        tracemalloc.start()
        text = _check.show(value)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(text) < 80
        assert peak < 1e6


def test_durations_and_switches_are_no_numbers():
    for value in (np.timedelta64(3, "D"), True, np.True_):
        with pytest.raises(TypeError, match="n must be a whole number"):
            _check.integer("n", value)
        with pytest.raises(TypeError, match="x must be a finite number"):
            _check.real("x", value, 0.0)
    with pytest.raises(TypeError, match="x must hold real numbers; got True"):
        _check.array("x", True, ())
    np.testing.assert_array_equal(_check.array("x", [True, False], (None,)), [1.0, 0.0])


def test_masked_rows_are_seen_in_a_list():
    with pytest.raises(TypeError, match="x must not be a masked array"):
        _check.array("x", [np.ones(2), np.ma.array([1.0, 2.0], mask=[True, False])], (None, None))


def test_what_claims_to_be_an_array_and_is_none_is_refused():
    with pytest.raises(ValueError, match="x must be an array of shape n; got <"):
        _check.array("x", Unreadable(), (None,))
    assert _check.rank(Unreadable()) == _check.rows(Unreadable()) == -1


def test_a_long_text_is_not_made_an_array():
    text = "x" * 10**6
    tracemalloc.start()
    with pytest.raises(TypeError, match="x must hold real numbers; got 'xxx"):
        _check.array("x", text, (None,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e5


def test_sequences_are_taken_up_to_their_end_and_not_beyond():
    assert _check.sequence("x", (i for i in range(3)), 3, "numbers") == [0, 1, 2]
    assert _check.sequence("x", itertools.repeat(2), 3, "numbers") == [2] * 4
    with pytest.raises(ValueError, match="x must be 3 names, one each; got 4 or more"):
        _check.names("x", itertools.repeat("a"), 3)
    with pytest.raises(ValueError, match=r"flip must be one number or 3, one per node; got 10$"):
        _check.flips("flip", [0.1] * 10, 3, "node")


@pytest.mark.parametrize(
    "value", [b"abc", "abc", {1: 2}, {1, 2}, 3, np.ones((2, 2)), np.array([1, 2], object), np.ma.array([1, 2])]
)
def test_what_has_no_order_or_no_entries_is_no_sequence(value):
    with pytest.raises(TypeError, match="x must be a sequence of numbers; got"):
        _check.sequence("x", value, 3, "numbers")


def test_texts_are_of_pythons_own_class():
    assert type(_check.choice("x", np.str_("a"), ("a", "b"))) is str
    assert {type(x) for x in _check.names("x", np.array(["a", "b"]), 2)} == {str}


def test_a_path_is_of_a_length_that_can_be_read():
    with pytest.raises(ValueError, match="path must be a path, of at most 4096 characters; got 'xxx"):
        _check.path("path", "x" * 5000)
