"""One thread for the linear algebra of numpy and scipy, where runs have threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_lock = threading.Lock()
_users = 0
_limit: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to one thread for a while; its setting is the process's own, and comes back with the last user.

    BLAS threads wait for one another by spinning: where all processors are busy with other runs, a factorisation of
    300 x 300 took up to 300 ms in place of 2 (measured). And with one, no result depends on their number.
    """
    # Loaded here: it must see the libraries that these bring.
    import scipy.linalg  # noqa: F401
    import threadpoolctl

    global _users, _limit
    with _lock:
        if _users == 0:
            # Selected, because what is not limited would be put back all the same, pylinear's own threads among it.
            _limit = threadpoolctl.ThreadpoolController().select(user_api="blas").limit(limits=1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limit.restore_original_limits()
