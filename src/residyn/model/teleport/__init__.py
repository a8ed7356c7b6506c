"""Teleports: move the residual stream of a text's last token to chosen points, and record where it goes."""

from residyn.model.teleport.experiment import teleport
from residyn.model.teleport.folder import open_teleports

__all__ = ["open_teleports", "teleport"]
