"""The cores that this process may use, and the memory that it can still have."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


def cores() -> int:
    """How many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Bytes of main memory that can still be had, within the limit of a container where there is one."""
    available = psutil.virtual_memory().available
    groups = (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "inactive_file"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "total_inactive_file",
        ),
    )
    for limit, usage, cache in groups:
        try:
            most, used = int(Path(limit).read_text()), int(Path(usage).read_text())
            statistics = (Path(limit).parent / "memory.stat").read_text()
        except (OSError, ValueError):  # no such group, or its limit is "max"
            continue
        # Cached file pages count as used and are given back under pressure.
        counts = dict(line.split() for line in statistics.splitlines())
        available = min(available, most - used + int(counts.get(cache, 0)))
    return max(available, 0)
