"""The nulls of states by name: every `Null` that a module of this package holds."""

from __future__ import annotations

from collections.abc import Mapping

from residyn.catalogues import records_of
from residyn.nulls.null import Null

NULLS: Mapping[str, Null] = {null.name: null for null in records_of(__name__, Null)}
"""Each null by its name; docs/claims.md says which claims are tested on which."""
