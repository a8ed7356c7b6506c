"""Nulls of states: what a quantity would be if something in them were random."""

from residyn.nulls.against import against_null
from residyn.nulls.catalogue import NULLS
from residyn.nulls.null import Null
from residyn.nulls.surrogate import surrogate

__all__ = ["NULLS", "Null", "against_null", "surrogate"]
