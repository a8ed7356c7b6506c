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

from residyn.arrays import as_real, length, on_host
from residyn.axis_names import DEPTH_NAME, PLACE_NAMES, UNIT_NAME, name_attributes
from residyn.errors import DataError

SAMPLE, SUBLAYER, UNIT, TRANSITION = "sample", "sublayer", "unit", "transition"
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


def from_array(
    array: Any,
    layers: Sequence[int] | None = None,
    sites: Sequence[str] | None = None,
    *,
    depth_name: str | None = None,
    place_names: Sequence[str] | None = None,
    unit_name: str | None = None,
    sample: Sequence[Hashable] | np.ndarray | None = None,
    sample_coords: Mapping[str, Sequence[Any] | np.ndarray] | None = None,
    **attrs: Any,
) -> xr.DataArray:
    """States captured by another tool, or a recording of neurons, as residyn's labelled states.

    `array` is (n_samples, n_sublayers, n_units), numpy, dask or torch, of any real numbers: they become float32,
    or float64 where float32 does not hold them all. `layers` and `sites` name its second axis,
    e.g. layers=[0, 0, 1, 1], sites=["attn", "mlp", "attn", "mlp"]; without them each place is a layer of its own,
    of site "block". `sample` labels the samples (default 0 … n−1).

    Of a recording, `depth_name` is what a place of the second axis is called ("time bin", "area"), `place_names`
    its places one by one (["V1", "V4", "IT"]), and `unit_name` what a unit is ("neuron"): figures, tables and the
    report use these words.

    Keywords with a value for each sample, `document`, `text_id`, `last_token`, `position` and `n_tokens`, become
    coordinates along the samples, and `sample_coords` holds coordinates of other names. Where several samples are
    of one document, name the `document` of each, a whole number ≥ 0, or −1 where it is not known: intervals, and
    samples held out, are then of whole documents. All other keywords, numbers and strings, become attributes.

    Raises DataError where the shapes do not fit, a site is not one of `residyn.schema.SITES`, a coordinate
    has not one entry for each sample or is of the wrong kind, or where a keyword of another name has one entry
    for each sample.

    >>> walks = np.random.default_rng(0).normal(size=(60, 4, 16)).cumsum(axis=1)
    >>> rd.from_array(walks, layers=[0, 0, 1, 1], sites=["attn", "mlp"] * 2, document=np.arange(60) // 3).dims
    ('sample', 'sublayer', 'unit')
    """
    data = as_real(_in_order(array))
    layers = range(data.shape[1] if data.ndim == 3 else 0) if layers is None else layers
    sites = ["block"] * len(layers) if sites is None else sites
    if len(layers) != len(sites):
        raise DataError(f"layers and sites name the same axis; got {len(layers)} layers and {len(sites)} sites.")
    if place_names is not None and len(place_names) != len(set(layers)):
        raise DataError(
            f"place_names has one name for each layer, here {len(set(layers))}; got {len(place_names)}. "
            "Name the places in their order."
        )
    coords, known = dict(sample_coords or {}), dict(attrs)
    known |= name_attributes(depth_name, unit_name, place_names)
    for name, value in attrs.items():
        n = length(value)
        if n is None:
            continue
        if name in coords:
            raise DataError(f"{name!r} came twice, by its name and in sample_coords. Give it once.")
        if name in SAMPLE_COORDS:
            coords[name] = known.pop(name)
        elif data.shape[:1] == (n,):
            raise DataError(
                f"Keywords of from_array are attributes, or coordinates by the names {', '.join(SAMPLE_COORDS)}; "
                f"{name!r} has one entry for each of the {n} samples and is neither. Give it as "
                f"sample_coords={{{name!r}: …}}, or as a string to keep it as an attribute."
            )
    sublayers = [Sublayer(int(layer), str(site)) for layer, site in zip(layers, sites, strict=True)]
    return label_states(data, sublayers, sample=sample, sample_coords=coords, attrs=known)


def _in_order(array: Any) -> Any:
    """An array whose axes are named as those of states, in their order; DataError where a name is out of place."""
    if not isinstance(array, xr.DataArray):
        return array
    if {*array.dims} == {*STATE_DIMS}:
        return array.transpose(*STATE_DIMS)
    places = zip(array.dims, STATE_DIMS, strict=False)
    if any(dim in STATE_DIMS and dim != place for dim, place in places):
        raise DataError(
            f"The axes of states are {STATE_DIMS}; those of this array are {array.dims}. Transpose it, or give "
            "array.values with its axes in that order."
        )
    return array


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
