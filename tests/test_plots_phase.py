import numpy as np
import pytest
from matplotlib.figure import Figure

from pylinear import plots


@pytest.mark.parametrize("s", [1.0, 4.0, -0.25])
def test_phase_portrait(s):
    ax = plots.phase_portrait(s, Figure().subplots())
    side, unit = np.sign(s), np.sqrt(abs(s))
    hyperbola = [line for line in ax.get_lines() if line.get_linewidth() == 4]
    assert len(hyperbola) == 2
    for line in hyperbola:
        np.testing.assert_allclose(line.get_xdata() * line.get_ydata(), s)
    (separatrix,) = [line for line in ax.get_lines() if "nothing is learned" in str(line.get_label())]
    np.testing.assert_allclose(separatrix.get_ydata(), -side * np.array(separatrix.get_xdata()))
    paths = [line for line in ax.get_lines() if line.get_linewidth() == 1.8]
    assert len(paths) == 8
    for line in paths:
        c, d = line.get_data()
        k = c**2 - d**2
        np.testing.assert_allclose(k, k[0], atol=1e-12 * abs(s))
        assert c[-1] * d[-1] == pytest.approx(s, rel=1e-3)
    # Both funnel and its opposite: some come closer to the diagonal, those from beyond the hyperbola move away.
    change = [abs(line.get_xdata() - side * line.get_ydata())[[0, -1]] @ [-1, 1] / unit for line in paths]
    assert min(change) < -0.01
    assert max(change) > 0.01
    arrows = next(x for x in ax.collections if hasattr(x, "U"))
    x, y = arrows.X, arrows.Y
    speed = np.hypot((s - x * y) * y, (s - x * y) * x)
    np.testing.assert_allclose(arrows.U * speed, (s - x * y) * y, atol=1e-12)
    np.testing.assert_allclose(arrows.V * speed, (s - x * y) * x, atol=1e-12)
