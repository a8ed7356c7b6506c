"""Runs beside each other over relative depth, whatever their numbers of layers and units.

Relative depth is 0 at the first sublayer's state and 1 at the last one's; a transition lies in the middle between
its two states.
"""

from residyn.comparison.axes import said_of_axes, shared_axes, shared_axes_table
from residyn.comparison.checkpoints import beginnings, checkpoint_table
from residyn.comparison.claims import ABSENT, claims_table
from residyn.comparison.curves import curves
from residyn.comparison.depth import relative_depth
from residyn.comparison.differences import differences
from residyn.comparison.folder import check_folder, write_folder, writing_to
from residyn.comparison.quantities import shared_estimator
from residyn.comparison.similarity import paired, representation_similarity, similarity_table
from residyn.comparison.training_steps import step_of, steps_of_runs
from residyn.comparison.trajectories import distance_table, trajectory_distance

__all__ = [
    "ABSENT",
    "beginnings",
    "check_folder",
    "checkpoint_table",
    "claims_table",
    "curves",
    "differences",
    "distance_table",
    "paired",
    "relative_depth",
    "representation_similarity",
    "said_of_axes",
    "shared_axes",
    "shared_axes_table",
    "shared_estimator",
    "similarity_table",
    "step_of",
    "steps_of_runs",
    "trajectory_distance",
    "write_folder",
    "writing_to",
]
