"""What claims about local linear maps are judged by: numbers of each text, with replicates over documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import xarray as xr

from residyn.claims.claim import Criterion
from residyn.claims.depth_nulls import flips
from residyn.claims.teleports import NO_DEPTH, signed_mean
from residyn.control_names import MODEL, PERMUTED, UNTRAINED_PREFIX
from residyn.numerics.groups import weighted_mean
from residyn.numerics.linear_maps import GINIBRE_HENRICI, GINIBRE_SKEW
from residyn.numerics.nan import finite_mean
from residyn.quantities.at_samples import plan_of_samples, thirds
from residyn.quantities.replicates import Plan
from residyn.schema import LAYER, PROBE, SAMPLE, SUBLAYER

LEAST_LAYERS = 3
"""Fewest layers that have a first and a last third."""


class MapNumbers(NamedTuple):
    """Numbers by name: one for each text, (N,); their means and replicates, (1 + B, 1); the plan of these."""

    by_text: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    plan: Plan


@dataclass(frozen=True)
class LocalMaps:
    """The model's numbers; those of random matrices in the place of its maps; and those of other networks.

    `same` are the model's at the texts of the other networks.
    """

    model: MapNumbers
    random: MapNumbers
    same: MapNumbers | None = None
    permuted: MapNumbers | None = None
    untrained: tuple[MapNumbers, ...] = field(default=())


def local_maps(networks: Mapping[str, xr.Dataset], resamples: int, seed: int) -> LocalMaps | None:
    """What claims about maps are judged by, from the maps of `rd.jacobians` by network; None without the model's.

    Networks are called "model", "untrained-0", "untrained-1", …, "permuted-weights". They are compared at texts
    that all of them have; where there are none, the others than the model are left out.
    """
    if MODEL not in networks:
        return None
    own = networks[MODEL]
    others = {
        name: maps for name, maps in networks.items() if name == PERMUTED or name.startswith(UNTRAINED_PREFIX)
    }
    labels = own[SAMPLE].values
    for maps in others.values():
        labels = labels[np.isin(labels, maps[SAMPLE].values)]
    whole = _numbers(own, _of_maps, resamples, seed), _numbers(own, _of_random_matrices, resamples, seed)
    if not others or not len(labels):
        return LocalMaps(*whole)

    def there(maps: xr.Dataset) -> MapNumbers:
        return _numbers(maps.sel({SAMPLE: labels}), _of_maps, resamples, seed)

    return LocalMaps(
        *whole,
        same=there(own),
        permuted=there(others[PERMUTED]) if PERMUTED in others else None,
        untrained=tuple(there(maps) for name, maps in others.items() if name != PERMUTED),
    )


def text_null(criterion: Criterion, found: MapNumbers, seed: int) -> np.ndarray:
    """Values of a criterion of one number where each text's distance from the threshold has a random sign.

    Texts of one group of documents have one sign; see `flips`.
    """
    signs = 1.0 - 2.0 * flips(found.plan.n_groups, np.random.default_rng(seed))
    (name,) = criterion.needs
    apart = found.by_text[name][:, None] - criterion.threshold
    return criterion.compute(
        {name: criterion.threshold + signed_mean(signs[:, found.plan.group], apart)}, NO_DEPTH
    )


def _numbers(
    maps: xr.Dataset, of: Callable[[xr.Dataset], dict[str, np.ndarray]], resamples: int, seed: int
) -> MapNumbers:
    plan, by_text = plan_of_samples(maps, seed, resamples), of(maps)
    curves = {name: weighted_mean(values[:, None], plan.group, plan.weights) for name, values in by_text.items()}
    return MapNumbers(by_text, curves, plan)


def _of_maps(maps: xr.Dataset) -> dict[str, np.ndarray]:
    """Of layers' maps the means over the first and the last third; of their product, its rank at the end."""
    skew, henrici = (_thirds(maps, f"layer_{name}") for name in ("skew_share", "henrici"))
    rank, random = (_at_end(maps, f"layer_{name}") for name in ("product_rank", "ginibre_product_rank"))
    growth, of_random = (_mean(maps, f"{name}excess_exponent") for name in ("", "ginibre_"))
    return {
        "early_skew_beyond_random": skew[0] - GINIBRE_SKEW,
        "skew_early_beyond_late": skew[0] - skew[1],
        "early_henrici_beyond_random": henrici[0] - GINIBRE_HENRICI,
        "henrici_early_beyond_late": henrici[0] - henrici[1],
        "late_skew": skew[1],
        "product_rank_share": rank / float(maps.attrs["n_units"]),
        "product_rank_over_random": np.log(rank / random),
        "excess_exponent": growth,
        "excess_exponent_beyond_random": growth - of_random,
    }


def _of_random_matrices(maps: xr.Dataset) -> dict[str, np.ndarray]:
    """The same of Ginibre matrices with the Frobenius norms of the maps, at the same texts."""
    level = np.zeros(maps.sizes[SAMPLE])
    return {
        **dict.fromkeys(_of_maps(maps), level),
        "late_skew": level + GINIBRE_SKEW,
        "product_rank_share": _at_end(maps, "layer_ginibre_product_rank") / float(maps.attrs["n_units"]),
        "excess_exponent": _mean(maps, "ginibre_excess_exponent"),
    }


def _thirds(maps: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    values = maps[name].transpose(SAMPLE, LAYER).values.astype(np.float64)
    if values.shape[1] < LEAST_LAYERS:
        unknown = np.full(len(values), np.nan)
        return unknown, unknown
    return thirds(values)


def _at_end(maps: xr.Dataset, name: str) -> np.ndarray:
    return maps[name].transpose(SAMPLE, LAYER).values[:, -1].astype(np.float64)


def _mean(maps: xr.Dataset, name: str) -> np.ndarray:
    """The mean over depth of the exponent of the probe that grows the most, for each text."""
    values = maps[name].isel({PROBE: 0}).transpose(SAMPLE, SUBLAYER).values.astype(np.float64)
    return finite_mean(values, axis=1)
