"""The panels of Figure 1: each takes a labelled result, draws it into `ax`, and returns the axes.

A panel computes nothing but what drawing needs: an order of columns, a mean or quartiles over samples.
"""

from residyn.figures.panels.curves import cosine, velocity
from residyn.figures.panels.heatmaps import correlation_density, mean_activation, unit_correlation
from residyn.figures.panels.schematic import schematic
from residyn.figures.panels.strokes import SIZE_MM as SCHEMATIC_MM

__all__ = [
    "SCHEMATIC_MM",
    "correlation_density",
    "cosine",
    "mean_activation",
    "schematic",
    "unit_correlation",
    "velocity",
]
