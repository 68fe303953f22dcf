"""Datasets and arguments of training that several files of tests share."""

import numpy as np

import pylinear as pl


def inputs_of(kind, n_items, rng):
    q = np.linalg.qr(rng.standard_normal((n_items + 3, n_items)))[0]
    return {
        "one-hot": None,
        "orthonormal": q,
        "orthogonal": q * rng.uniform(0.5, 1.5, n_items),
        "correlated": rng.standard_normal((n_items, n_items)) / np.sqrt(n_items),
        "wide": rng.standard_normal((3 * n_items, n_items)) / np.sqrt(3 * n_items),
        "rank-deficient": q[:, :2] @ rng.standard_normal((2, n_items)) / 2,
        "a zero input": q * (np.arange(n_items) > 0),
    }[kind]


def problem(size, kind="one-hot", seed=0):
    rng = np.random.default_rng(seed)
    n_features, hidden, n_items, _ = size
    data = pl.Dataset(rng.standard_normal((n_features, n_items)), inputs_of(kind, n_items, rng))
    return data, {"hidden": hidden, "rate": 0.1 / np.linalg.norm(data.outputs, 2), "rng": 5}


def learning(data, sigma, hidden, **more):
    """Arguments with which all modes are learned."""
    s = data.modes.s
    rate = 0.05 / s[0]
    epochs = round(np.log(s[-1] / min(s[-1] / 20, hidden * sigma**2 / 2)) / (s[-1] * rate))
    return {"hidden": hidden, "rate": rate, "epochs": epochs, "init": pl.Gaussian(sigma), "rng": 2, **more}
