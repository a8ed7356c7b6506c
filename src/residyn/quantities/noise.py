"""The noise floor: how far states move when the same texts go through the same model in other batches."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import geometry
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, along, check_states, label_result, transition_coords


def noise_floor(states: xr.DataArray, again: xr.DataArray) -> xr.Dataset:
    """What the arithmetic's rounding alone changes, from states captured twice, samples paired by their labels.

    state_noise (sublayer): root mean square over samples of ‖h′ − h‖ / ‖h‖, NaN where every h is zero.
    velocity_noise and cosine_noise (transition): root mean square difference of the velocity, in units of
    activation, and of the cosine, between the two captures. 0 where both are the same bits. The attribute
    `n_samples` counts the pairs, `n_undefined` the values without a number, because a state is zero, and `texts`
    and `texts_again` say what each capture read and how, where that is known.

    What differs between conditions by less says nothing. In memory: both captures' common samples. Raises
    DataError where the states break the data contract, share no sample, have other sublayers or units, or a common
    sample holds a non-finite value in either capture.

    >>> again = states + np.float32(1e-4)
    >>> sorted(rd.noise_floor(states, again).data_vars)
    ['cosine_noise', 'state_noise', 'velocity_noise']
    """
    check_states(states)
    check_states(again)
    common = np.intersect1d(states[SAMPLE].values, again[SAMPLE].values)
    labels, labels_again = (part[SUBLAYER].values.tolist() for part in (states, again))
    if labels != labels_again or states.shape[2] != again.shape[2] or not len(common):
        raise DataError(
            f"A noise floor is of states captured twice; {len(common)} samples are in both, at {len(labels)} "
            f"sublayers from {labels[0]} and {len(labels_again)} from {labels_again[0]}, of {states.shape[2]} and "
            f"{again.shape[2]} units. Capture the same texts in other batches."
        )
    paired = states.sel({SAMPLE: common})
    one, other = (part.values.astype(np.float64) for part in (paired, again.sel({SAMPLE: common})))
    _check_range(one, common, "first")
    _check_range(other, common, "second")
    length = np.linalg.norm(one, axis=2)
    apart = np.linalg.norm(other - one, axis=2)
    relative = np.divide(apart, length, out=np.full(length.shape, np.nan), where=length > 0)
    sums, sums_again = geometry.path_sums(one), geometry.path_sums(other)
    found = {
        "state_noise": (relative, SUBLAYER, "1", "‖h′ − h‖ / ‖h‖"),
        "velocity_noise": (
            geometry.velocity(sums_again) - geometry.velocity(sums),
            TRANSITION,
            "activation",
            "difference of the velocity",
        ),
        "cosine_noise": (
            geometry.cosine(sums_again) - geometry.cosine(sums),
            TRANSITION,
            "1",
            "difference of the cosine",
        ),
    }
    captured = {
        name: part.attrs["texts"]
        for name, part in (("texts", states), ("texts_again", again))
        if "texts" in part.attrs
    }
    coords = {SUBLAYER: along(states, SUBLAYER), TRANSITION: transition_coords(states)}
    return xr.Dataset(
        {
            name: label_result(
                _root_mean_square(values),
                (dim,),
                coords[dim],
                quantity=name,
                units=units,
                definition=f"root mean square over samples of the {said}, of h and h′ from two captures",
                source="control: noise floor",
                states=paired,
                n_undefined=int(np.count_nonzero(~np.isfinite(values))),
                **captured,
            )
            for name, (values, dim, units, said) in found.items()
        }
    )


def _check_range(values: np.ndarray, samples: np.ndarray, capture: str) -> None:
    """Raise DataError for a NaN, or what is beyond float32's range, in values (N, S, D) of these samples."""
    bad = np.flatnonzero(~(np.abs(values) <= np.finfo(np.float32).max).all(axis=(1, 2)))
    if len(bad):
        label = samples[bad[0]].item()
        raise DataError(
            f"A noise floor needs finite states within float32's range; {len(bad)} of the {len(samples)} common "
            f"samples hold others in the {capture} capture, sample {label!r} the first. Capture them again in "
            'float32 or bfloat16, or leave them out: states[(abs(states) < 3e38).all(["sublayer", "unit"])].'
        )


def _root_mean_square(values: np.ndarray) -> np.ndarray:
    """Over the samples (N, P) that are defined; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    square = np.where(known, values, 0.0) ** 2
    mean = np.divide(square.sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
    return np.sqrt(mean)
