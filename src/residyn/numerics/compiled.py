"""Compilation of inner loops, kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[F], F]:
    """A decorator: numba's njit, without the interpreter's lock, compiled once a machine and not once a process.

    Where neither the package's folder nor the user's cache can be written, as in many containers, numba refuses to
    keep what it compiles; the function is then compiled anew in each process. `options` are those of njit.
    """

    def compile_function(function: F) -> F:
        try:
            made: Any = njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:
            made = njit(nogil=True, **options)(function)
        return made

    return compile_function
