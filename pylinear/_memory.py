"""Whether there is room, asked before anything is allocated."""

from __future__ import annotations


def _number(path: str) -> int | None:
    """Return the whole number in a file, or None."""
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


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
    return min(limits, default=None)


def require(what: str, n_bytes: float) -> None:
    """Raise MemoryError, naming the estimate, if `n_bytes` are not there."""
    # Small requests are not worth a look at the system.
    if n_bytes > 2**26 and (free := available()) is not None and n_bytes > free:
        raise MemoryError(f"{what} would take {n_bytes / 1e9:.1f} GB; {free / 1e9:.1f} GB are available")
