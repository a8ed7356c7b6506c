"""Captions of local linear maps: what they do early and late, beside untrained networks and random matrices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.control_names import MODEL
from residyn.quantities.at_samples import curve, thirds
from residyn.quantities.local_maps import ginibre_value
from residyn.report.captions.networks import both_thirds, others
from residyn.report.captions.phrases import sentences
from residyn.words import counted, number

Networks = Mapping[str, xr.Dataset]


def eigenvalues(networks: Networks) -> tuple[str, ...]:
    maps = networks[MODEL]
    shares, rotations = (_ends(maps, f"layer_{name}") for name in ("complex_share", "rotation"))
    expected = ginibre_value("rotation", int(maps.attrs["n_units"]))
    return sentences(
        f"Maps are taken at one token of {counted(maps.sizes['sample'], 'text')}; derivatives agree with finite "
        f"differences to {number(float(maps.attrs['proof_error']))}.",
        f"In the first third of layers {number(shares[0])} of the eigenvalues are complex, in the last "
        f"{number(shares[1])}; of their squares {number(rotations[0])} and {number(rotations[1])} are imaginary "
        f"({number(float(expected or np.nan))} of a random matrix).",
        "" if maps.attrs["exact"] else "Of each map the eigenvalues of the largest modulus are known.",
    )


def skew_share(networks: Networks) -> tuple[str, ...]:
    return _beside(networks, "layer_skew_share", "The skew share of layers' maps")


def henrici(networks: Networks) -> tuple[str, ...]:
    return _beside(networks, "layer_henrici", "The departure from normality")


def effective_rank(networks: Networks) -> tuple[str, ...]:
    return _at_the_end(networks, "layer_product_rank", "layer_ginibre_product_rank")


def exponents(networks: Networks) -> tuple[str, ...]:
    maps = networks[MODEL]
    value, low, high = curve(maps, "excess_exponent").values.T
    known = np.isfinite(value)
    if not known.any():
        return ()
    below, n = int((high[known] < 0).sum()), int(known.sum())
    above = int((low[known] > 0).sum())
    return sentences(
        f"Over {maps.attrs['span']} sublayers, the change that grows the most grows less than the state, with its "
        f"interval below 0, from {below} of {n} sublayers, and more from {above}.",
        others(networks, "excess_exponent", lambda values: f"a mean of {number(float(np.nanmean(values)))}"),
    )


def _ends(maps: xr.Dataset, name: str) -> tuple[float, float]:
    first, last = thirds(curve(maps, name).sel(bound="value").values)
    return float(first), float(last)


def _beside(networks: Networks, name: str, what: str) -> tuple[str, ...]:
    first, last = _ends(networks[MODEL], name)
    if not np.isfinite([first, last]).all():
        return ()
    expected = ginibre_value(name, int(networks[MODEL].attrs["n_units"]))
    return sentences(
        f"{what} is {number(first)} on average over the first third of layers and {number(last)} over the last; "
        f"a random matrix has {number(float(expected or np.nan))}.",
        others(networks, name, both_thirds),
    )


def _at_the_end(networks: Networks, name: str, random: str) -> tuple[str, ...]:
    maps = networks[MODEL]
    last = float(curve(maps, name).sel(bound="value").values[-1])
    if not np.isfinite(last):
        return ()
    beside = float(curve(maps, random).sel(bound="value").values[-1])
    return sentences(
        f"Behind the last layer the product of all maps has an effective rank of {number(last)}, of "
        f"{maps.attrs['n_units']} units; that of random matrices of the same norms {number(beside)}.",
        others(networks, name, lambda values: number(float(values[-1]))),
    )
