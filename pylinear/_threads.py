"""What threadpoolctl sees of pylinear, and sets: a limit on threads for calls that do not say how many."""

from __future__ import annotations

import threadpoolctl

from pylinear import _check


class Controller(threadpoolctl.LibController):  # type: ignore[misc] # it has no types
    """The compiled core as one of threadpoolctl's libraries.

    The limit is that of the calling thread. It lowers the number of threads that would be taken without it, which
    `threads_by_default` says, and never raises it.
    """

    user_api = internal_api = "pylinear"
    filename_prefixes = ("_pylinear_core",)
    check_symbols = ("pylinear_get_num_threads", "pylinear_set_num_threads", "pylinear_get_version")

    def get_num_threads(self) -> int:
        """Return how many threads a call from this thread uses unless it says how many."""
        return min(self._unlimited(), self.dynlib.pylinear_get_num_threads() or _check.MOST_THREADS)

    def set_num_threads(self, num_threads: int) -> None:
        """Limit the calls from this thread."""
        # So that what was read without a limit, and is set again, is no limit.
        self.dynlib.pylinear_set_num_threads(0 if num_threads >= self._unlimited() else max(1, num_threads))

    def get_version(self) -> str:
        """Return the version of pylinear."""
        import ctypes

        version = self.dynlib.pylinear_get_version
        version.restype = ctypes.c_char_p
        return str(version().decode())

    def _unlimited(self) -> int:
        try:
            return _check.threads_by_default()
        except ValueError:  # of PYLINEAR_NUM_THREADS: for the calls that have threads to complain of
            return _check.processors()


def register() -> None:
    """Make threadpoolctl know of the core."""
    threadpoolctl.register(Controller)
