"""Captions of panels E to H: cosine, velocity and mutual information from one state to the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from residyn.figures.style import ESTIMATOR_NAMES
from residyn.quantities import positions
from residyn.quantities.summaries import beyond_floor, curve, tie_share, whole, whole_by_kind
from residyn.report.captions.phrases import (
    MOST_TIED,
    around,
    by_kind_in_words,
    by_name,
    courses,
    extreme,
    higher_within,
    labels_of,
    sentences,
    without_most,
)
from residyn.schema import TRANSITION
from residyn.words import listed, number, percent


def cosine(results: xr.Dataset) -> tuple[str, ...]:
    array = results["cosine"]
    return sentences(
        around("The mean cosine is", by_kind_in_words(whole_by_kind(array))),
        _courses(array, "it"),
        higher_within(array, "It"),
    )


def velocity(results: xr.Dataset) -> tuple[str, ...]:
    array = results["velocity"]
    where = extreme(curve(array).values, labels_of(array, TRANSITION))
    return sentences(
        _courses(array, "the mean step"),
        around("Of all transitions the mean step is", where),
        _relative(results),
        _without(results),
    )


def by_place(quantity: str, what: str) -> Callable[[xr.Dataset], tuple[str, ...]]:
    """The sentences on a quantity by place: its mean over all transitions, at the first places and at the last."""

    def caption(results: xr.Dataset) -> tuple[str, ...]:
        means = positions.by_place(results[quantity])
        first, last = (f"{number(whole(means[end].values))} at {_place(means[end])}" for end in (0, -1))
        return sentences(
            f"Over all transitions, the {what} is {first}, and {last}.",
            f"Ranges of places double, and have {listed([str(n) for n in means['n_samples'].values])} samples.",
        )

    return caption


def _place(mean: xr.DataArray) -> str:
    first, last = int(mean["first"]), int(mean["last"])
    said = f"{first}" if first == last else f"{first} to {last}"
    return f"tokens with {said} before them"


def _relative(results: xr.Dataset) -> str:
    if "relative_velocity" not in results:
        return ""
    means = whole_by_kind(results["relative_velocity"])
    return around("Relative to the state's length a step is", by_kind_in_words(means, percent))


def _without(results: xr.Dataset) -> str:
    if "velocity_without_massive" not in results:
        return ""
    without = results["velocity_without_massive"]
    most, none = int(without["left_out"].values.max()), without.sel(left_out=0).values
    if most == 0 or np.isnan(none).all():
        return ""
    top = int(np.nanargmax(none))
    label = str(without[TRANSITION].values[top])
    left = float(without.sel(left_out=most).values[top])
    said = f"{number(left)} instead of {number(none[top])}"
    return f"{without_most(most)} the step at {label} is {said}."


def _courses(array: xr.DataArray, what: str) -> str:
    return around(f"Over the depth {what}", listed(by_name(courses(array))))


def information_map(results: xr.Dataset) -> tuple[str, ...]:
    """Of the estimator that is drawn, the first."""
    nats = results["mutual_information"]
    drawn = nats.isel(estimator=0)
    medians = whole_by_kind(drawn, "median")
    return sentences(
        around(
            f"By the {_name(nats, 0)} estimator the median over units and transitions is",
            by_kind_in_words(medians, lambda value: f"{number(value)} nats"),
        ),
        _infinite(nats, 0),
        _tied(drawn),
    )


def information(results: xr.Dataset) -> tuple[str, ...]:
    nats = results["mutual_information"]
    said = []
    for i in range(nats.sizes["estimator"]):
        each = courses(nats.isel(estimator=i))
        found = by_name({kind: f"{course} nats" for kind, course in each.items()})
        said.append(around(f"By the {_name(nats, i)} estimator the mean over units", listed(found)))
        said.append(_infinite(nats, i))
    return sentences(*said, _shuffled(results), *beyond_linear(results))


def _infinite(nats: xr.DataArray, i: int) -> str:
    """How many values of an estimator are infinite: a mean over these would be, whatever the others are."""
    drawn = nats.isel(estimator=i).values
    n = int(np.isinf(drawn).sum())
    if not n:
        return ""
    are = "is infinite and is" if n == 1 else "are infinite and are"
    return f"Of the {drawn.size:,} values of the {_name(nats, i)} estimator {n:,} {are} left out."


def _name(nats: xr.DataArray, i: int) -> str:
    name = str(nats["estimator"].values[i])
    return ESTIMATOR_NAMES.get(name, name)


def _tied(drawn: xr.DataArray) -> str:
    share = tie_share(drawn)
    top = int(np.nanargmax(share)) if not np.isnan(share).all() else 0
    if not share[top] > MOST_TIED:
        return ""
    label = str(drawn[TRANSITION].values[top])
    return (
        f"At {label} {percent(share[top])} of the median unit's samples are tied: an estimate there rests on few "
        "values."
    )


def _shuffled(results: xr.Dataset) -> str:
    if "mutual_information_shuffle" not in results:
        return ""
    shuffled = results["mutual_information_shuffle"]
    means = [whole(shuffled.isel(estimator=i)) for i in range(shuffled.sizes["estimator"])]
    found = [f"{number(mean)} ({_name(shuffled, i)})" for i, mean in enumerate(means) if not np.isnan(mean)]
    return around("With the samples of the later state shuffled it averages", listed(found), " nats.")


def beyond_linear(results: xr.Dataset) -> tuple[str, ...]:
    """How far the first estimator lies from what the correlation alone implies."""
    nats = results["mutual_information"]
    if "gaussian_floor" not in nats.coords:
        return ()
    distance = beyond_floor(nats)
    if np.isnan(distance):
        return ()
    return (
        f"The information's median distance from what the linear correlation alone implies, −½ ln(1 − r²), is "
        f"{number(distance)} nats ({_name(nats, 0)}).",
    )
