"""How the singular values of a sample of N features scatter about the tree's: perturbation theory to second order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylinear._check import Floats


class SingularValueStatistics(NamedTuple):
    """Singular values of samples of N features: three figures for each level of a tree, from the root down.

    Attributes
    ----------
    mean : (D,) float64
        Expectation of the mean over the level's singular values.
    sd : (D,) float64
        Standard deviation of that mean, from sample to sample.
    spread : (D,) float64
        Root mean square distance of the level's singular values from their mean, within one sample; 0 for a single
        mode.
    """

    mean: Floats
    sd: Floats
    spread: Floats


def statistics_of_levels(
    powers: Floats, eigenvalues: Floats, multiplicities: NDArray[np.int64], n_features: int
) -> SingularValueStatistics:
    """Return the statistics, from `second_moments` and each level's eigenvalue of the covariance and multiplicity."""
    n, lam, m = n_features, eigenvalues, multiplicities
    rank = int(m[lam > 0].sum())
    if n < rank:
        raise ValueError(f"n_features must be at least {rank}, the number of modes: fewer leave some at 0; got {n}")
    limit = np.sqrt(n * lam)
    mean, sd, spread = limit.copy(), np.zeros_like(lam), np.zeros_like(lam)
    blocks = _blocks(powers, lam, m, n)
    for block in blocks:
        others = np.setdiff1d(np.concatenate(blocks), block)
        size = float(m[block].sum())
        centre = m[block] @ lam[block] / size
        fourth = powers[np.ix_(block, block)].sum()
        shift = (powers[np.ix_(block, others)] / (lam[block][:, None] - lam[others])).sum() / (n * size)
        # Of the eigenvalues of a sample's covariance: of their mean, and about it. What the levels of a block differ by
        # already adds to the latter.
        between = max(0.0, (fourth - (size * centre) ** 2) / (n * size**2))
        apart = m[block] @ (lam[block] - centre) ** 2 / size
        within = max(0.0, apart + (fourth - m[block] @ lam[block] ** 2) / (n * size) - between)
        # The square root's Taylor series, to second order in the deviation.
        root = np.sqrt(centre)
        mean[block] = np.sqrt(n) * (root + shift / (2 * root) - (between + within) / (8 * root**3))
        sd[block], spread[block] = np.sqrt(n * np.array([between, within])) / (2 * root)
    change = np.divide(mean - limit, limit, out=np.zeros_like(lam), where=limit > 0)
    level = int(np.abs(change).argmax())
    if abs(change[level]) > 0.5:
        raise ValueError(
            "n_features must be large enough for perturbation theory, whose second order changes the singular values "
            f"of level {level} by {change[level]:.0%}; got {n}"
        )
    return SingularValueStatistics(mean, sd, spread)


def _blocks(powers: Floats, lam: Floats, m: NDArray[np.int64], n: int) -> list[NDArray[np.int64]]:
    """Return the levels that have modes, those together that would push each other by more than their distance."""
    levels = np.flatnonzero((m > 0) & (lam > 0))
    upper, lower = levels[:-1], levels[1:]
    push = np.abs(powers[upper, lower]) / (n * np.minimum(m[upper], m[lower]))
    return np.split(levels, np.flatnonzero(push < (lam[upper] - lam[lower]) ** 2) + 1)


def second_moments(branching: tuple[int, ...], flip: tuple[float, ...]) -> Floats:
    r"""Return :math:`E[e_l e_m]`, (D, D), of the power :math:`e_l = |P_l y|^2` that a feature has on each level.

    :math:`P_l` projects on the object analyzers of level l. The powers of levels 0 to l add up to
    :math:`Q_l M_l / P`, where :math:`Q_l` sums the squares, over the nodes of level l, of the sum S over the items
    below. The recursion goes from the items up to the root, one branching at a time.
    """
    nodes = np.cumprod((1.0, *branching))
    cumulated = np.full((len(nodes),) * 2, nodes[-1] ** 2)
    # Below a node of value +1: E[S] to E[S^4] and, for each level m from the node's own down, E[S^2 Q_m], E[S Q_m] and
    # E[Q_m]. A node of value -1 turns the signs of S alone, so that even functions of different subtrees are
    # independent, and odd ones follow their nodes.
    mean = second = third = fourth = 1.0
    s2q, sq, q = np.ones(1), np.ones(1), np.ones(1)
    for level in range(len(branching) - 1, -1, -1):
        b, kept = branching[level], 1 - 2 * flip[level]
        # Ordered choices of two, three and four different children.
        two = b * (b - 1.0)
        three = two * (b - 2)
        four = three * (b - 3)
        mean, third = kept * mean, kept * third
        s2q = b * s2q + two * (second * q + 2 * kept * sq * mean) + three * mean**2 * q
        sq = b * kept * sq + two * mean * q
        q = b * q
        fourth = b * fourth + two * (4 * third * mean + 3 * second**2) + 6 * three * second * mean**2 + four * mean**4
        third = b * third + 3 * two * second * mean + three * mean**3
        mean, second = b * mean, b * second + two * mean**2
        s2q, sq, q = np.append(fourth, s2q), np.append(third, sq), np.append(second, q)
        here = nodes[level]
        cumulated[level, level:] = here * s2q + here * (here - 1) * second * q
        cumulated[level:, level] = cumulated[level, level:]
    cumulated *= np.outer(nodes, nodes) / nodes[-1] ** 2
    return np.diff(np.diff(cumulated, axis=0, prepend=0.0), axis=1, prepend=0.0)
