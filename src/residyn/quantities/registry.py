"""Every quantity there is: each module of the catalogue is imported, and what it declares is found there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from residyn.catalogues import records_of
from residyn.errors import UsageError
from residyn.quantities.record import Quantity


@cache
def quantities() -> Mapping[str, Quantity]:
    """The quantities by name, in the order of Figure 1's panels, then those that no panel shows.

    Raises ValueError where two have one name.
    """
    found = sorted(
        records_of("residyn.quantities.catalogue", Quantity), key=lambda quantity: quantity.panel or "Z"
    )
    named = {quantity.name: quantity for quantity in found}
    if len(named) < len(found):
        names = [quantity.name for quantity in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Each quantity has a name of its own; declared twice: {', '.join(twice)}")
    return named


def quantity_named(name: str) -> Quantity:
    """The quantity of that name. Raises UsageError, naming those that there are."""
    known = quantities()
    if name not in known:
        raise UsageError(f"A quantity is one of {', '.join(known)}; got {name!r}.")
    return known[name]
