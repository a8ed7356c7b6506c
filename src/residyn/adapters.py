"""States that other tools have captured, and recordings, as residyn's labelled states."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn.arrays import as_real, length, on_host
from residyn.axis_names import name_attributes
from residyn.errors import DataError
from residyn.schema import SAMPLE_COORDS, STATE_DIMS, Sublayer, label_states

_RESIDUAL = re.compile(r"blocks\.(\d+)\.hook_resid_(pre|mid|post)")


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


def from_hidden_states(hidden_states: Sequence[Any], *, attention_mask: Any = None, **known: Any) -> xr.DataArray:
    """States before each block, (sample, sublayer, unit), from the `hidden_states` of a transformers model.

    `hidden_states` is what `model(**inputs, output_hidden_states=True).hidden_states` gives: one tensor
    (text, token, unit) before each block, and one after the final norm. The last is no state of the residual
    stream and is left out. A sample is the last token of a text: the last place that `attention_mask`
    (text, token) marks with 1, and without a mask the last place. States before the MLPs are not among
    `hidden_states`; `rd.capture` reads them. `known` goes to `rd.from_array`: text_id, document, last_token, …

    Raises DataError where there are fewer than three tensors, their shapes differ, or a text has no token.

    >>> import numpy as np, residyn as rd
    >>> hidden = tuple(np.random.default_rng(0).normal(size=(5, 7, 16)) for _ in range(4))
    >>> rd.from_hidden_states(hidden).sublayer.values.tolist()
    ['0.block', '1.block', '2.block']
    """
    if isinstance(hidden_states, np.ndarray) or not isinstance(hidden_states, Sequence) or len(hidden_states) < 3:
        raise DataError(
            "hidden_states is a tuple of tensors (text, token, unit), one for each block and one after the last "
            f"norm; got {_described(hidden_states)}. Give what model(**inputs, output_hidden_states=True) has by "
            "this name."
        )
    if isinstance(hidden_states[0], tuple | list):
        raise DataError(
            f"hidden_states is a tuple of tensors; got a tuple of {len(hidden_states)} tuples, as generate() "
            "gives: one for each token that was made. Give one of them; hidden_states[0] is of the prompt."
        )
    last = _last_tokens(as_real(hidden_states[0]).shape, attention_mask)
    states = _stacked({f"hidden_states[{i}]": one for i, one in enumerate(hidden_states[:-1])}, last)
    n = states.shape[1]
    return from_array(states, range(n), ["block"] * n, **known)


def from_cache(cache: Mapping[str, Any], *, attention_mask: Any = None, **known: Any) -> xr.DataArray:
    """States before attention and before the MLP, (sample, sublayer, unit), from an activation cache.

    `cache` maps TransformerLens's names to tensors (text, token, unit), as `model.run_with_cache(tokens)[1]` does:
    `blocks.N.hook_resid_pre` becomes N.attn, `blocks.N.hook_resid_mid` N.mlp, and the last `hook_resid_post`
    N.out; where no block has a state in the middle, each has one state, N.block. Other names are passed over.
    TransformerLens by default centres what is written to the stream, so that its states are not those of
    the model as it was published. A sample is the last token of a text, as in `rd.from_hidden_states`, and
    `known` goes to `rd.from_array`.

    Raises DataError where no such name is there, a block lacks one that others have, or shapes differ.

    >>> import numpy as np, residyn as rd
    >>> normal = np.random.default_rng(0).normal
    >>> names = [f"blocks.{n}.hook_resid_{part}" for n in range(2) for part in ("pre", "mid", "post")]
    >>> states = rd.from_cache({name: normal(size=(5, 7, 16)) for name in names})
    >>> states.sublayer.values.tolist()
    ['0.attn', '0.mlp', '1.attn', '1.mlp', '1.out']
    """
    found = {
        (int(match[1]), match[2]): name for name in cache if (match := _RESIDUAL.fullmatch(str(name))) is not None
    }
    blocks = sorted({block for block, part in found if part == "pre"})
    if not blocks:
        raise DataError(
            "An activation cache has tensors named blocks.N.hook_resid_pre; got "
            f"{', '.join(sorted(map(str, cache))[:5]) or 'an empty one'}. Let run_with_cache keep the names that "
            'end in "resid_pre", "resid_mid" and "resid_post".'
        )
    halves = any(part == "mid" for _, part in found)
    places = [(n, part) for n in range(blocks[-1] + 1) for part in (("pre", "mid") if halves else ("pre",))]
    if lacking := [f"blocks.{n}.hook_resid_{part}" for n, part in places if (n, part) not in found]:
        raise DataError(f"Every block has the same states in a cache; {', '.join(lacking[:5])} is not there.")
    sites = {"pre": "attn" if halves else "block", "mid": "mlp", "post": "out"}
    places += [(blocks[-1], "post")] if (blocks[-1], "post") in found else []
    tensors = {found[place]: cache[found[place]] for place in places}
    last = _last_tokens(as_real(next(iter(tensors.values()))).shape, attention_mask)
    states = _stacked(tensors, last)
    return from_array(states, [n for n, _ in places], [sites[part] for _, part in places], **known)


def from_npz(path: str | os.PathLike[str], **known: Any) -> xr.DataArray:
    """States (sample, sublayer, unit) out of a .npz file, as `numpy.savez` writes it.

    The array `states`, or the only one with three dimensions, holds them. `layers` and `sites` of the file name
    its second axis as `rd.from_array` takes them; arrays with one entry for each sample become coordinates along
    the samples; texts and single numbers become attributes, and `depth_name`, `place_names` and `unit_name` what
    the axes are called. `known` goes to `rd.from_array`, before what the file says. Pickled objects are not read.

    Raises DataError where the file cannot be read, holds pickled objects or not the one array that is wanted, and
    as `rd.from_array` does.

    >>> import tempfile, numpy as np, residyn as rd
    >>> file = tempfile.mkdtemp() + "/recording.npz"
    >>> trials = np.random.default_rng(0).normal(size=(5, 3, 16))
    >>> np.savez(file, states=trials, document=[0, 0, 1, 1, 2], depth_name="time bin", model="mouse 3")
    >>> rd.from_npz(file).attrs["model"]
    'mouse 3'
    """
    place = Path(path).expanduser()
    try:
        with np.load(place, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{place} is not a .npz file of plain arrays: {(str(error) or repr(error)).splitlines()[0]}. "
            "Write it with numpy.savez(file, states=array), without objects."
        ) from error
    wanted = [name for name, array in arrays.items() if array.ndim == 3]
    chosen = "states" if "states" in arrays else wanted[0] if len(wanted) == 1 else None
    if chosen is None:
        raise DataError(
            f"{place} has one array of three dimensions, or one named states; it holds "
            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items()) or 'none'}. Name it states."
        )
    states = arrays.pop(chosen)
    named = {name: arrays.pop(name).tolist() for name in ("layers", "sites", "place_names") if name in arrays}
    single = {name: arrays.pop(name).item() for name in list(arrays) if arrays[name].ndim == 0}
    coords = {name: array for name, array in arrays.items() if array.shape == states.shape[:1]}
    if strangers := arrays.keys() - coords.keys():
        raise DataError(
            f"Beside its states, {place} holds arrays with one entry for each of the {len(states)} samples; "
            f"{', '.join(f'{name} {arrays[name].shape}' for name in sorted(strangers))} is none. Leave it out."
        )
    own = {name: coords.pop(name) for name in ("sample", *SAMPLE_COORDS) if name in coords}
    coords |= known.pop("sample_coords", {})
    return from_array(states, **{**named, **own, **single, **known}, sample_coords=coords)


def _last_tokens(shape: tuple[int, ...], mask: Any) -> np.ndarray:
    """The place of the last token of each text."""
    if len(shape) != 3:
        raise DataError(f"Each tensor has the shape (text, token, unit); got {shape}.")
    if mask is None:
        return np.full(shape[0], shape[1] - 1)
    marked = np.asarray(on_host(mask)) != 0
    if marked.shape != shape[:2]:
        raise DataError(f"attention_mask has the shape (text, token), here {shape[:2]}; got {marked.shape}.")
    if not marked.any(axis=1).all():
        raise DataError(f"Text {int(np.argmin(marked.any(axis=1)))} has no token: its attention_mask is all 0.")
    return shape[1] - 1 - np.argmax(marked[:, ::-1], axis=1)


def _stacked(tensors: Mapping[str, Any], last: np.ndarray) -> np.ndarray:
    """The states of the last tokens, (text, tensor, unit)."""
    made: list[np.ndarray] = []
    for name, tensor in tensors.items():
        values = np.asarray(as_real(tensor))
        if values.ndim != 3 or len(values) != len(last) or (made and values.shape[2] != made[0].shape[1]):
            raise DataError(
                f"Tensors of one pass have one shape (text, token, unit); {name} has {values.shape}, beside "
                f"{len(last)} texts{f' of {made[0].shape[1]} units' if made else ''}."
            )
        made.append(values[np.arange(len(last)), last])
    return np.stack(made, axis=1)


def _described(given: Any) -> str:
    return f"{type(given).__name__} of {len(given)}" if hasattr(given, "__len__") else type(given).__name__
