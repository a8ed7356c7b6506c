"""What samples' paths have in common, and the path of their mean (panel I)."""

from __future__ import annotations

import numpy as np

from residyn.numerics import nan
from residyn.numerics.moments import Moments
from residyn.numerics.trends import pairs_of_kinds
from residyn.quantities.gathers import MOMENTS, STEP_DIRECTIONS, mean_cosine_between_groups
from residyn.quantities.record import Quantity
from residyn.quantities.sums import Depth

_SOURCE = "Fernando & Guitchounts 2025, Fig. 1I (claim: trajectories are consistent and curved)"


def _straightness(weights: np.ndarray, found: Moments, _: Depth) -> np.ndarray:
    mean = found.mean
    length = np.linalg.norm(np.diff(mean, axis=1), axis=2).sum(axis=1)
    return nan.ratio(np.linalg.norm(mean[:, -1] - mean[:, 0], axis=1), length)[:, None]


def _offset(weights: np.ndarray, found: Moments, depth: Depth) -> np.ndarray:
    mean = found.mean
    pairs = pairs_of_kinds(depth.kind)
    start, middle, stop = (mean[:, pairs[:, 0] + i] for i in range(3))
    chord, side = stop - start, middle - start
    length = np.einsum("rld,rld->rl", chord, chord)
    along = np.einsum("rld,rld->rl", side, chord)
    square = np.maximum(np.einsum("rld,rld->rl", side, side) * length - along**2, 0.0)
    offset = np.full(mean.shape[:2], np.nan)
    offset[:, pairs[:, 0] + 1] = nan.ratio(np.sqrt(square), length)
    return offset


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
)
