import os

import pytest

from pylinear import _engine


def pytest_configure(config):
    required = os.environ.get("PYLINEAR_REQUIRE_CORE", "0") == "1"
    if required and _engine._core is None:
        raise pytest.UsageError("PYLINEAR_REQUIRE_CORE=1, but pylinear was installed without its compiled core")
    if _engine._core is None:
        # The suite turns warnings into errors, and this one belongs to the install.
        config.addinivalue_line("filterwarnings", "ignore:pylinear's compiled core:RuntimeWarning")


def pytest_collection_modifyitems(items):
    if _engine._core is None:
        for item in items:
            if item.get_closest_marker("core"):
                item.add_marker(pytest.mark.skip(reason="needs the compiled core"))
