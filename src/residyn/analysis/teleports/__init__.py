"""Teleports: targets to move the stream to, and what the moved states say."""

from residyn.analysis.teleports.field import affine as affine
from residyn.analysis.teleports.flow import at_horizon as at_horizon
from residyn.analysis.teleports.flow import flow as flow
from residyn.analysis.teleports.radii import return_fraction as return_fraction
from residyn.analysis.teleports.summaries import beside as beside
from residyn.analysis.teleports.summaries import summary as summary
from residyn.analysis.teleports.summaries import teleport_table as teleport_table
from residyn.analysis.teleports.targets import combine as combine
from residyn.analysis.teleports.targets import discs as discs
from residyn.analysis.teleports.targets import grid as grid
from residyn.analysis.teleports.targets import isotropic as isotropic
from residyn.analysis.teleports.targets import no_op as no_op
from residyn.analysis.teleports.targets import swaps as swaps
