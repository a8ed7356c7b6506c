"""What is computed to judge claims, task by task: the statistics, their nulls, and what they are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

import numpy as np
import xarray as xr

from residyn.claims import columns
from residyn.claims.claim import KINDS, MASSIVE, ORDER, UNTRAINED, Claim, Part
from residyn.claims.curves import beside_null, curve_null
from residyn.claims.ledger import Ledger, Values
from residyn.errors import DataError
from residyn.nulls import surrogate
from residyn.quantities.curves import COMPONENTS, Curves
from residyn.quantities.curves import curves as measured
from residyn.quantities.massive import leave_out, massive_ratio, massive_units
from residyn.quantities.replicates import Plan, plan_of
from residyn.schema import SAMPLE, SUBLAYER, check_states
from residyn.settings import ClaimsSettings

CURVE_NULLS = "curve nulls"
"""The task whose values are, of each statistic with a null of its curve, the draws' mean, p and their number."""


class Work:
    """States, the claims that are judged on them, and the samples on which controls are compared, chosen once."""

    def __init__(
        self,
        states: xr.DataArray,
        results: xr.Dataset | None,
        controls: Mapping[str, xr.DataArray],
        settings: ClaimsSettings,
        chosen: Collection[Claim],
    ) -> None:
        self.states, self.results, self.controls, self.settings = states, results, controls, settings
        self.parts = list({part.name: part for claim in chosen for part in claim.parts}.values())
        self.wanted = {name for claim in chosen for name in (*claim.imitations, *claim.removals)}
        self.plan = plan_of(states, settings.resamples, settings.claims_seed)
        labels = _common_labels(states, controls, settings)
        self.some = states.isel({SAMPLE: np.flatnonzero(np.isin(states[SAMPLE].values, labels))}).load()
        self.paired = plan_of(self.some, settings.resamples, settings.claims_seed)

    def tasks(self) -> Iterator[tuple[str, Callable[[], Ledger]]]:
        """Each task by its name, under which its values stand in the ledger."""
        if not self.parts:
            return
        yield "model", self._of_model
        yield columns.SAME, lambda: {columns.SAME: self._values(self.some, self.paired)}
        for name in (MASSIVE, *columns.SURROGATES, *columns.CAPTURED):
            if name in self.wanted and columns.CAPTURED.get(name, name) in (name, *self.controls):
                for draw in range(columns.n_draws(name)):
                    yield f"{name} {draw}", partial(self._of_column, name, draw)
        for twin in columns.twins_of(self.controls) if UNTRAINED in self.wanted else ():
            yield twin, partial(self._of_twin, twin)
        for null in self._nulls():
            column = columns.column_of(null)
            drawn = columns.n_draws(column) if column in self.wanted else 0
            for draw in range(drawn, self.settings.null_draws):
                yield f"null {null} {draw}", partial(self._of_null, null, draw)

    def _nulls(self) -> list[str]:
        """The nulls of states that the claims are tested on."""
        of_curves = (None, ORDER, KINDS)
        return list(dict.fromkeys(str(part.null) for part in self.parts if part.null not in of_curves))

    def _values(self, states: xr.DataArray, plan: Plan, axes: np.ndarray | None = None) -> Values:
        return values_of(self._evidence(states, plan, axes), self.parts)

    def _evidence(self, states: xr.DataArray, plan: Plan, axes: np.ndarray | None = None) -> Curves:
        curves = {curve for part in self.parts for curve in part.needs}
        curves |= {
            other
            for name in columns.QUANTITIES
            if name in self.wanted
            for curve, other in columns.QUANTITIES[name].items()
            if curve in curves
        }
        return measured(states, plan, sorted(curves), axes=axes)

    def _of_model(self) -> Ledger:
        """The statistics with their replicates, those of quantities in their places, and the nulls of curves."""
        found = self._evidence(self.states, self.plan, self._axes())
        made: Ledger = {
            name: values_of(columns.as_quantity(found, name), self.parts)
            for name in columns.QUANTITIES
            if name in self.wanted
        }
        nulls: Values = {}
        for part in self.parts:
            if part.null in (ORDER, KINDS) and set(part.needs) <= set(found.curves):
                drawn = curve_null(part, found, self.settings.claims_seed)
                value = float(part.compute({name: found.curves[name][:1] for name in part.needs}, found.kind)[0])
                nulls[part.name] = list(beside_null(value, drawn, above=part.above))
        return {**made, CURVE_NULLS: nulls, "model": values_of(found, self.parts)}

    def _axes(self) -> np.ndarray | None:
        """The global components that the results keep, where these are as many as are judged."""
        if self.results is None or len(self.results.get("pc_axes", ())) < COMPONENTS:
            return None
        return self.results["pc_axes"].values[:COMPONENTS]

    def _of_column(self, name: str, draw: int) -> Ledger:
        plan = self.paired if name in columns.REMOVALS else self.paired.only_data
        if name == MASSIVE:
            known = self.results is not None and "massive_ratio" in self.results
            ratio = self.results["massive_ratio"] if known else massive_ratio(self.states)  # type: ignore[index]
            states = leave_out(self.some, massive_units(ratio, columns.LEFT_OUT))
        elif name in columns.SURROGATES:
            states = surrogate(self.some, columns.SURROGATES[name].null, seed=self._seed(draw))
        else:
            states = self._control(columns.CAPTURED[name])
        return {f"{name} {draw}": self._values(states, plan)}

    def _of_twin(self, twin: str) -> Ledger:
        return {twin: self._values(self._control(twin), self.paired)}

    def _of_null(self, null: str, draw: int) -> Ledger:
        """A null's statistics, of the curves that they need and no more."""
        parts = [part for part in self.parts if part.null == null]
        drawn = surrogate(self.some, null, seed=self._seed(draw))
        needed = sorted({curve for part in parts for curve in part.needs})
        found = measured(drawn, self.paired.only_data, needed)
        return {f"null {null} {draw}": values_of(found, parts)}

    def _control(self, name: str) -> xr.DataArray:
        """A control's states, in the order of the model's, in memory: they are read several times."""
        return self.controls[name].sel({SAMPLE: self.some[SAMPLE].values}).load()

    def _seed(self, draw: int) -> int:
        """Another for every draw, and none shared by two seeds below a million."""
        return self.settings.claims_seed + 1_000_000 * (draw + 1)


def values_of(found: Curves, parts: Collection[Part]) -> Values:
    """Every statistic whose curves are there."""
    return {
        part.name: part.compute(found.curves, found.kind).tolist()
        for part in parts
        if all(name in found.curves for name in part.needs)
    }


def _common_labels(
    states: xr.DataArray, controls: Mapping[str, xr.DataArray], settings: ClaimsSettings
) -> np.ndarray:
    """Labels of the samples that the model and its controls are compared on: those that all controls have."""
    known = states[SAMPLE].values
    if not controls:
        order = np.random.default_rng(settings.claims_seed).permutation(len(known))
        return known[order[: settings.null_samples]]
    common = known
    for name, control in controls.items():
        check_states(control)
        if control.shape[1:] != states.shape[1:]:
            raise DataError(
                f"Controls are captured at the sublayers of the model: the states have {states.shape[1]} of "
                f"{states.shape[2]} units, and {name} has {control.shape[1]} of {control.shape[2]}. "
                f"Capture {name} again, of the same model."
            )
        common = np.intersect1d(common, control[SAMPLE].values)
    if not len(common):
        raise DataError(
            f"Controls are captured on samples of the model's own; {', '.join(controls)} have no sample in common "
            f"with the states along {SAMPLE!r}, at {states.sizes[SUBLAYER]} sublayers. Capture them of this run."
        )
    return common
