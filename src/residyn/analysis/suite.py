"""Every result of panels B–F, from one reading of the states."""

from __future__ import annotations

import xarray as xr

from residyn.analysis import states as per_state
from residyn.analysis import units as per_unit
from residyn.analysis.correlations import correlation_density
from residyn.analysis.stream import Progress, summaries_of
from residyn.schema import STATES_PROVENANCE, transition_coords


def analyze(states: xr.DataArray, *, progress: Progress | None = None) -> xr.Dataset:
    """Compute the results of panels B–F, reading the states once.

    Returns a Dataset of mean_activation, magnitude, sign_kept, unit_correlation, correlation_density, norm,
    density, cosine, velocity and relative_velocity, each equal to what the function of its name returns, with
    its attributes. `progress(done_samples, total_samples)` is called after each block.

    Memory beside the result: two blocks of the states (256 MiB each at most, as the store cuts them).
    Raises DataError where the states break the data contract, are empty, have but one sublayer, or hold a
    non-finite value.
    """
    transition_coords(states)
    moments, sums = summaries_of(states, progress)
    correlation = per_unit.unit_correlation_from(moments, states)
    results = (
        per_unit.mean_activation_from(moments, states),
        per_unit.magnitude_from(sums, states),
        per_unit.sign_kept_from(moments, states),
        correlation,
        correlation_density(correlation),
        per_state.norm_from(sums, states),
        per_state.density_from(sums, states),
        per_state.cosine_from(sums, states),
        per_state.velocity_from(sums, states),
        per_state.relative_velocity_from(sums, states),
    )
    shared = ("n_samples", "residyn_version", *STATES_PROVENANCE)
    return xr.Dataset(
        {str(result.name): result for result in results},
        attrs={name: correlation.attrs[name] for name in shared if name in correlation.attrs},
    )
