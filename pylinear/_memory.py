"""Whether there is room, asked before anything is allocated."""

from __future__ import annotations


def _number(path: str) -> int | None:
    """Return the whole number in a file, or None."""
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _address_space() -> int | None:
    """Return the bytes that the limit of this process leaves to it (``ulimit -v``); None without one."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        return None
    return None if limit == resource.RLIM_INFINITY else max(0, limit - used)


def available() -> int | None:
    """Return the bytes that can be allocated without swapping; None where the system does not tell."""
    limits = []
    try:
        with open("/proc/meminfo") as lines:
            limits += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except OSError:
        pass
    # A container may have less than its machine.
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    if limit is not None and used is not None:
        limits.append(max(0, limit - used))
    if (left := _address_space()) is not None:
        limits.append(left)
    return min(limits, default=None)


def require(what: str, n_bytes: float) -> None:
    """Raise MemoryError, naming the estimate, if `n_bytes` are not there."""
    # Small requests are not worth a look at the system.
    if n_bytes > 2**26 and (free := available()) is not None and n_bytes > free:
        raise MemoryError(f"{what} would take {n_bytes / 1e9:.1f} GB; {free / 1e9:.1f} GB are available")


def require_threads(count: int) -> None:
    """Raise MemoryError, naming the estimate, if a limit of this process leaves no room to start `count` threads.

    Python waits until a thread says that it runs, and for ever for one that has no memory to say so.
    """
    if (free := _address_space()) is None:
        return
    import resource

    stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
    n_bytes = count * ((2**23 if stack == resource.RLIM_INFINITY else stack) + 2**22)
    if n_bytes > free:
        what = "a thread" if count == 1 else f"{count} threads"
        raise MemoryError(f"{what} would take {n_bytes / 1e6:.0f} MB; {free / 1e6:.0f} MB are available")
