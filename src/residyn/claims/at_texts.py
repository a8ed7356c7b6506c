"""What claims about numbers of single texts are judged by: the model's and other networks', with replicates over
documents.
"""

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
from residyn.quantities.at_samples import plan_of_samples
from residyn.quantities.replicates import Plan
from residyn.schema import SAMPLE

LEAST_LAYERS = 3
"""Fewest layers that have a first and a last third."""
ByText = Callable[[xr.Dataset], dict[str, np.ndarray]]
"""What gives the numbers of each text, (N,), by name."""


class TextNumbers(NamedTuple):
    """Numbers by name: one for each text, (N,); their means and replicates, (1 + B, 1); the plan of these."""

    by_text: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    plan: Plan


@dataclass(frozen=True)
class AtTexts:
    """The model's numbers; those of random matrices in the place of its maps; and those of other networks.

    `same` are the model's at the texts of the other networks.
    """

    model: TextNumbers
    random: TextNumbers | None = None
    same: TextNumbers | None = None
    permuted: TextNumbers | None = None
    untrained: tuple[TextNumbers, ...] = field(default=())


def at_texts(
    networks: Mapping[str, xr.Dataset], by_text: ByText, resamples: int, seed: int, *, random: ByText | None = None
) -> AtTexts | None:
    """The numbers `by_text` of each network, and `random` ones of the model; None without the model.

    Networks are called "model", "untrained-0", "untrained-1", …, "permuted-weights". They are compared at texts
    that all of them have; where there are none, the others than the model are left out.
    """
    if MODEL not in networks:
        return None

    def numbers(found: xr.Dataset, of: ByText) -> TextNumbers:
        plan, made = plan_of_samples(found, seed, resamples), of(found)
        curves = {name: weighted_mean(values[:, None], plan.group, plan.weights) for name, values in made.items()}
        return TextNumbers(made, curves, plan)

    own = networks[MODEL]
    others = {
        name: found for name, found in networks.items() if name == PERMUTED or name.startswith(UNTRAINED_PREFIX)
    }
    labels = own[SAMPLE].values
    for found in others.values():
        labels = labels[np.isin(labels, found[SAMPLE].values)]
    whole = numbers(own, by_text), None if random is None else numbers(own, random)
    if not others or not len(labels):
        return AtTexts(*whole)
    there = {name: numbers(found.sel({SAMPLE: labels}), by_text) for name, found in others.items()}
    return AtTexts(
        *whole,
        same=numbers(own.sel({SAMPLE: labels}), by_text),
        permuted=there.get(PERMUTED),
        untrained=tuple(found for name, found in there.items() if name != PERMUTED),
    )


def text_null(criterion: Criterion, found: TextNumbers, seed: int) -> np.ndarray:
    """Values of a criterion of one number where each text's distance from the threshold has a random sign.

    Texts of one group of documents have one sign; see `flips`.
    """
    signs = 1.0 - 2.0 * flips(found.plan.n_groups, np.random.default_rng(seed))
    (name,) = criterion.needs
    apart = found.by_text[name][:, None] - criterion.threshold
    return criterion.compute(
        {name: criterion.threshold + signed_mean(signs[:, found.plan.group], apart)}, NO_DEPTH
    )
