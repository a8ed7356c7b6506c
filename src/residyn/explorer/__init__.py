"""The explorer: one self-contained page to walk through a run's trajectories, units, curves and teleports."""

from residyn.explorer.write import write_explorer

__all__ = ["write_explorer"]
