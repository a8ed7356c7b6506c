"""What claims about skipped blocks are judged by: numbers of the outputs of each text."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.claims.at_texts import LEAST_LAYERS, AtTexts, at_texts
from residyn.quantities.at_samples import thirds
from residyn.schema import LAYER, SAMPLE

ROUNDING = 1e-9
"""Least divergence, in nats, of distributions that are made of logits in single precision."""


def outputs(networks: Mapping[str, xr.Dataset], resamples: int, seed: int) -> AtTexts | None:
    """What claims about skipped blocks are judged by, from `rd.outputs` by network; None without the model's.

    Of the texts in which blocks were skipped; None too where there are none.
    """
    skipped = {name: found.isel({SAMPLE: np.flatnonzero(_skipped(found))}) for name, found in networks.items()}
    return at_texts({name: one for name, one in skipped.items() if one.sizes[SAMPLE]}, _of_skips, resamples, seed)


def _skipped(found: xr.Dataset) -> np.ndarray:
    return found["skip_kl"].notnull().any(LAYER).values


def _of_skips(found: xr.Dataset) -> dict[str, np.ndarray]:
    """Of each text the log ratio of the median divergences, late blocks over early ones; and how often its most
    likely token stays without a late block. Each has the name of the curve that it is of.
    """
    kl, stays = (
        found[name].transpose(SAMPLE, LAYER).values.astype(np.float64) for name in ("skip_kl", "skip_agreement")
    )
    if kl.shape[1] < LEAST_LAYERS:
        unknown = np.full(len(kl), np.nan)
        return {"outputs.skip_kl": unknown, "outputs.skip_agreement": unknown}
    third = kl.shape[1] // 3
    early, late = (np.maximum(np.median(some, axis=1), ROUNDING) for some in (kl[:, :third], kl[:, -third:]))
    # Where half of the blocks rule out what the model does not, a ratio says nothing.
    known = np.isfinite(early) & np.isfinite(late)
    ratio = np.log(np.where(known, late, 1.0)) - np.log(np.where(known, early, 1.0))
    return {
        "outputs.skip_kl": np.where(known, ratio, np.nan),
        "outputs.skip_agreement": thirds(stays)[1],
    }
