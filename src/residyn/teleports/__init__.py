"""Teleports: targets to move the stream to, and what the moved states say."""

from residyn.teleports.field import affine as affine
from residyn.teleports.flow import at_horizon as at_horizon
from residyn.teleports.flow import flow as flow
from residyn.teleports.radii import return_fraction as return_fraction
from residyn.teleports.summaries import beside as beside
from residyn.teleports.summaries import summary as summary
from residyn.teleports.summaries import teleport_table as teleport_table
from residyn.teleports.targets import combine as combine
from residyn.teleports.targets import discs as discs
from residyn.teleports.targets import grid as grid
from residyn.teleports.targets import isotropic as isotropic
from residyn.teleports.targets import no_op as no_op
from residyn.teleports.targets import swaps as swaps
