"""Arrays of other libraries, which come through DLPack, wherever arrays are taken."""

import numpy as np
import pytest

import pylinear as pl
from pylinear import theory


class Foreign:
    """An array that speaks DLPack and nothing else."""

    def __init__(self, array, device=(1, 0), refusal=None):
        self.array, self.device, self.refusal = np.asarray(array), device, refusal

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        if self.refusal:
            raise self.refusal
        return self.array.__dlpack__(**options)


class Negative(Foreign):
    def is_neg(self):
        return True


RNG = np.random.default_rng(0)
OUTPUTS, W21, W32 = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=(5, 3))
DATA = pl.Dataset(OUTPUTS)
TIMES, STRENGTHS = np.arange(3.0), np.full(3, 2.0)


def simulated(given):
    sim = pl.Simulation(DATA, given(W21), given(W32), rate=0.01, order=given(np.array([0, 2, 1, 3])), rng=0)
    sim.advance(epochs=3)
    return sim.w21, sim.w32


def trained(given):
    both = given(np.stack([W21] * 2)), given(np.stack([W32] * 2))
    run = pl.train(
        DATA, hidden=3, rate=0.01, epochs=3, init=both, runs=2, record=given(TIMES), order=given(np.arange(4))
    )
    return run.mode_strengths, run.loss


CORE_CALLS = [simulated, trained]
CALLS = [
    lambda given: (pl.Dataset(given(OUTPUTS), given(np.eye(6, 4) + 0.1)).modes.s,),
    lambda given: (pl.Dataset([given(row) for row in OUTPUTS]).outputs,),
    lambda given: (pl.Dataset.from_gram(given(DATA.gram), 9).gram,),
    lambda given: (pl.Tree(given(np.array([2, 2])), given(np.array([0.1, 0.2]))).covariance,),
    lambda given: pl.Balanced(given(np.full(4, 0.1))).draw(DATA, 5, 0),
    lambda given: pl.Decoupled(given(np.array(0.1)), given(np.full(4, 0.1))).draw(DATA, 5, 0),
    lambda given: (theory.mode_strength(given(TIMES), given(STRENGTHS), given(np.array(0.1)), given(STRENGTHS)),),
    lambda given: theory.flow(given(TIMES), given(W21), given(W32), DATA),
    lambda given: (theory.tree_covariance(given(np.array([-1, 0, 0])), given(np.array([0.0, 0.1, 0.2]))),),
    lambda given: (theory.initial_strength(given(W21), given(W32), given(DATA.modes.u), given(DATA.modes.v)),),
]


def assert_as_if_of_numpy(call):
    for expected, found in zip(call(np.asarray), call(Foreign), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("call", CALLS)
def test_arrays_of_other_libraries_are_taken(call):
    assert_as_if_of_numpy(call)


@pytest.mark.core
@pytest.mark.parametrize("call", CORE_CALLS)
def test_they_are_taken_for_training(call):
    assert_as_if_of_numpy(call)


def frozen(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "array",
    [
        frozen(OUTPUTS.copy()),
        np.asfortranarray(OUTPUTS),
        OUTPUTS[::2],
        *(np.ones((5, 4), kind) for kind in ("float16", "float32", "int8", "uint64", "bool")),
    ],
)
def test_any_layout_and_type_is_taken_and_no_memory_is_shared(array):
    data = pl.Dataset(Foreign(array))
    np.testing.assert_array_equal(data.outputs, array.astype(float))
    assert not np.may_share_memory(data.outputs, array)
    gram = np.eye(4)
    assert not np.may_share_memory(pl.Dataset.from_gram(Foreign(gram), 9).gram, gram)


@pytest.mark.core
def test_weights_that_a_simulation_begins_with_stay_as_they_are():
    w21, w32 = W21.copy(), W32.copy()
    sim = pl.Simulation(DATA, Foreign(w21), Foreign(w32), rate=0.01)
    sim.advance(epochs=1)
    np.testing.assert_array_equal(w21, W21)
    np.testing.assert_array_equal(w32, W32)
    assert not np.may_share_memory(sim.w32, w32)


GRADIENT = BufferError("Can't export tensors that require gradient, use tensor.detach()")
DTYPE = BufferError("Unsupported dtype in DLTensor.")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Foreign(OUTPUTS, device=(2, 0)), r"outputs must be in the memory of the processor; got .*\.cpu\(\) in torch"),
        (Foreign(OUTPUTS, refusal=GRADIENT), r"outputs must be dense, without gradient .*use tensor\.detach\(\)\)"),
        (Foreign(OUTPUTS, refusal=DTYPE), r"outputs must be .* of a type that numpy has; .*Unsupported dtype"),
        (
            Foreign(OUTPUTS, refusal=RuntimeError("a\nlot" + 99 * " more")),
            r"outputs must be dense, .*\(a lot more",
        ),
        (Negative(OUTPUTS), r"outputs must be dense, .*use tensor\.resolve_neg\(\)"),
        ([Foreign(row, refusal=GRADIENT) for row in OUTPUTS], r"outputs must be dense, without gradient"),
        (Foreign(OUTPUTS + 1j), r"outputs must hold real numbers; got .* dtype complex128"),
        (Foreign(OUTPUTS * np.nan), "outputs must be finite in float64"),
        (Foreign(OUTPUTS[0]), "outputs must be an array of shape nxn; got shape"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_sentence(value, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        pl.Dataset(value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.core
def test_item_numbers_and_numbers_of_either_rank_are_refused_likewise():
    elsewhere = Foreign(np.arange(4), device=(2, 0))
    with pytest.raises(TypeError, match="order must be in the memory of the processor"):
        pl.train(DATA, hidden=2, rate=0.01, epochs=1, order=elsewhere)
    with pytest.raises(TypeError, match="record must be in the memory of the processor"):
        pl.train(DATA, hidden=2, rate=0.01, epochs=1, record=elsewhere)
    with pytest.raises(TypeError, match="a0 must be in the memory of the processor"):
        pl.Balanced(elsewhere)


def test_masked_arrays_are_numpys_own_and_refused():
    with pytest.raises(TypeError, match="outputs must not be a masked array"):
        pl.Dataset(np.ma.array([[1.0, 2.0]], mask=[[True, False]]))
    with pytest.raises(TypeError, match="order must be"):
        theory.modified_flow([1.0], W21, W32, DATA, 0.01, np.ma.array([0, 1, 2, 3]))
