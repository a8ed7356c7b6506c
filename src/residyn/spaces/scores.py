"""Trajectories in a space: the scores of the states, and the axes (panel I)."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.schema import SAMPLE, SUBLAYER, along, label_result
from residyn.spaces.record import COMPONENT, Space
from residyn.walk import Progress

PC = "pc"
"""The dimension of these scores: few components, beside the many that a space and its shares of variance have."""


def pc_scores(states: xr.DataArray, space: Space, n: int = 3, *, progress: Progress | None = None) -> xr.DataArray:
    """Scores of the states on the first n axes, (sample, sublayer, pc), float32. Panel I.

    In units of activation, or of what the space scales states to. The coordinate `explained` is each
    component's share of the total variance of the states fitted; in a space fitted per sublayer it has that
    dimension too. Cut to the components the space has. Raises DataError for states the space does not fit,
    UsageError for n < 1.

    >>> rd.pc_scores(states, rd.fit_space(states, n_components=3), n=2).dims
    ('sample', 'sublayer', 'pc')
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise UsageError(f"n is a number of components, at least 1; got {n!r}.")
    return label_scores(states, space, space.project(states, n_components=int(n), progress=progress).values)


def label_scores(states: xr.DataArray, space: Space, scores: np.ndarray) -> xr.DataArray:
    """What `pc_scores` returns, of the scores (N, S, n)."""
    explained = space.explained.isel({COMPONENT: slice(scores.shape[2])})
    return label_result(
        scores,
        (SAMPLE, SUBLAYER, PC),
        {
            **along(states, SAMPLE, SUBLAYER),
            PC: explained[COMPONENT].values,
            "explained": explained.rename({COMPONENT: PC}).variable,
        },
        quantity="pc_scores",
        units="activation" if not _scaled(space) else "scaled activation",
        definition="(h / scale − mean) · axes; explained = share of the total variance of the states fitted",
        source="Fernando & Guitchounts 2025, Fig. 1I",
        states=states,
        parameters={"space": json.loads(space.axes.attrs["parameters"])},
        seed=space.axes.attrs["seed"],
    )


def pc_axes(space: Space) -> xr.DataArray:
    """The axes of a space, orthonormal rows (component, unit), with `explained` as in `pc_scores`. Panel I.

    A space fitted per sublayer has axes (sublayer, component, unit).

    >>> rd.pc_axes(rd.fit_space(states, n_components=3)).dims
    ('component', 'unit')
    """
    return space.axes.assign_coords(explained=space.explained.variable)


def _scaled(space: Space) -> bool:
    return bool((space.unit_scale != 1).any() or (space.sublayer_scale != 1).any())
