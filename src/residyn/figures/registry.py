"""Every panel there is: each module of the panels is imported, and what it declares is found there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache

from residyn.figures import generic, plot
from residyn.figures.panel import Inputs, Panel


@cache
def declared() -> tuple[Panel, ...]:
    """The panels in the order of Figure 1's letters, each followed by those that stand beside it.

    Raises ValueError where two have one stem.
    """
    found = sorted(_found(), key=lambda panel: (panel.letter or panel.beside or "Z", not panel.letter))
    stems = [panel.stem for panel in found]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(f"Each panel has a stem of its own; declared twice: {', '.join(twice)}")
    return tuple(found)


def required() -> tuple[str, ...]:
    """The results that Figure 1 cannot be made without."""
    return tuple(name for panel in declared() if panel.required for name in panel.needs)


def lettered(inputs: Inputs) -> tuple[Panel, ...]:
    """The panels of Figure 1 that the inputs allow, in its order."""
    return tuple(panel for panel in declared() if panel.letter and panel.can_be_drawn(inputs))


def further(inputs: Inputs) -> tuple[Panel, ...]:
    """The panels beside Figure 1 that the inputs allow.

    Last are those of results with the attribute `generic_panel` 1 that no other panel needs.
    """
    own = [panel for panel in declared() if not panel.letter and panel.can_be_drawn(inputs)]
    shown = {name for panel in declared() for name in panel.needs}
    asking = [
        str(name)
        for name, result in inputs.results.items()
        if result.attrs.get("generic_panel") == 1 and name not in shown
    ]
    return (*own, *(generic.panel(inputs.results[name]) for name in asking))


def composite_panels(name: str, inputs: Inputs) -> tuple[Panel, ...]:
    """The panels of a composite beside Figure 1 that the inputs allow, in the order of their places in it."""
    found = [panel for panel in declared() if panel.figure == name and panel.can_be_drawn(inputs)]
    return tuple(sorted(found, key=lambda panel: panel.place))


def _found() -> Iterator[Panel]:
    for module in pkgutil.iter_modules(plot.__path__):
        for value in vars(importlib.import_module(f"{plot.__name__}.{module.name}")).values():
            if isinstance(value, Panel):
                yield value
