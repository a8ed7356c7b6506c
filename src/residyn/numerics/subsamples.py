"""The samples that stand for all where a cost grows faster than their number."""

from __future__ import annotations

import numpy as np

MOST_SAMPLES = 4000
"""Most samples of which densities, neighbours, ranks and quantiles are estimated; of more, so many are drawn.

What these estimates err by at this number is below what they show: the standard error of a rank correlation is
0.016 at most, and that of a mean over units smaller.
"""


def some_samples(n: int, seed: int = 0) -> np.ndarray:
    """Positions among n samples, in order: all, or `MOST_SAMPLES` of them, drawn by the seed."""
    if n <= MOST_SAMPLES:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:MOST_SAMPLES])
