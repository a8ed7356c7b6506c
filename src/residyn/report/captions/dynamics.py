"""Captions of the panels of the figure "Dynamics"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from residyn.quantities.flows import NULL
from residyn.quantities.summaries import curve, whole, whole_by_kind
from residyn.report.captions.phrases import around, by_kind_in_words, sentences
from residyn.words import interval, listed, number, p_value, percent

Sentences = tuple[str, ...]


def write_cosine(results: xr.Dataset) -> Sentences:
    """The mean cosine of writes with the state, by kind of transition, beside that of random ones."""
    said = by_kind_in_words(whole_by_kind(results["write_cosine"]))
    return sentences(around("The cosine of a write with the state is", said, f" on average{_random(results)}."))


def successive_writes(results: xr.Dataset) -> Sentences:
    """The mean cosine of the writes to and from a state, by the state's site."""
    result = results["successive_writes_cosine"]
    values, sites = curve(result).values, result["site"].values.astype(str)
    means = {site: whole(values[sites == site]) for site in dict.fromkeys(sites.tolist())}
    said = listed([f"{number(mean)} at {site} states" for site, mean in means.items() if not np.isnan(mean)])
    head = "The cosine of the writes to and from a state is"
    return sentences(around(head, said, f" on average{_random(results)}."))


def earlier_writes(results: xr.Dataset) -> Sentences:
    """The mean share of writes among earlier ones, beside that of random ones."""
    share, chance = (whole(curve(results[f"earlier_writes_overlap{end}"])) for end in ("", "_random"))
    if np.isnan(share):
        return ()
    return (
        f"Of a write's squared length {number(share)} lies in the span of its sample's earlier writes on average; "
        f"of a write of random direction it would be {number(chance)}.",
    )


def _random(results: xr.Dataset) -> str:
    sd = results["write_cosine"].attrs.get("random_sd") if "write_cosine" in results else None
    return "" if sd is None else f"; single writes of random direction have 0 ± {number(float(sd))}"


def angles(results: xr.Dataset) -> Sentences:
    """The largest angle between sublayers, and where the data's pairs are farther apart than the walk's."""
    data, walk = (results[f"angular_distance{end}"].values for end in ("", "_walk"))
    pairs = np.triu_indices(len(data), 3)
    known = np.isfinite(data[pairs]) & np.isfinite(walk[pairs])
    if not known.any():
        return ()
    share = float((data[pairs] < walk[pairs])[known].mean())
    return (
        f"Above the diagonal the data, below it a walk with the same norms and angles: "
        f"{percent(share)} of the pairs three sublayers apart or more are nearer to each other than in the walk.",
    )


def alignment(results: xr.Dataset) -> Sentences:
    """Alignment of the first sublayer with the last, and of the two halves of the depth."""
    values = results["cka"].values
    half = len(values) // 2
    if not np.isfinite(values).any():
        return ()
    inside = [whole(part[np.triu_indices(len(part), 1)]) for part in (values[:half, :half], values[half:, half:])]
    return sentences(
        around(
            "Debiased CKA is",
            listed(
                [
                    f"{number(value)} {where}"
                    for value, where in zip(
                        (*inside, whole(values[:half, half:])),
                        ("within the first half of the depth", "within the second", "between the two"),
                        strict=True,
                    )
                    if not np.isnan(value)
                ]
            ),
            " on average.",
        )
    )


def over_quarter(results: xr.Dataset) -> Sentences:
    """The angle over a quarter of the layers from the early half and the late, beside the walk's."""
    data, walk = (results[f"angle_over_quarter{end}_curve"].sel(bound="value").values for end in ("", "_walk"))
    known = np.flatnonzero(np.isfinite(data))
    if not known.size:
        return ()
    parts = (known[: max(1, known.size // 2)], known[known.size // 2 :])
    said = [
        f"{number(whole(data[part]))} half turns from the {name} half of the places, "
        f"where a walk does by {number(whole(walk[part]))}"
        for part, name in zip(parts, ("first", "second"), strict=True)
    ]
    return (f"Over a quarter of the layers states turn by {listed(said)}.",)


def growth(name: str, what: str) -> Callable[[xr.Dataset], Sentences]:
    """The mean over transitions of a growth, and of that of a random walk."""

    def caption(results: xr.Dataset) -> Sentences:
        mean = whole(results[f"{name}_curve"].sel(bound="value"))
        if np.isnan(mean):
            return ()
        walk = f"; of a random walk {number(whole(results[f'{name}_walk']))}" if f"{name}_walk" in results else ""
        return (f"{what} is {number(mean)} per transition on average, in ln{walk}.",)

    return caption


def share(name: str, what: str) -> Callable[[xr.Dataset], Sentences]:
    """The mean over transitions of a share, and of that of a random walk."""

    def caption(results: xr.Dataset) -> Sentences:
        mean = whole(results[f"{name}_curve"].sel(bound="value"))
        if np.isnan(mean):
            return ()
        walk = (
            f", and {number(whole(results[f'{name}_walk']))} in a random walk" if f"{name}_walk" in results else ""
        )
        return (f"{what} is {number(mean)} on average{walk}.",)

    return caption


def by_distance(results: xr.Dataset) -> Sentences:
    """Growth of distances of the nearest quarter and of the farthest."""
    means = [whole(row) for row in results["pair_growth_by_distance"].values]
    walks = [whole(row) for row in results["pair_growth_by_distance_walk"].values]
    if np.isnan([means[0], means[-1]]).any():
        return ()
    return (
        f"Beside norms, distances of the nearest quarter of the pairs grow by {number(means[0])} per transition, "
        f"those of the farthest by {number(means[-1])}; in a random walk by {number(walks[0])} and "
        f"{number(walks[-1])}.",
    )


def rotation(results: xr.Dataset) -> Sentences:
    """The rotation ratio beside each null."""
    value, low, high = (float(results["rotation_ratio"].sel(bound=end)) for end in ("value", "low", "high"))
    if np.isnan(value):
        return ()
    drawn, p = results["rotation_drawn"], results["rotation_p"]
    nulls = [
        f"{number(whole(drawn.sel({NULL: name})))} with {name} ({p_value(float(p.sel({NULL: name})))})"
        for name in drawn[NULL].values
        if not np.isnan(whole(drawn.sel({NULL: name})))
    ]
    share = number(float(results["rotation_share"].sel(bound="value")))
    return (
        f"The best rotation explains {interval(value, low, high)} of what the best linear map explains of the "
        f"steps, which is a share of {share} of all; {listed(nulls)}.",
    )


def plane(results: xr.Dataset) -> Sentences:
    angle = float(results["rotation_plane"].attrs["angle_per_transition"])
    return (
        f"Paths of samples in the plane in which the best rotation is fastest, {number(abs(angle))} radians per "
        "transition; each begins at the ring and ends at the dot.",
    )
