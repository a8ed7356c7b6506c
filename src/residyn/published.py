"""The curves that the paper published of Llama 3.1 8B."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

NAMES: Mapping[str, str] = {
    "cosine": "cosine",
    "velocity": "velocity",
    "mutual_information": "mutual_information_nats",
}
"""The quantity of each curve, and its name in the file."""


@cache
def published_curves() -> dict[str, tuple[float, ...]]:
    """The mean over samples (units for mutual information) at each of 63 transitions, by quantity.

    Even places are within layers, odd ones across. Read off the figure, to about 0.005 (cosine), 0.3 (velocity,
    activation) and 0.04 nats (mutual information, Gaussian KDE). Fernando & Guitchounts 2025,
    arXiv:2502.12131v1, Figure 1 E, F, H.
    """
    text = files("residyn").joinpath("data", "fernando2025_fig1.json").read_text(encoding="utf-8")
    known = json.loads(text)
    return {name: tuple(known[key]) for name, key in NAMES.items()}
