"""Compiled functions work where nothing can be kept on disk."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numba.core import caching

from residyn.numerics.compiled import compiled


def total(values: np.ndarray) -> float:
    result = 0.0
    for value in values:
        result += value
    return result


def test_without_a_place_to_write_functions_are_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    places = getattr(caching, "CacheImpl", None) or caching._CacheImpl  # by the version of numba
    monkeypatch.setattr(places, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="cannot cache"):
        njit(cache=True)(total)
    assert compiled()(total)(np.arange(4.0)) == 6.0


def test_options_reach_the_compiler() -> None:
    assert compiled(error_model="numpy")(lambda x: 1.0 / x)(0.0) == np.inf
