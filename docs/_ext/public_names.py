"""Every public name, and what the examples of the reference begin with."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import residyn as rd

PREAMBLE = (Path(__file__).parent / "preamble.py").read_text(encoding="utf-8").split('"""\n', 1)[1].strip()


def public_names() -> dict[str, Any]:
    """Every public name below `residyn`, with what it stands for; modules of names are opened."""
    found = {}
    for name in dir(rd):
        if name.startswith("_"):
            continue
        value = getattr(rd, name)
        if isinstance(value, ModuleType):
            found |= {f"{name}.{part}": getattr(value, part) for part in dir(value) if not part.startswith("_")}
        else:
            found[name] = value
    return found
