"""Captions of panels I to K: paths in the space of principal components, and dimension."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.quantities.autoencoder import NAME, OF_COMPONENTS, PATHS
from residyn.quantities.summaries import whole
from residyn.report.captions.phrases import around, change, extreme, sentences
from residyn.schema import CURVE, SAMPLE, SUBLAYER
from residyn.words import counted, interval, listed, number, percent

_SPACES = {
    "global": "one space fitted to all states",
    "held out": "a space fitted to half of the samples and judged on the others",
    "equalised": "a space in which every sublayer has the same variance",
    "z-scored": "a space of z-scored units",
}


def plane(results: xr.Dataset) -> tuple[str, ...]:
    return (_paths(results, 2), "The coloured line is the mean path; its colour is the depth.")


def in_space(results: xr.Dataset) -> tuple[str, ...]:
    return (_paths(results, 3),)


def mean_path(results: xr.Dataset) -> tuple[str, ...]:
    """How straight the mean path is, beside a random walk with its steps."""
    own, walk = (
        interval(*results[f"mean_path{of}straightness_curve"].sel(bound=["value", "low", "high"]).values.tolist())
        for of in ("_", "_walk_")
    )
    return (
        f"From beginning to end the mean path covers {own} of its length; a random walk with steps of the same "
        f"lengths covers {walk}.",
    )


def mean_offset(results: xr.Dataset) -> tuple[str, ...]:
    """How far the mean states before MLPs are off the line, beside a random walk."""
    own, walk = (whole(results[f"mean_path{of}offset"]) for of in ("_", "_walk_"))
    return (
        f"Averaged over layers, the mean state before an MLP is {number(own)} of the line's length off it; of a "
        f"random walk with steps of the same lengths, {number(walk)}.",
    )


def _paths(results: xr.Dataset, n: int) -> str:
    scores = results["pc_scores"]
    samples = counted(scores.sizes[SAMPLE], "sample")
    text = f"Paths of {samples} along the first {n} components of one PCA of all states"
    if "explained" not in scores.coords:
        return f"{text}."
    shares = [f"{percent(float(share))} (PC{i + 1})" for i, share in enumerate(scores["explained"].values[:n])]
    return f"{text}, which carry {listed(shares)} of their variance."


def cumulative(results: xr.Dataset) -> tuple[str, ...]:
    shares = results["explained_variance"].transpose(SUBLAYER, "component")
    labels = [str(label) for label in shares[SUBLAYER].values]
    most = int(shares["component"].values[-1])
    ten = min(10, most)
    said = [
        f"The first {f'{k} components hold' if k > 1 else 'component holds'} a share of a sublayer's variance "
        f"that is {extreme(shares.sel(component=k).values, labels, percent)}."
        for k in dict.fromkeys((ten, most))
        if extreme(shares.sel(component=k).values, labels, percent)
    ]
    return tuple(said)


def by_sublayer(results: xr.Dataset) -> tuple[str, ...]:
    shares = results["explained_variance_by_sublayer"].transpose("space", SUBLAYER)
    known = [
        f"{course} in {_SPACES[str(name)]}"
        for name, values in zip(shares["space"].values, shares.values, strict=True)
        if str(name) in _SPACES and (course := change(values, percent))
    ]
    return sentences(around("Over the depth the explained share", listed(known)), _own_axes(results))


def _own_axes(results: xr.Dataset) -> str:
    if "participation_ratio" not in results:
        return ""
    ratio = change(results["participation_ratio"].values)
    text = around("On its own axes a sublayer's cloud has a participation ratio that", ratio, "")
    axes = change(results["components_for_90"].values) if "components_for_90" in results else ""
    if not (text and axes):
        return f"{text}." if text else ""
    return f"{text}; the number of axes for 90 % of its variance {axes}."


def autoencoder(results: xr.Dataset) -> tuple[str, ...]:
    """What an autoencoder's plane explains, mean over sublayers, and two components; where it is more."""
    own = results[f"{NAME}{CURVE}"].sel(bound="value").values
    components = results[OF_COMPONENTS].values
    known = np.isfinite(own) & np.isfinite(components)
    if not known.any():
        return ()
    more = int((results[f"{NAME}{CURVE}"].sel(bound="low").values[known] > components[known]).sum())
    return (
        f"The autoencoder's plane explains {percent(float(own[known].mean()))} of a sublayer's variance on "
        f"held-out documents, mean over sublayers, and that of two principal components "
        f"{percent(float(components[known].mean()))}; at {more} of {int(known.sum())} sublayers its interval lies "
        "above theirs.",
    )


def autoencoder_paths(results: xr.Dataset) -> tuple[str, ...]:
    """What is drawn of the plane, and of which network it is."""
    attrs = results[PATHS].attrs
    return (
        f"Paths of held-out samples in the plane of an autoencoder of the widths {attrs['widths']}, best after "
        f"{counted(int(attrs['epochs']), 'epoch')}; each begins at the ring and ends at the dot. Its axes have no "
        "scale and no order.",
    )
