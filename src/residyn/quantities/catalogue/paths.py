"""What samples' paths have in common, and the path of their mean (panel I)."""

from __future__ import annotations

import numpy as np

from residyn.numerics import nan, walks
from residyn.numerics.moments import Moments
from residyn.numerics.trends import pairs_of_kinds
from residyn.quantities.gathers import MOMENTS, STEP_DIRECTIONS, mean_cosine_between_groups
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth

_SOURCE = "Fernando & Guitchounts 2025, Fig. 1I (claim: trajectories are consistent and curved)"


def _steps(found: Moments) -> np.ndarray:
    """Lengths of the mean path's steps, (R, T)."""
    return np.linalg.norm(np.diff(found.mean, axis=1), axis=2)


def _straightness(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    mean = found.mean
    return nan.ratio(np.linalg.norm(mean[:, -1] - mean[:, 0], axis=1), _steps(found).sum(axis=1))[:, None]


def _offset(weights: np.ndarray, found: Moments, depth: Depth) -> np.ndarray:
    pairs = pairs_of_kinds(depth.kind)
    step = np.diff(found.mean, axis=1)
    return _between(walks.offset(step[:, pairs[:, 0]], step[:, pairs[:, 1]]), pairs, depth)


def _walk_offset(weights: np.ndarray, found: Moments, depth: Depth) -> np.ndarray:
    pairs = pairs_of_kinds(depth.kind)
    length = _steps(found)
    return _between(walks.expected_offset(length[:, pairs[:, 0]], length[:, pairs[:, 1]]), pairs, depth)


def _between(values: np.ndarray, pairs: np.ndarray, depth: Depth) -> np.ndarray:
    """Values of pairs of transitions (R, L) at the sublayers between the two, (R, S); NaN at others."""
    placed = np.full((len(values), len(depth.site)), np.nan)
    placed[:, pairs[:, 0] + 1] = values
    return placed


def _reach(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    return np.linalg.norm(found.mean - found.mean[:, :1], axis=2)


def _walk_reach(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    squares = np.cumsum(_steps(found) ** 2, axis=1)
    return np.sqrt(np.concatenate([np.zeros((len(squares), 1)), squares], axis=1))


SHARED_DIRECTION = Quantity(
    name="shared_direction",
    title="Direction that steps share",
    axis="transition",
    units="1",
    definition="mean cosine between the steps of two samples of different groups of documents: the share of the "
    "squared length of a step that samples have in common",
    source=_SOURCE,
    gather=STEP_DIRECTIONS,
    value=lambda weights, sums, _: mean_cosine_between_groups(weights, sums),
    undefined="fewer than two groups move",
    bounds=(-1.0, 1.0),
    panel="I",
)

MEAN_PATH_STRAIGHTNESS = Quantity(
    name="mean_path_straightness",
    title="Straightness of the mean path",
    axis="path",
    units="1",
    definition="distance between the first and the last mean state over the length of the mean path",
    source=_SOURCE,
    gather=MOMENTS,
    value=_straightness,
    undefined="the mean path has no length",
    bounds=(0.0, 1.0),
    panel="I",
    null_curve="mean_path_walk_straightness",
)

MEAN_PATH_OFFSET = Quantity(
    name="mean_path_offset",
    title="Offset of the mean states before the MLP",
    axis="sublayer",
    units="1",
    definition="distance of the mean state before an MLP from the line between the mean states before and after "
    "it, over the length of that line; NaN at other states",
    source=_SOURCE,
    gather=MOMENTS,
    value=_offset,
    undefined="the state is not between attention and MLP, or the line has no length",
    bounds=(0.0, np.inf),
    panel="I",
    drawing="bespoke",
    null_curve="mean_path_walk_offset",
)

MEAN_PATH_STEP = Quantity(
    name="mean_path_step",
    title="Steps of the mean path",
    axis="transition",
    units="activation",
    definition="length of the step from one mean state to the next",
    source=_SOURCE,
    gather=MOMENTS,
    value=lambda weights, found, _: _steps(found),
    bounds=(0.0, np.inf),
    panel="I",
)

MEAN_PATH_WALK_STRAIGHTNESS = Quantity(
    name="mean_path_walk_straightness",
    title="Straightness of a random walk with the mean path's steps",
    axis="path",
    units="1",
    definition="root of the sum of the mean path's squared step lengths over the sum of these lengths: the "
    "straightness of a path whose steps are perpendicular to one another, as random ones nearly are",
    source=_SOURCE,
    gather=MOMENTS,
    value=lambda weights, found, _: walks.expected_straightness(_steps(found))[:, None],
    undefined="the mean path has no length",
    bounds=(0.0, 1.0),
    panel="I",
)

MEAN_PATH_WALK_OFFSET = Quantity(
    name="mean_path_walk_offset",
    title="Offset of the states before the MLP of a random walk with the mean path's steps",
    axis="sublayer",
    units="1",
    definition="a·b/(a² + b²) of the lengths a and b of the mean path's steps before and after the state before "
    "an MLP: the offset where the two are perpendicular; NaN at other states",
    source=_SOURCE,
    gather=MOMENTS,
    value=_walk_offset,
    undefined="the state is not between attention and MLP, or neither step has a length",
    bounds=(0.0, 0.5),
    panel="I",
    drawing="bespoke",
)

MEAN_PATH_REACH = Quantity(
    name="mean_path_reach",
    title="Distance of the mean path from its beginning",
    axis="sublayer",
    units="activation",
    definition="distance of a sublayer's mean state from the first one",
    source=_SOURCE,
    gather=MOMENTS,
    value=_reach,
    bounds=(0.0, np.inf),
    panel="I",
    drawing="bespoke",
)

MEAN_PATH_WALK_REACH = Quantity(
    name="mean_path_walk_reach",
    title="Distance that a random walk with the mean path's steps reaches",
    axis="sublayer",
    units="activation",
    definition="root of the sum of the squared lengths of the mean path's steps so far: the distance where these "
    "are perpendicular to one another, as random ones nearly are",
    source=_SOURCE,
    gather=MOMENTS,
    value=_walk_reach,
    bounds=(0.0, np.inf),
    panel="I",
    drawing="bespoke",
)
