"""What steps do to single modes that a flow does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pylinear._check import Floats
from pylinear.theory._domain import broadcast, in_domain, require


def batch_delay(a: ArrayLike, s: ArrayLike, a0: ArrayLike) -> Floats:
    r"""Epochs by which batch learning reaches a strength later than (10), in the limit of small rates.

    Parameters
    ----------
    a : array_like
        Strength that is reached, at least a0 and below s.
    s : array_like
        Association strength, above 0.
    a0 : array_like
        Strength at t = 0, above 0 and below s.

    Returns
    -------
    ndarray
        Epochs, whatever the rate: positive while steps lag behind the flow, negative close to s, where steps contract
        faster.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

    Notes
    -----
    A balanced mode obeys :math:`a_{k+1} = a_k (1 + \lambda(s - a_k))^2`. To first order in the rate it follows a flow
    that has, beyond (10), the velocity :math:`-\lambda a (s - a) (s - 3a)` in time :math:`\lambda k`. That adds up to
    :math:`\frac{1}{4} [\ln(a/a_0) + 2 \ln((s - a)/(s - a_0))]` epochs; at s / 2, for small a0, to
    :math:`\frac{1}{4} [\ln(s/2a_0) - 2 \ln 2]`.

    Examples
    --------
    >>> round(float(batch_delay(1.0, s=2.0, a0=1e-3)), 3)
    1.381
    """
    s = in_domain("s", s, 0.0, above=True, domain="above 0")
    a0 = in_domain("a0", a0, 0.0, above=True, domain="above 0")
    a = in_domain("a", a, 0.0, above=True, domain="at least a0 and below s")
    broadcast(a, s, a0)
    require((a0 <= a) & (a < s), "a must be at least a0 and below s", a=a, a0=a0, s=s)
    return np.asarray((np.log(a) - np.log(a0) + 2 * (np.log(s - a) - np.log(s - a0))) / 4)
