"""Named sets of settings, for everything that was not chosen one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PresetName = Literal["default", "paper", "quick"]


@dataclass(frozen=True)
class Preset:
    """What it is for, and its choices by the settings' names; what it does not name keeps its default."""

    purpose: str
    choices: Mapping[str, Any] = field(default_factory=dict)


PRESETS: dict[PresetName, Preset] = {
    "default": Preset("the paper's texts, with the estimators that can be trusted and every control"),
    "paper": Preset(
        "the choices of Fernando & Guitchounts (2025), drawn beside their published curves",
        {
            "n": 1000,
            "min_chars": 100,
            "max_chars": 500,
            "max_tokens": None,
            "position": "end",
            # The paper kept the BOS that Llama's tokenizer adds. In front of the texts of a model trained without
            # one it would be another experiment, so the tokenizer's own rule stays.
            "bos": "auto",
            "estimators": ("kde", "gcmi"),
            "components": 100,
            "grid": 10,
            "extents": ("robust", 15.0),
            "horizon": 12,
            "reference": True,
        },
    ),
    "quick": Preset(
        "a first look in a few minutes of computing",
        {
            "n": 200,
            "max_tokens": 64,
            "estimators": ("gcmi",),
            "shuffles": 1,
            "components": 50,
            "leave_out": (3,),
            "hosts": 1,
            "untrained_teleports": 0,
            "jacobian_samples": 0,
            "output_samples": 0,
            "untrained": 0,
            "permuted_weights": False,
            "shuffled_tokens": False,
            "noise": False,
        },
    ),
}
