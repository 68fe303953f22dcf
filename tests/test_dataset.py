import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

import pylinear as pl


def projector(vectors):
    return vectors @ vectors.T


@pytest.mark.parametrize(
    ("coding", "squares"), [("binary", [3, 1, 1, 1]), ("signed", [8, 4, 4, 4]), ("centred", [2, 1, 1, 0])]
)
def test_toy_codings(coding, squares):
    data = pl.toy(coding)
    np.testing.assert_allclose(data.modes.s**2, squares, atol=1e-14)
    assert data.items == ("Canary", "Salmon", "Oak", "Rose")
    assert data.outputs.shape == (5, 4)


def test_centred_toy_is_the_papers_figure_2():
    modes = pl.toy().modes
    half, root = 0.5, np.sqrt(0.5)
    expected = np.array([[half, half, -half, -half], [root, -root, 0, 0], [0, 0, root, -root]])
    np.testing.assert_allclose(modes.v[:, :3].T, expected, atol=1e-15)
    assert [len(block) for block in modes.blocks] == [1, 2, 1]


def test_the_toy_with_seven_features_has_a_degenerate_pair():
    grow_move_roots_fly_swim_leaves_petals = [
        [1, 1, 1, 1],
        [1, 1, 0, 0],
        [0, 0, 1, 1],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    np.testing.assert_allclose(pl.Dataset(grow_move_roots_fly_swim_leaves_petals).modes.s ** 2, [7, 3, 1, 1])


@pytest.mark.parametrize("shape", [(30, 5, None), (3, 8, None), (30, 5, 9), (30, 9, 4), (2, 7, 7), (1, 1, 1)], ids=str)
def test_modes_decompose_the_correlations(shape):
    n_features, n_items, n_inputs = shape
    rng = np.random.default_rng(0)
    inputs = None if n_inputs is None else rng.standard_normal((n_inputs, n_items))
    data = pl.Dataset(rng.standard_normal((n_features, n_items)), inputs)
    x = np.eye(n_items) if inputs is None else inputs
    np.testing.assert_allclose(data.sigma_yx, sum(np.outer(data.outputs[:, p], x[:, p]) for p in range(n_items)))
    np.testing.assert_allclose(data.sigma_xx, sum(np.outer(x[:, p], x[:, p]) for p in range(n_items)), atol=1e-14)
    u, s, v = data.modes.u, data.modes.s, data.modes.v
    np.testing.assert_allclose(u * s @ v.T, data.sigma_yx, atol=1e-12)
    np.testing.assert_allclose(s, np.linalg.svd(data.sigma_yx, compute_uv=False)[: s.size], atol=1e-12)
    np.testing.assert_allclose(u.T @ u, np.eye(s.size), atol=1e-13)
    np.testing.assert_allclose(v.T @ v, np.eye(s.size), atol=1e-13)
    assert s.size == min(n_features, np.linalg.matrix_rank(x))


def test_inputs_of_deficient_rank_have_no_modes_outside_their_span():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((6, 2)) @ rng.standard_normal((2, 5))
    data = pl.Dataset(rng.standard_normal((7, 5)), inputs)
    assert data.modes.s.size == 2
    np.testing.assert_allclose(data.modes.u * data.modes.s @ data.modes.v.T, data.sigma_yx, atol=1e-12)


def test_signs_do_not_depend_on_the_decomposition():
    rng = np.random.default_rng(3)
    outputs = rng.standard_normal((20, 4))
    rotation = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    np.testing.assert_allclose(pl.Dataset(rotation @ outputs).modes.v, pl.Dataset(outputs).modes.v, atol=1e-12)
    largest = np.abs(pl.Dataset(outputs).modes.v).argmax(axis=0)
    assert (pl.Dataset(outputs).modes.v[largest, range(4)] > 0).all()


def test_a_degenerate_block_is_marked_and_its_basis_is_the_trees():
    tree = pl.Tree((2, 2, 2), 0.1)
    root = np.linalg.cholesky(tree.covariance).T
    modes = pl.Dataset(root).modes
    assert [len(block) for block in modes.blocks] == tree.multiplicities.tolist()
    np.testing.assert_allclose(modes.v, tree.object_analyzers, atol=1e-10)
    for block in modes.blocks:
        columns = slice(block.start, block.stop)
        np.testing.assert_allclose(
            projector(modes.v[:, columns]), projector(tree.object_analyzers[:, columns]), atol=1e-10
        )


def test_object_analyzers_of_a_sample_approach_the_trees():
    tree = pl.Tree((2, 2, 2), 0.1)
    distances = []
    for n in (1_000, 100_000):
        v = tree.sample(n, rng=1).modes.v
        ends = np.cumsum([0, *tree.multiplicities])
        distances.append(
            max(
                np.linalg.norm(projector(v[:, a:b]) - projector(tree.object_analyzers[:, a:b]))
                for a, b in pairwise(ends)
            )
        )
    # They fall like N**-0.5: by ten, give or take a factor of two.
    assert 5 < distances[0] / distances[1] < 20


def test_names():
    data = pl.Dataset([[1, 2, 3]], items=["Robin", "Robin", "Wren"], features=["size"])
    assert data.items == ("Robin", "Robin (2)", "Wren")
    assert pl.Dataset([[1] * 4], items=["a", "a", "a (2)", "a"]).items == ("a", "a (3)", "a (2)", "a (4)")
    assert pl.Dataset([[1, 2]]).items == ("item 1", "item 2")
    assert pl.Dataset([[1, 2]]).features == ("feature 1",)


def test_a_dataset_keeps_its_own_copy():
    outputs, inputs = np.ones((2, 3)), np.eye(3)
    data = pl.Dataset(outputs, inputs)
    outputs[:] = inputs[:] = 7
    assert data.outputs.max() == data.inputs.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        data.outputs[0, 0] = 2


def test_what_is_shared_cannot_be_overwritten():
    tree = pl.Tree((2, 2), 0.1)
    data = pl.toy()
    for array in (data.inputs, data.sigma_xx, data.sigma_yx, data.modes.v, tree.covariance, tree.multiplicities):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_many_items_need_no_square_of_them():
    data = pl.Dataset(np.random.default_rng(0).standard_normal((2, 50_000)))
    tracemalloc.start()
    assert data.modes.v.shape == (50_000, 2)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_outputs_too_large_for_their_modes_are_refused():
    with pytest.raises(ValueError, match="small enough"):
        _ = pl.Dataset(np.full((3, 2), 1e308)).modes


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, ">f4", np.float16, np.float64])
def test_real_numbers_of_every_kind_are_taken(kind):
    table = np.array([[1, 0, 1], [0, 1, 1]], dtype=kind)
    data = pl.Dataset(np.asfortranarray(table)[:, ::-1])
    assert data.outputs.dtype == np.float64
    np.testing.assert_array_equal(data.outputs, table.astype(float)[:, ::-1])


def test_orthogonal_inputs_are_recognised():
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 6)))[0]
    outputs = np.ones((2, 6))
    assert pl.Dataset(outputs).orthogonal
    assert pl.Dataset(outputs, q * 3).orthogonal
    assert not pl.Dataset(outputs, q + 1e-9).orthogonal


@pytest.mark.parametrize(
    ("kind", "kept"),
    [(">f8", float), ("f4", float), ("longdouble", float), ("i1", int), (">i4", int), ("u8", float), ("i8", int)],
)
def test_a_gram_matrix_is_kept_in_the_machines_own_types(kind, kept):
    gram = np.array([[3, -1], [-1, 3]])
    data = pl.Dataset.from_gram(abs(gram).astype(kind) if kind == "u8" else gram.astype(kind), 5)
    assert data.gram.dtype == np.dtype(kept)
    np.testing.assert_array_equal(data.gram, abs(gram) if kind == "u8" else gram)


def test_representation():
    assert repr(pl.toy()) == "Dataset(5 features x 4 items, one-hot inputs)"
    assert "3-dimensional inputs" in repr(pl.Dataset([[1, 2]], [[1, 0], [0, 1], [1, 1]]))
