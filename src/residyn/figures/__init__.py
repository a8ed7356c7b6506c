"""Drawings of labelled results: `plot` one function a panel, the composites, and how they are saved."""

from residyn.figures import plot

__all__ = ["plot"]
