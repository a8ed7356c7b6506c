"""What the axes of states are called: layers and units of a model, or time bins and neurons of a recording."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEPTH_NAME, UNIT_NAME, PLACE_NAMES = "depth_name", "unit_name", "place_names"
"""Attributes of states and of every result of theirs; place names are a JSON list of texts."""


@dataclass(frozen=True)
class AxisNames:
    """What one place along depth is called, what one unit is, and the names of all places where they have some."""

    depth: str = "layer"
    unit: str = "unit"
    places: tuple[str, ...] = ()

    @property
    def of_a_model(self) -> bool:
        """Whether depth is that of a model's layers, and not of a recording."""
        return self.depth == "layer" and not self.places

    def place(self, number: int) -> str:
        """The name of the place that is layer `number`: its own, or the number."""
        return self.places[number] if 0 <= number < len(self.places) else str(number)

    def said(self, words: str) -> str:
        """What is said of a model's states, in the words of these: as it is, unless they are a recording."""
        if self.of_a_model:
            return words
        own = {"layer": self.depth, "sublayer": self.depth, "block state": self.depth, "unit": self.unit, **_PLAIN}
        named = _PLACE.sub(lambda found: self._named(int(found[1])), words)
        return _WORD.sub(lambda found: _as(found[0], own[found[1].lower()] + (found[2] or "")), named)

    def _named(self, number: int) -> str:
        return self.place(number) if self.places else f"{self.depth} {number}"

    @property
    def step(self) -> str:
        """What a transition is called."""
        return f"successive {self.depth}s"


_PLAIN = {
    "text": "sample", "write": "step", "model": "recording", "groups of document": "group", "document": "group",
}  # fmt: skip
"""What a recording has where a model has these: in the plural too."""
_WORD = re.compile(
    r"\b(layer|sublayer|block state|unit(?! vector)|text|(?<!MLP )write|model|groups of document|document)(s?)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\b(\d+)\.block\b")


def _as(word: str, other: str) -> str:
    """Another word, capital where the first is."""
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def name_attributes(depth: str | None, unit: str | None, places: Sequence[str] | None) -> dict[str, str]:
    """The attributes that keep names; none for what has none."""
    named = {DEPTH_NAME: depth, UNIT_NAME: unit}
    listed = {} if places is None else {PLACE_NAMES: json.dumps([str(place) for place in places])}
    return {name: value for name, value in named.items() if value is not None} | listed


def axis_names(attrs: Mapping[Any, Any]) -> AxisNames:
    """The names that attributes keep; those of a model where they keep none."""
    try:
        places = json.loads(str(attrs.get(PLACE_NAMES, "[]")))
    except ValueError:
        places = []
    return AxisNames(
        str(attrs.get(DEPTH_NAME, AxisNames.depth)),
        str(attrs.get(UNIT_NAME, AxisNames.unit)),
        tuple(map(str, places)) if isinstance(places, list) else (),
    )
