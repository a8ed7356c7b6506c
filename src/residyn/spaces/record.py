"""A fitted space: axes with everything needed to project into it, to lift out of it, and to store it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import pca
from residyn.schema import SAMPLE, STATE_DIMS, SUBLAYER, UNIT, along, check_states
from residyn.shown import Shown
from residyn.spaces.coordinates import Coordinates, map_vectors
from residyn.walk import Progress, each_block

COMPONENT, TARGET, QUANTILE = "component", "target", "quantile"
ROBUST = (0.01, 0.99)
"""Quantiles of the scores between which a robust grid lies."""

_PREFIX = "pc_"


@dataclass(frozen=True, repr=False)
class Space(Shown):
    """Principal axes of states, and the coordinates they span.

    A state x at sublayer s has scores z = (x / (sublayer_scale_s · unit_scale) − mean) · axesᵀ. `axes`
    (component, unit) are orthonormal rows; components are labelled 1, 2, … and carry `variance` (component)
    of `total_variance`, in scaled units. `mean` (unit) is that of the scaled states. A space fitted per sublayer
    has a leading dimension sublayer on these four and on `score_quantiles` (quantile, component), the 1st and
    99th percentile of the scores of all states fitted, or of 4,000 samples drawn of them where axes are shared
    and more were fitted (attributes `n_samples` and `drawn_from`). `unit_scale` (unit) and `sublayer_scale`
    (sublayer) are 1 where nothing was scaled; `unit_used` (unit) is False for units left out, where axes are 0;
    `fitted` (sample) is False for samples held out of the fit. `axes.attrs` keep the provenance and the options.

    >>> space = rd.fit_space(states, n_components=3)
    >>> scores = space.project(states)
    >>> space.lift(scores).sizes == states.sizes
    True
    """

    axes: xr.DataArray
    mean: xr.DataArray
    variance: xr.DataArray
    total_variance: xr.DataArray
    score_quantiles: xr.DataArray
    unit_scale: xr.DataArray
    sublayer_scale: xr.DataArray
    unit_used: xr.DataArray
    fitted: xr.DataArray

    def shown(self) -> tuple[str, list[tuple[str, str]]]:
        most = self.explained.isel({COMPONENT: slice(0, 3)}).values
        first = [] if self.explained.ndim > 1 else [("explained", ", ".join(f"{100 * one:.1f} %" for one in most))]
        rows = [("components", f"{self.n_components} of {self.axes.sizes[UNIT]} units"), *first]
        each = "a sublayer" if SUBLAYER in self.axes.dims else "for all sublayers"
        return "Principal components", [*rows, ("axes", f"one set {each}")]

    @property
    def n_components(self) -> int:
        return self.axes.sizes[COMPONENT]

    @property
    def explained(self) -> xr.DataArray:
        """Share of the total variance of all states fitted that each component carries, in [0, 1]."""
        return (self.variance / self.total_variance).rename("explained")

    @property
    def by_sublayer(self) -> bool:
        """Whether scores depend on the sublayer a vector is taken at: axes or scales differ between them."""
        return SUBLAYER in self.axes.dims or bool((self.sublayer_scale != 1).any())

    def project(
        self,
        states: xr.DataArray | np.ndarray,
        *,
        sublayer: str | None = None,
        n_components: int | None = None,
        progress: Progress | None = None,
    ) -> xr.DataArray:
        """Scores of states on the axes, or on the first `n_components` of them.

        States (sample, sublayer, unit) are streamed: only the scores (sample, sublayer, component) are in
        memory, in float32, or in float64 where the states are. Any other vectors (…, unit), as an array
        (target, unit) or labelled, are projected in memory and in float64: (…, component), a NaN vector to
        NaN. In a space that differs between sublayers, such vectors need the label of the one they are taken
        at, as `sublayer` or as labels of a dimension of that name.

        Raises DataError for another number of units or for sublayers that the space does not know; UsageError
        where `sublayer` is missing, and for fewer than one component.
        """
        if n_components is not None and n_components < 1:
            raise UsageError(f"States are projected on at least one component, got n_components={n_components}.")
        first = slice(n_components)
        labels = self.axes[COMPONENT].values[first]
        if isinstance(states, xr.DataArray) and states.dims == STATE_DIMS:
            check_states(states)
            self._check_size(states, UNIT, self.axes.sizes[UNIT])
            here = self.coordinates(states[SUBLAYER].values, first)
            dtype = np.float64 if states.dtype == np.float64 else np.float32
            with pca.one_thread():
                parts = list(each_block(states, lambda block: here.scores(block).astype(dtype), progress))
            coords = {**along(states, SAMPLE, SUBLAYER), COMPONENT: labels}
            return xr.DataArray(np.concatenate(parts), dims=(SAMPLE, SUBLAYER, COMPONENT), coords=coords)
        vectors = _labelled(states, UNIT)
        self._check_size(vectors, UNIT, self.axes.sizes[UNIT])
        here = self.coordinates(self._sublayers_of(vectors, sublayer), first)
        return map_vectors(vectors, UNIT, COMPONENT, labels, here.scores)

    def lift(self, points: xr.DataArray | np.ndarray, sublayer: str | None = None) -> xr.DataArray:
        """The vector at each point: x = (z · axes + mean) · scale, dimensions (…, unit), float64.

        `points` are scores (…, component), labelled or as an array (target, component). With fewer components
        than the space has, they lie on the axes of their labels, or, without labels, on the first ones. All
        content off these axes is dropped, and units left out of the space are at their mean: the teleport
        target of the paper. `sublayer` is needed as in `project`. Raises DataError for components that the
        space does not have.
        """
        scores = _labelled(points, COMPONENT)
        here = self.coordinates(self._sublayers_of(scores, sublayer), self._positions(scores))
        return map_vectors(scores, COMPONENT, UNIT, self.axes[UNIT].values, here.points)

    def grid(
        self,
        n: int = 10,
        extent: Literal["robust"] | float = "robust",
        components: tuple[int, int] = (0, 1),
        sublayer: str | None = None,
    ) -> xr.DataArray:
        """Lifted vectors (target, unit) of n × n points, evenly spaced on two axes; the first axis runs fastest.

        `extent` "robust" spans, on each axis on its own, the 1st to the 99th percentile of the scores of all
        states fitted, so that one massive activation does not stretch it; a number r spans −r … r on both, as
        in the paper (±15). n = 1 is the middle. `components` are positions from 0; the coordinates along the
        targets, `pc1` and `pc2` for (0, 1), are the scores. `sublayer` is needed as in `project`.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise UsageError(f"A grid has n × n points, n a whole number of at least 1; got {n!r}.")
        if len(set(components)) != 2 or not all(c in range(self.n_components) for c in components):
            raise UsageError(
                f"A grid lies on two different components, positions 0 … {self.n_components - 1}; "
                f"got {components!r}."
            )
        sides = [
            np.linspace(*ends, num=n) if n > 1 else [sum(ends) / 2]
            for ends in self._ends(components, extent, sublayer)
        ]
        second, first = (side.ravel() for side in np.meshgrid(sides[1], sides[0], indexing="ij"))
        labels = self.axes[COMPONENT].values[list(components)]
        coords = {COMPONENT: labels, f"pc{labels[0]}": (TARGET, first), f"pc{labels[1]}": (TARGET, second)}
        points = xr.DataArray(np.stack([first, second], axis=1), dims=(TARGET, COMPONENT), coords=coords)
        return self.lift(points, sublayer).assign_attrs(units="activation", grid=int(n), extent=extent)

    def to_dataset(self) -> xr.Dataset:
        """The space as plain variables pc_axes, pc_mean, …, to be saved with results."""
        variables = {_PREFIX + field.name: getattr(self, field.name) for field in fields(self)}
        return xr.Dataset(variables, attrs=dict(self.axes.attrs))

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> Space:
        """The space that `to_dataset` wrote, also among other results; DataError where a variable is missing."""
        names = [field.name for field in fields(cls)]
        missing = [_PREFIX + name for name in names if _PREFIX + name not in dataset]
        if missing:
            raise DataError(
                f"A space is made of the variables {_PREFIX}*, and this Dataset lacks {', '.join(missing)}. "
                "Pass what space.to_dataset() returned."
            )
        # Among results, coordinates of others come along; this one would take the name of a property.
        own = dataset.drop_vars("explained", errors="ignore")
        return cls(**{name: own[_PREFIX + name].rename(name) for name in names})

    def coordinates(
        self, sublayers: Sequence[str] | np.ndarray | None = None, components: slice | np.ndarray = slice(None)
    ) -> Coordinates:
        """Plain axes, mean and scale at these sublayers (by label), or as all sublayers share them."""
        axes, mean, scale = self.axes.isel({COMPONENT: components}), self.mean, self.unit_scale.values[None]
        if self.by_sublayer:
            places = self._places(sublayers)
            scale = scale * self.sublayer_scale.values[places, None]
            if SUBLAYER in axes.dims:
                axes, mean = axes.isel({SUBLAYER: places}), mean.isel({SUBLAYER: places})
        n_units = axes.sizes[UNIT]
        return Coordinates(
            axes.values.reshape(-1, axes.sizes[COMPONENT], n_units), mean.values.reshape(-1, n_units), scale
        )

    def _ends(self, components: Sequence[int], extent: object, sublayer: str | None) -> list[tuple[float, float]]:
        """Where the sides of a grid begin and end."""
        if isinstance(extent, str) and extent == "robust":
            quantiles = self.score_quantiles
            if SUBLAYER in quantiles.dims:
                quantiles = quantiles.isel({SUBLAYER: self._places(None if sublayer is None else [sublayer])[0]})
            return [(float(low), float(high)) for low, high in quantiles.values[:, list(components)].T]
        if isinstance(extent, bool) or not isinstance(extent, int | float | np.number) or not 0 < extent < np.inf:
            raise UsageError(f"The extent of a grid is 'robust' or a number above 0, got {extent!r}.")
        return [(-float(extent), float(extent))] * 2

    def _places(self, sublayers: Sequence[str] | np.ndarray | None) -> np.ndarray:
        known = [str(name) for name in self.sublayer_scale[SUBLAYER].values]
        if sublayers is None:
            raise UsageError(
                "The axes or scales of this space differ between sublayers: name the one these vectors are taken "
                f"at, such as sublayer={known[0]!r}."
            )
        unknown = [str(name) for name in sublayers if str(name) not in known]
        if unknown:
            raise DataError(
                f"This space was fitted to the sublayers {known[0]} … {known[-1]}; it does not know "
                f"{', '.join(unknown)}. Fit a space to states that hold them."
            )
        return np.array([known.index(str(name)) for name in sublayers])

    def _sublayers_of(self, vectors: xr.DataArray, sublayer: str | None) -> np.ndarray | list[str] | None:
        if SUBLAYER in vectors.dims and SUBLAYER in vectors.coords:
            return vectors[SUBLAYER].values
        return None if sublayer is None else [sublayer]

    def _positions(self, scores: xr.DataArray) -> np.ndarray:
        """Which of the space's components the scores are on."""
        known = self.axes[COMPONENT].values.tolist()
        named = COMPONENT in scores.coords
        wanted = scores[COMPONENT].values.tolist() if named else known[: scores.sizes[COMPONENT]]
        if len(wanted) != scores.sizes[COMPONENT] or not set(wanted) <= set(known):
            raise DataError(
                f"Points lie on components among {known[0]} … {known[-1]}; these have {scores.sizes[COMPONENT]}"
                f"{f', labelled {wanted}' if named else ''}. Fit a space with more components, or give fewer."
            )
        return np.array([known.index(label) for label in wanted])

    def _check_size(self, vectors: xr.DataArray, dim: str, size: int) -> None:
        if vectors.sizes[dim] != size:
            raise DataError(
                f"This space has {size} units, and these vectors {vectors.sizes[dim]}. Project the states of the "
                "model it was fitted to."
            )


def _labelled(vectors: xr.DataArray | np.ndarray, dim: str) -> xr.DataArray:
    """Vectors as a labelled array that has the dimension `dim`."""
    if not isinstance(vectors, xr.DataArray):
        array = np.asarray(vectors)
        if array.ndim == 2:
            return xr.DataArray(array, dims=(TARGET, dim))
        vectors = xr.DataArray(array)
    if dim not in vectors.dims:
        raise DataError(
            f"Expected vectors with the dimension {dim!r}, or an array ({TARGET}, {dim}); got the dimensions "
            f"{vectors.dims} of shape {vectors.shape}."
        )
    return vectors
