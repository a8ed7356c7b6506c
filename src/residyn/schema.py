"""The data contract: dimensions, coordinates and attributes of states, transitions and results.

states       (sample, sublayer, unit)   float32, the residual stream before a sublayer reads it
transitions  one fewer than sublayers, each of a kind: "within" | "cross" | "block"
results      states' dimensions and "transition", with the provenance attributes of `PROVENANCE`
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.arrays import as_real, on_host
from residyn.axis_names import DEPTH_NAME, PLACE_NAMES, UNIT_NAME
from residyn.errors import DataError

SAMPLE, SUBLAYER, UNIT, TRANSITION = "sample", "sublayer", "unit", "transition"
LAYER, PROBE = "layer", "probe"
"""Of local linear maps: whole layers, and the vectors that each is applied to."""
DOCUMENT = "document"
"""Coordinate along the samples: the document that each is of, `NO_DOCUMENT` where that is not known."""
NO_DOCUMENT = -1
STATE_DIMS = (SAMPLE, SUBLAYER, UNIT)
SAMPLE_COORDS = (DOCUMENT, "text_id", "last_token", "position", "n_tokens")
"""Coordinates along the samples that residyn knows: whole numbers, or of `text_id` strings too."""
BOUND, BOUNDS = "bound", ("value", "low", "high")
"""The dimension of a curve beside its places: its value and the ends of its interval."""
CURVE, BY_KIND = "_curve", "_by_kind"
"""What follows a quantity's name where its curve stands, and the means of that over each kind of transition."""
TRANSITION_KIND = "transition_kind"
KINDS = ("within", "cross", "block")
FORMAT_VERSION = 1

MIXERS = MappingProxyType(
    {
        "attn": "attention",
        "mamba": "Mamba",
        "conv": "convolution",
        "linear_attn": "linear attention",
        "mixer": "mixer",
    }
)
"""Sites of states that enter what carries information from token to token, and what it is called: attention, a
state-space mixer, a short convolution, linear attention; "mixer" is another, or several that make one write."""
SITES = MappingProxyType({**MIXERS, "mlp": "MLP", "block": "block", "out": "output"})
"""Every site that a state can be of, and the name of what reads the state."""

DRAWN_FROM = "drawn_from"
"""The attribute of results that are of some samples: how many there are in all."""
STATES_PROVENANCE = (
    "model",
    "texts",
    "position",
    "capture_dtype",
    "states_hash",
    "distinct_last_tokens",
    "tie_fraction",
    "sites",
    "partial",
    "dropped",
    "null",
    DRAWN_FROM,
    DEPTH_NAME,
    UNIT_NAME,
    PLACE_NAMES,
)
"""Attributes of states that every result made of them keeps, where they are known."""


class Sublayer(NamedTuple):
    """One place on the depth axis: the state that sublayer `site` of layer `layer` reads."""

    layer: int
    site: str

    @property
    def label(self) -> str:
        return f"{self.layer}.{self.site}"


def label_states(
    data: Any,
    sublayers: Sequence[Sublayer],
    *,
    sample: Sequence[Hashable] | np.ndarray | None = None,
    sample_coords: Mapping[str, Sequence[Any] | np.ndarray] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Label an array (numpy or dask) of shape (n_samples, n_sublayers, n_units) as states.

    Values become float32 or float64, as `residyn.arrays.float_of` says. `sample` names the rows (default 0 … n−1);
    `sample_coords` are further coordinates along them, such as
    `text_id`, `n_tokens`, `last_token`. Raises DataError where a shape does not fit, and where a coordinate has
    not one entry for each sample or, of `SAMPLE_COORDS`, is not of its kind.
    """
    data = as_real(data)
    if data.ndim != 3:
        raise DataError(
            f"States need three dimensions {STATE_DIMS}, got an array of shape {data.shape}. "
            "Stack the states of one sample as (sublayer, unit) first."
        )
    if data.shape[1] != len(sublayers):
        raise DataError(
            f"The array of shape {data.shape} has {data.shape[1]} sublayers on its second axis, "
            f"but {len(sublayers)} sublayers were named. Name one (layer, site) per state."
        )
    labels = [s.label for s in sublayers]
    if len(set(labels)) != len(labels):
        twice = sorted({label for label in labels if labels.count(label) > 1})
        raise DataError(f"Each sublayer is named once; these came twice: {', '.join(twice)}.")
    unknown = sorted({s.site for s in sublayers} - set(SITES))
    if unknown:
        raise DataError(f"A site is one of {', '.join(SITES)}; got {', '.join(map(repr, unknown))}.")
    n = data.shape[0]
    coords: dict[str, Any] = {
        SAMPLE: np.arange(n) if sample is None else _sample_coord(SAMPLE, sample, n),
        SUBLAYER: np.array(labels),
        UNIT: np.arange(data.shape[2]),
        "layer": (SUBLAYER, np.array([s.layer for s in sublayers], dtype=np.int64)),
        "site": (SUBLAYER, np.array([s.site for s in sublayers])),
    }
    for name, values in (sample_coords or {}).items():
        if name in coords:
            raise DataError(
                f"Coordinates along the samples have names of their own; {name!r} is one that all states have. "
                "Take another name."
            )
        coords[name] = (SAMPLE, _sample_coord(name, values, n))
    states = xr.DataArray(data, dims=STATE_DIMS, coords=coords, name="states")
    states.attrs = {
        "quantity": "residual stream",
        "units": "activation",
        "n_samples": int(data.shape[0]),
        **(attrs or {}),
    }
    return states


def _sample_coord(name: str, values: Any, n: int) -> np.ndarray:
    """The entries of a coordinate along n samples, (n,); DataError where they do not fit."""
    entries = np.asarray(on_host(values))
    if entries.shape != (n,):
        raise DataError(
            f"{name!r} has one entry for each of the {n} samples; got an array of shape {entries.shape}. Give "
            "as many entries as the array has samples, in their order."
        )
    if name not in SAMPLE_COORDS:
        return entries
    if name == "text_id" and all(isinstance(entry, str) for entry in entries):
        return entries.astype(str)
    if entries.dtype.kind not in "iu" or (entries.dtype.kind == "u" and n and entries.max() >= 2**63):
        wanted = "whole numbers below 2⁶³" + (" or strings" if name == "text_id" else "")
        raise DataError(
            f"{name!r} holds {wanted}; got {entries.dtype}. Give integers; names become numbers by "
            "np.unique(names, return_inverse=True)[1]."
        )
    if name == DOCUMENT and entries.min(initial=0) < NO_DOCUMENT:
        raise DataError(
            f"A document is a whole number ≥ 0, or {NO_DOCUMENT} where it is not known; got {entries.min()}. "
            "Number the documents from 0."
        )
    return entries.astype(np.int64)


def check_states(states: xr.DataArray) -> None:
    """Raise DataError unless `states` follows the data contract."""
    if not isinstance(states, xr.DataArray) or states.dims != STATE_DIMS:
        came = states.dims if isinstance(states, xr.DataArray) else type(states).__name__
        raise DataError(f"Expected states with dimensions {STATE_DIMS}, got {came}. {_instead_of(states)}")
    missing = [name for name in ("layer", "site") if name not in states.coords]
    if missing:
        raise DataError(
            f"States lack the coordinate {' and '.join(map(repr, missing))} along 'sublayer'. "
            "Use residyn.from_array(array, layers=..., sites=...)."
        )


def _instead_of(states: Any) -> str:
    if isinstance(states, xr.Dataset):
        return "Take the states out of it: dataset['states']."
    dims = states.dims if isinstance(states, xr.DataArray) else ()
    if {*dims} == {*STATE_DIMS}:
        return f"Put them into that order: states.transpose{STATE_DIMS}."
    if dims and {*dims} < {*STATE_DIMS}:
        lacking = next(dim for dim in STATE_DIMS if dim not in dims)
        return f"Choose by a list, which keeps the dimension: states.isel({lacking}=[0])."
    return "Use residyn.open_states(DIR) or residyn.from_array(array, layers=..., sites=...)."


def sublayers_of(states: xr.DataArray) -> list[Sublayer]:
    """The sublayers of states or of a per-sublayer result, in order of depth."""
    return [Sublayer(int(n), str(s)) for n, s in zip(states["layer"].values, states["site"].values, strict=True)]


def transition_kind(before: Sublayer, after: Sublayer) -> str:
    """Which part of the network lies between two successive states.

    "within": attention wrote it, or what stands in its place (n.attn→n.mlp, n.mamba→n.mlp); "cross": an MLP wrote
    it (n.mlp→n+1.attn, n.mlp→n+1.conv, or →n.out); "block": a whole block or more (parallel blocks, blocks of one
    mixer, or sublayers left out in between).
    """
    if before.site in MIXERS and after == Sublayer(before.layer, "mlp"):
        return "within"
    next_layer = after.layer == before.layer + 1 and after.site in MIXERS
    if before.site == "mlp" and (next_layer or after == Sublayer(before.layer, "out")):
        return "cross"
    return "block"


def role_of(site: str) -> str:
    """What a state's site stands for within a layer: "mixer" for all of `MIXERS`, else the site itself.

    States that enter attention and states that enter a mixer in its place are of one kind where curves over depth
    are compared within kinds; what they enter differs.
    """
    return "mixer" if site in MIXERS else site


def transition_coords(states: xr.DataArray) -> dict[str, Any]:
    """Coordinates of the transitions between successive sublayers: label, kind, and the layer they leave."""
    places = sublayers_of(states)
    if len(places) < 2:
        raise DataError(f"A transition needs two sublayers; these states have {len(places)}.")
    pairs = list(itertools.pairwise(places))
    return {
        TRANSITION: np.array([f"{a.label}→{b.label}" for a, b in pairs]),
        "kind": (TRANSITION, np.array([transition_kind(a, b) for a, b in pairs])),
        "from_layer": (TRANSITION, np.array([a.layer for a, _ in pairs], dtype=np.int64)),
    }


def provenance_of(states: xr.DataArray) -> dict[str, Any]:
    """Attributes that every result of these states has: their number, their origin, residyn's version."""
    known = {name: states.attrs[name] for name in STATES_PROVENANCE if name in states.attrs}
    return {"n_samples": int(states.sizes[SAMPLE]), "residyn_version": version("residyn"), **known}


def along(states: xr.DataArray, *dims: str) -> dict[str, Any]:
    """The coordinates of `states` that lie along one of `dims` each: labels, layer and site, text_id, …"""
    return {
        str(name): coordinate.variable
        for name, coordinate in states.coords.items()
        if len(coordinate.dims) == 1 and coordinate.dims[0] in dims
    }


def documents_of(states: xr.DataArray) -> np.ndarray:
    """The document of each sample, (N,) int64; where it is not known a number below −1 of the sample's own."""
    alone = -2 - np.arange(states.sizes[SAMPLE])
    if DOCUMENT not in states.coords:
        return alone
    known = states[DOCUMENT].values
    return np.where(known == NO_DOCUMENT, alone, known)


def label_result(
    data: Any,
    dims: Iterable[str],
    coords: Mapping[str, Any],
    *,
    quantity: str,
    units: str,
    definition: str,
    source: str,
    states: xr.DataArray,
    parameters: Mapping[str, Any] | None = None,
    seed: int | None = None,
    **notes: Any,
) -> xr.DataArray:
    """Label computed numbers as a result, with what is needed to trust and repeat them.

    `quantity` is the result's name; `units`, `definition` and `source` (paper panel or reference) say what it
    is; provenance is taken over from `states`; `notes` are further attributes, such as counts of constant
    units. Attributes that are mappings are kept as JSON text, because a stored array keeps plain values.
    """
    attrs: dict[str, Any] = {
        "quantity": quantity,
        "units": units,
        "definition": definition,
        "source": source,
        "parameters": json.dumps(dict(parameters or {}), sort_keys=True),
    }
    if seed is not None:
        attrs["seed"] = seed
    attrs |= provenance_of(states) | notes
    return xr.DataArray(data, dims=tuple(dims), coords=dict(coords), name=quantity, attrs=attrs)
