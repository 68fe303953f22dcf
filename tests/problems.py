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
        "rank-deficient": q[:, :2] @ rng.standard_normal((min(2, n_items), n_items)) / 2,
        "a zero input": q * (np.arange(n_items) > 0),
    }[kind]


def problem(size, kind="one-hot", seed=0):
    rng = np.random.default_rng(seed)
    n_features, hidden, n_items, _ = size
    data = pl.Dataset(rng.standard_normal((n_features, n_items)), inputs_of(kind, n_items, rng))
    return data, {"hidden": hidden, "rate": 0.1 / np.linalg.norm(data.outputs, 2), "rng": 5}


def lambda_balanced(n_inputs, hidden, n_outputs, balance, rng, scale=0.5):
    """Weights with W32^T W32 - W21 W21^T = balance I, which is above 0 with N3 >= N2 or below with N1 >= N2."""
    if balance == 0:
        rank = min(n_inputs, hidden, n_outputs)
        half = scale * rng.standard_normal((hidden, rank))
        return half @ orthonormal(n_inputs, rank, rng).T, orthonormal(n_outputs, rank, rng) @ half.T
    if balance < 0:
        w21, w32 = lambda_balanced(n_outputs, hidden, n_inputs, -balance, rng, scale)
        return w32.T.copy(), w21.T.copy()
    w21 = scale * rng.standard_normal((hidden, n_inputs))
    squares, vectors = np.linalg.eigh(w21 @ w21.T + balance * np.eye(hidden))
    return w21, orthonormal(n_outputs, hidden, rng) @ (vectors * np.sqrt(squares) @ vectors.T)


def orthonormal(rows, columns, rng):
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]


def learning(data, sigma, hidden, **more):
    """Arguments with which all modes are learned."""
    s = data.modes.s
    rate = 0.05 / s[0]
    epochs = round(np.log(s[-1] / min(s[-1] / 20, hidden * sigma**2 / 2)) / (s[-1] * rate))
    return {"hidden": hidden, "rate": rate, "epochs": epochs, "init": pl.Gaussian(sigma), "rng": 2, **more}


def gap_at(data, rate_times_s1, *, init, hidden=16, runs=3, **kwargs):
    """The gap of networks that learn all modes, at a rate in units of 1 / s1."""
    rate = rate_times_s1 / data.modes.s[0]
    epochs = round(24 / (rate * data.modes.s[-1]) / 2)
    return pl.gap(pl.train(data, hidden=hidden, rate=rate, epochs=epochs, init=init, runs=runs, rng=1, **kwargs))
