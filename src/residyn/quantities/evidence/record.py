"""Which samples are drawn together, and the curves that come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics.groups import groups_of, replicate_weights
from residyn.schema import SAMPLE, check_states, documents_of, transition_coords

GROUPS = 20


@dataclass(frozen=True)
class Plan:
    """How samples are resampled: the group (N,) of each, and the groups' weights (1 + B, G) in each replicate.

    Row 0 of the weights is the data itself. Groups are whole documents where the states say which a sample is
    of. `seed` decided both.
    """

    group: np.ndarray
    weights: np.ndarray
    seed: int

    @property
    def n_groups(self) -> int:
        return self.weights.shape[1]

    @property
    def only_data(self) -> Plan:
        """The same without replicates."""
        return replace(self, weights=self.weights[:1])


def plan_of(states: xr.DataArray, resamples: int, seed: int, n_groups: int = GROUPS) -> Plan:
    """The plan of some states. Samples of an unknown document are documents of their own.

    Raises DataError for states that break the data contract, and where there are none.
    """
    check_states(states)
    n = states.sizes[SAMPLE]
    if not n:
        raise DataError(f"Groups need at least one sample; these states have {dict(states.sizes)}. Capture some.")
    group = groups_of(documents_of(states), n_groups, seed)
    return Plan(group, replicate_weights(int(group.max()) + 1, resamples, seed), seed)


@dataclass(frozen=True)
class Evidence:
    """Curves over depth of some states, each (R, P): the data's in row 0, its replicates below.

    P places are sublayers, transitions, layers or the model as a whole, as `docs/claims.md` lists them. `kind`
    (T,) is that of the transitions.
    """

    curves: Mapping[str, np.ndarray]
    kind: np.ndarray
    n_samples: int
    n_groups: int


def kinds_of(states: xr.DataArray) -> np.ndarray:
    return np.asarray(transition_coords(states)["kind"][1])
