"""How heavy the tail of a sample is."""

from __future__ import annotations

import numpy as np

LEAST = 20
"""Fewest values of which a tail index is estimated."""


def tail_index(values: np.ndarray) -> float:
    """The index α of a tail that falls like x^−α, from values (N,) above 0; NaN for fewer than `LEAST` values.

    Hill's estimator from the √N largest: 1 over their mean log distance from the next one. Of the law's moments
    those below α are finite: Student's t with ν degrees of freedom has α = ν. Normal values have about 5 at
    N = 200 and more at larger N; ∞ where the largest are all equal, NaN where the next one is 0. Hill 1975,
    Annals of Statistics 3:1163.
    """
    n = len(values)
    if n < LEAST:
        return float("nan")
    largest = round(np.sqrt(n))
    far = np.partition(np.asarray(values, dtype=np.float64), n - largest - 1)[n - largest - 1 :]
    beyond, rest = far[1:], far[0]
    if not rest > 0:
        return float("nan")
    spread = float(np.log(beyond / rest).mean())
    return 1 / spread if spread > 0 else float("inf")
