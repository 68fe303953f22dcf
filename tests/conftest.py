import os
import signal

import pytest

from pylinear import _engine


def pytest_configure(config):
    # A suite that is started in the background is deaf to Ctrl-C, and so would all be that it starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    required = os.environ.get("PYLINEAR_REQUIRE_CORE")
    if required not in {None, "0", "1"} or (required and required != str(int(_engine._core is not None))):
        raise pytest.UsageError(f"PYLINEAR_REQUIRE_CORE={required}, but the compiled core is {_engine._core}")
    if _engine._core is None:
        # The suite turns warnings into errors, and this one belongs to the install.
        config.addinivalue_line("filterwarnings", "ignore:pylinear's compiled core:RuntimeWarning")


def pytest_collection_modifyitems(items):
    if _engine._core is None:
        for item in items:
            if item.get_closest_marker("core"):
                item.add_marker(pytest.mark.skip(reason="needs the compiled core"))
