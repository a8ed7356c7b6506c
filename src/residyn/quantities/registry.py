"""Every quantity there is: each module of the catalogue is imported, and what it declares is found there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache

from residyn.errors import UsageError
from residyn.quantities import catalogue
from residyn.quantities.record import Quantity


@cache
def quantities() -> Mapping[str, Quantity]:
    """The quantities by name, in the order of Figure 1's panels, then those that no panel shows.

    Raises ValueError where two have one name.
    """
    found = sorted(_declared(), key=lambda quantity: quantity.panel or "Z")
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


def _declared() -> Iterator[Quantity]:
    for module in pkgutil.iter_modules(catalogue.__path__):
        for value in vars(importlib.import_module(f"{catalogue.__name__}.{module.name}")).values():
            if isinstance(value, Quantity):
                yield value
