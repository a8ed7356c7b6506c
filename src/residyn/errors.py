"""The errors residyn raises on purpose, each with the exit code the command line gives it.

A message says four things: what failed, what was wanted, what came, what to do.
"""

from __future__ import annotations

import errno


class ResidynError(Exception):
    """Base of every error that residyn raises on purpose.

    >>> try:
    ...     rd.velocity(states.isel(sublayer=[0]))
    ... except rd.ResidynError as error:
    ...     print(type(error).__name__, error.exit_code)
    DataError 4
    """

    exit_code = 1


class UsageError(ResidynError, ValueError):
    """An argument is out of its range or contradicts another."""

    exit_code = 2


class ModelError(ResidynError):
    """A model cannot be loaded safely, or its residual stream cannot be read."""

    exit_code = 3


class DataError(ResidynError, ValueError):
    """Texts or numbers that no result can be computed from."""

    exit_code = 4


class StoreError(ResidynError):
    """A run directory is damaged, foreign, locked, or belongs to other settings."""

    exit_code = 5


class ResourceError(ResidynError):
    """The machine lacks what was asked for: a device, memory, disk."""

    exit_code = 6


class Interrupted(ResidynError):
    """The user asked to stop; what was finished is stored."""

    exit_code = 130


def lacking(error: BaseException | None) -> ResourceError | None:
    """What the machine ran out of behind an error: descriptors, threads or memory; None where it is not that."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if said := _lacking(error):
            return ResourceError(said)
        error = error.__cause__ or error.__context__
    return None


def _lacking(error: BaseException) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.EMFILE, errno.ENFILE):
        return (
            "Another file could not be opened: this process has as many open as the system allows it. "
            "Raise the limit (ulimit -n 1024), then give the same command again."
        )
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return (
            "Another thread could not be started: the system allows no more of them here. "
            "Raise the limit (ulimit -u) or end other programs, then give the same command again."
        )
    if isinstance(error, MemoryError) or code == errno.ENOMEM:
        return (
            "The memory of this machine, or what this process may use of it (ulimit -v), is used up. "
            "End other programs or take fewer texts (--n), then give the same command again."
        )
    return ""
