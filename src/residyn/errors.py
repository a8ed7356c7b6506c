"""The errors residyn raises on purpose, each with the exit code the command line gives it.

A message says four things: what failed, what was wanted, what came, what to do.
"""

from __future__ import annotations


class ResidynError(Exception):
    """Base of every error that residyn raises on purpose."""

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
