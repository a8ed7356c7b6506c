"""Histograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from residyn.figures import style


def draw(ax: Axes, values: np.ndarray, edges: Sequence[float] | str = "auto") -> float:
    """Draw a histogram of values into `ax`; the height of the tallest bar."""
    counts, _, _ = ax.hist(values, bins=edges, color=style.HAIRLINE, edgecolor="white", linewidth=0.3)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    return float(np.max(counts))
