import itertools

import numpy as np
from matplotlib.figure import Figure

import pylinear as pl
from drawn import TREE, image, texts
from pylinear import plots


def test_decomposition_draws_a_product_of_three_matrices():
    figure = Figure()
    drawn = plots.decomposition(pl.toy("centred"), figure)
    sigma_yx, u, s, vt = map(image, drawn)
    assert [x.shape for x in (u, s, vt)] == [(5, 3), (3, 3), (3, 4)]  # a fourth mode has no strength
    np.testing.assert_allclose(u @ s @ vt, sigma_yx, atol=1e-14)
    np.testing.assert_allclose(sigma_yx, pl.toy("binary").outputs - pl.toy("binary").outputs.mean(axis=1)[:, None])
    # The first row of V^T tells animals from plants, and its signs are written in the cells.
    assert texts(drawn[3].texts)[:4] == [".50", ".50", "−.50", "−.50"]
    assert texts(drawn[0].get_xticklabels()) == ["Canary", "Salmon", "Oak", "Rose"]
    assert texts(drawn[0].get_yticklabels())[0] == "can Move"
    assert figure.get_supxlabel().startswith("Modes 2-3 share s = 1")
    # Symmetric shading: what is 0 is white.
    assert all(ax.get_images()[0].get_clim()[0] == -ax.get_images()[0].get_clim()[1] for ax in drawn)


def test_decomposition_of_modes_that_differ_has_no_note():
    figure = Figure()
    plots.decomposition(pl.Dataset([[3.0, 0.0], [0.0, 1.0]]), figure)
    assert figure.get_supxlabel() == ""


def test_whole_numbers_are_written_short_and_what_shows_as_nothing_without_a_sign():
    written = texts(plots.decomposition(pl.Dataset([[1.0, -2.0], [-0.004, 0.5]]), Figure())[0].texts)
    assert written == ["1", "−2", ".00", ".50"]


def test_decomposition_of_many_features_writes_no_numbers():
    drawn = plots.decomposition(TREE.sample(50, rng=0), Figure())
    assert not drawn[0].texts
    assert texts(drawn[0].get_yticklabels()) == ["1", "50"]
    assert drawn[2].texts


def test_decomposition_of_correlated_inputs_names_inputs():
    data = pl.Dataset([[1.0, 2.0], [0.0, 1.0]], [[1.0, 0.5], [0.0, 1.0], [0.2, 0.0]], items=["a", "b"])
    drawn = plots.decomposition(data, Figure())
    assert texts(drawn[0].get_xticklabels()) == ["input 1", "input 2", "input 3"]
    np.testing.assert_allclose(image(drawn[0]), data.outputs @ data.inputs.T)


def test_object_analyzers_tell_apart_items_that_meet_where_it_is_said():
    ax = plots.object_analyzers(TREE, Figure().subplots())
    rows = image(ax)
    np.testing.assert_allclose(rows @ rows.T, np.eye(8), atol=1e-15)
    # The paper's caption has 3 for the last level of meeting; the leaves themselves are level 3.
    notes = [text for text in texts(ax.texts) if len(text) > 1]
    assert notes == ["same for all", *(f"pairs meet\nat level {level}" for level in range(3))]
    for mode, level in enumerate((None, 0, 1, 1, 2, 2, 2, 2)):
        apart = [(i, j) for i, j in itertools.combinations(range(8), 2) if rows[mode, i] * rows[mode, j] < 0]
        # The last common ancestor, from the digits of the items' numbers.
        met = {3 - (i ^ j).bit_length() for i, j in apart}
        assert met == (set() if level is None else {level})
    assert texts(ax.texts)[:16:8] == ["+", "+"]
    assert texts(ax.texts).count("−") == 4 + 2 * 2 + 4


def test_covariance_in_blocks():
    ax = plots.covariance(TREE, Figure().subplots())
    steps = [[(i ^ j).bit_length() for j in range(8)] for i in range(8)]
    np.testing.assert_allclose(image(ax), 0.8 ** (2 * np.array(steps)), rtol=1e-13)
    assert texts(ax.texts)[:3] == ["1", ".64", ".41"]
