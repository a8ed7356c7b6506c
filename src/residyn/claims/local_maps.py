"""What claims about local linear maps are judged by: numbers of the maps of each text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.claims.at_texts import LEAST_LAYERS, AtTexts, at_texts
from residyn.numerics.linear_maps import GINIBRE_HENRICI, GINIBRE_SKEW
from residyn.numerics.nan import finite_mean
from residyn.quantities.at_samples import thirds
from residyn.schema import LAYER, PROBE, SAMPLE, SUBLAYER


def local_maps(networks: Mapping[str, xr.Dataset], resamples: int, seed: int) -> AtTexts | None:
    """What claims about maps are judged by, from those of `rd.jacobians` by network; None without the model's."""
    return at_texts(networks, _of_maps, resamples, seed, random=_of_random_matrices)


def _of_maps(maps: xr.Dataset) -> dict[str, np.ndarray]:
    """Of layers' maps the means over the first and the last third; of their product, its rank at the end."""
    skew, henrici = (_thirds(maps, f"layer_{name}") for name in ("skew_share", "henrici"))
    rank, random = (_at_end(maps, f"layer_{name}") for name in ("product_rank", "ginibre_product_rank"))
    growth, of_random = (_mean(maps, f"{name}excess_exponent") for name in ("", "ginibre_"))
    return {
        "early_skew_beyond_random": skew[0] - GINIBRE_SKEW,
        "skew_early_beyond_late": skew[0] - skew[1],
        "early_henrici_beyond_random": henrici[0] - GINIBRE_HENRICI,
        "henrici_early_beyond_late": henrici[0] - henrici[1],
        "late_skew": skew[1],
        "product_rank_share": rank / float(maps.attrs["n_units"]),
        "product_rank_over_random": np.log(rank / random),
        "excess_exponent": growth,
        "excess_exponent_beyond_random": growth - of_random,
    }


def _of_random_matrices(maps: xr.Dataset) -> dict[str, np.ndarray]:
    """The same of Ginibre matrices with the Frobenius norms of the maps, at the same texts."""
    level = np.zeros(maps.sizes[SAMPLE])
    return {
        **dict.fromkeys(_of_maps(maps), level),
        "late_skew": level + GINIBRE_SKEW,
        "product_rank_share": _at_end(maps, "layer_ginibre_product_rank") / float(maps.attrs["n_units"]),
        "excess_exponent": _mean(maps, "ginibre_excess_exponent"),
    }


def _thirds(maps: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    values = maps[name].transpose(SAMPLE, LAYER).values.astype(np.float64)
    if values.shape[1] < LEAST_LAYERS:
        unknown = np.full(len(values), np.nan)
        return unknown, unknown
    return thirds(values)


def _at_end(maps: xr.Dataset, name: str) -> np.ndarray:
    return maps[name].transpose(SAMPLE, LAYER).values[:, -1].astype(np.float64)


def _mean(maps: xr.Dataset, name: str) -> np.ndarray:
    """The mean over depth of the exponent of the probe that grows the most, for each text."""
    values = maps[name].isel({PROBE: 0}).transpose(SAMPLE, SUBLAYER).values.astype(np.float64)
    return finite_mean(values, axis=1)
