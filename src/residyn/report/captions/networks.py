"""What captions say of other networks beside the run's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from residyn.control_names import PERMUTED
from residyn.quantities.at_samples import curve, over_networks, thirds
from residyn.words import counted, listed, number


def both_thirds(values: np.ndarray) -> str:
    """The means over the first and the last third of a curve, in words."""
    return " and ".join(number(float(mean)) for mean in thirds(values))


def others(networks: Mapping[str, xr.Dataset], name: str, said: Callable[[np.ndarray], str]) -> str:
    """What untrained networks and permuted weights have; empty where there are none."""
    parts = []
    untrained = over_networks(networks, name)
    if untrained is not None:
        many = counted(untrained.sizes["network"], "untrained network")
        parts.append(f"{said(untrained.mean('network').values)} in {many}")
    if PERMUTED in networks:
        parts.append(f"{said(curve(networks[PERMUTED], name).sel(bound='value').values)} with permuted weights")
    return f"It is {listed(parts)}." if parts else ""
