"""The table of local linear maps: a row for each network and place along depth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from residyn.quantities.at_samples import curve
from residyn.schema import LAYER, SAMPLE, SUBLAYER

_OF_MAP = ("skew_share", "henrici", "complex_share", "rotation", "frobenius", "spectral_norm", "effective_rank")
_OF_SUBLAYERS = ("log_norm_growth", "exponent", "excess_exponent", "ginibre_excess_exponent")
_OF_LAYERS = ("product_rank", "ginibre_product_rank", "coupling", "alignment")


def jacobian_table(networks: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Means over samples with their 95 % intervals over documents, of every network (`network`).

    A row for each sublayer (`place` is its label, `layer`, `site`) and for each whole layer (`site` is "layer");
    `n_samples`. Columns are named as the variables of `rd.jacobians`, with _low and _high behind for the ends of
    the interval; exponents are of the probe that grows the most. Empty where a number is of other places alone.
    """
    frames = []
    for network, maps in networks.items():
        n = maps.sizes[SAMPLE]
        sublayers = {
            "place": maps[SUBLAYER].values,
            LAYER: maps["sublayer_layer"].values,
            "site": maps["site"].values,
        }
        layers = {"place": maps[LAYER].values.astype(str), LAYER: maps[LAYER].values, "site": LAYER}
        for labels, prefix, names in (
            (sublayers, "", (*_OF_MAP, *_OF_SUBLAYERS)),
            (layers, f"{LAYER}_", (*_OF_MAP, *_OF_LAYERS)),
        ):
            columns = {}
            for name in names:
                value, low, high = curve(maps, prefix + name).values.T
                columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
            frames.append(pd.DataFrame({"network": network, **labels, "n_samples": n, **columns}))
    return pd.concat(frames, ignore_index=True)
