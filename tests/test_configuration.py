import hashlib

import numpy as np
import pytest

import pylinear as pl
from pylinear import _configuration
from pylinear._initial import Given


def test_a_name_does_not_depend_on_the_order_of_its_parts_and_never_changes():
    about = {"rate": 1e-4, "hidden": 16, "tree": {"branching": [2, 2], "flip": [0.1, 0.1]}, "reduce": False}
    text = '{"hidden":16,"rate":0.0001,"reduce":false,"tree":{"branching":[2,2],"flip":[0.1,0.1]}}'
    assert _configuration.digest(about) == hashlib.sha256(text.encode()).hexdigest()[:32]
    assert _configuration.digest(dict(reversed(about.items()))) == _configuration.digest(about)
    assert _configuration.digest({**about, "rate": np.nextafter(1e-4, 1).item()}) != _configuration.digest(about)


def test_an_array_is_told_by_its_shape_type_and_bytes():
    values = np.arange(6.0).reshape(2, 3)
    about = _configuration.of_array(values)
    sha256 = hashlib.sha256(values.astype("<f8").tobytes()).hexdigest()
    assert about == {"shape": [2, 3], "dtype": "<f8", "sha256": sha256}
    assert _configuration.of_array(values.astype(">f8")) == about
    assert _configuration.of_array(np.asfortranarray(values)) == about
    for other in (values.T, values.ravel(), values.astype(np.float32), values + 1e-15):
        assert _configuration.of_array(other) != about


def test_datasets_are_told_by_outputs_and_inputs():
    outputs = np.arange(6.0).reshape(2, 3)
    datasets = [
        pl.Dataset(outputs),
        pl.Dataset(outputs + 1),
        pl.Dataset(outputs, np.eye(3) + 1),
        pl.Dataset(outputs, np.eye(3) + 2),
        pl.Dataset.from_gram(np.eye(3), 3),
        pl.Dataset.from_gram(np.eye(3), 4),
        pl.Dataset.from_gram(2 * np.eye(3), 4),
    ]
    names = {_configuration.digest(_configuration.of_data(x)) for x in datasets}
    assert len(names) == len(datasets)


@pytest.mark.parametrize(
    ("init", "about"),
    [
        (pl.Gaussian(1e-3), {"gaussian": 1e-3}),
        (pl.Decoupled(0.1, [0.2, 0.3]), {"decoupled": {"c": 0.1, "d": [0.2, 0.3]}}),
        (pl.Balanced(0.25), {"decoupled": {"c": 0.5, "d": 0.5}}),
    ],
)
def test_initial_weights_are_told_by_their_strengths(init, about):
    assert _configuration.of_initial(init) == about


def test_given_weights_are_told_by_both_layers():
    w21, w32 = np.ones((2, 3)), np.ones((4, 2))
    pairs = [(w21, w32), (2 * w21, w32), (w21, 2 * w32)]
    assert len({_configuration.digest(_configuration.of_initial(Given(*x))) for x in pairs}) == 3
