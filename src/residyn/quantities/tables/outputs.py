"""The table of outputs: a row for each network and place along depth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from residyn.quantities.at_samples import curve
from residyn.schema import LAYER, SUBLAYER

_OF_LENS = ("lens_kl", "lens_entropy", "lens_agreement", "lens_settled", "lens_loss", "lens_exchanged_kl")
_OF_BLOCKS = tuple(f"{what}_{name}" for what in ("skip", "swap") for name in ("kl", "agreement", "loss_change"))


def output_table(networks: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Means over samples with their 95 % intervals over documents, of every network (`network`).

    A row for each sublayer (`place` is its label, `layer`, `site`) and for each block (`site` is "layer");
    `n_samples`, of which numbers are known there. Columns are named as the variables of `rd.outputs`, with
    _low and _high behind for the ends of the interval.
    Empty where a number is of other places alone, or not known.
    """
    frames = []
    for network, found in networks.items():
        sublayers = {
            "place": found[SUBLAYER].values,
            LAYER: found["sublayer_layer"].values,
            "site": found["site"].values,
        }
        layers = {"place": found[LAYER].values.astype(str), LAYER: found[LAYER].values, "site": LAYER}
        for labels, names in ((sublayers, _OF_LENS), (layers, _OF_BLOCKS)):
            n = int(found[names[0]].notnull().any(str(found[names[0]].dims[1])).sum())
            columns = {}
            for name in names:
                value, low, high = curve(found, name).values.T
                columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
            frames.append(pd.DataFrame({"network": network, **labels, "n_samples": n, **columns}))
    return pd.concat(frames, ignore_index=True)
