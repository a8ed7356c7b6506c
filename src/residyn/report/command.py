"""The command that repeats a run: what it was asked for, as far as that differs from the defaults."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "request": {
        "revision": None,
        "dtype": "auto",
        "device": "auto",
        "sites": None,
        "allow_pickle": False,
        "trust_remote_code": False,
        "offline": False,
        "texts": "wikitext-2",
        "n": 1000,
        "min_chars": 100,
        "max_chars": 500,
        "max_tokens": None,
        "field": "text",
        "order": "random",
        "headings": "keep",
        "position": "end",
        "bos": "auto",
        "seed": 0,
        "batch_tokens": None,
        "on_nonfinite": "refuse",
    },
    "analysis": {
        "estimators": "gcmi,kde",
        "neighbours": 3,
        "shuffles": 1,
        "components": 100,
        "leave_out": "1,3,10",
        "analysis_seed": 0,
        "analysis_device": None,
    },
    "controls": {
        "untrained": 3,
        "control_share": 0.2,
        "control_seed": 0,
        "shuffled_tokens": True,
        "random_positions": False,
        "noise": True,
    },
    "teleports": {
        "hosts": 8,
        "prompt": "I'm sorry, Dave. I'm afraid I can't do that.",
        "inject": "",
        "grid": 10,
        "extents": "robust",
        "radii": "0.5,1,2,4",
        "directions": 8,
        "horizon": 12,
        "untrained_teleports": 1,
        "teleport_seed": 0,
    },
    "claims": {"resamples": 200, "null_draws": 20, "claims_seed": 0},
    "figure": {"reference": False, "formats": "png,pdf,svg"},
}
"""Sections of run.json and the defaults of the options that they record: what is left unsaid in a command."""


def repeat_command(run: Mapping[str, Any]) -> str:
    """`residyn run …` with the options of run.json that differ from their defaults; empty where none are recorded.

    Fields that are no option of this version are left out.
    """
    request = run.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("model"), str):
        return ""
    words = ["residyn", "run", request["model"]]
    for section, defaults in DEFAULTS.items():
        asked = run.get(section)
        if isinstance(asked, dict):
            words += _options(asked, defaults)
    return shlex.join(words)


def _options(asked: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    for name, default in defaults.items():
        value = asked.get(name, default)
        if value == default or not isinstance(value, str | int | float):
            continue
        flag = name.replace("_", "-")
        if isinstance(default, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        else:
            yield f"--{flag}={value}" if str(value).startswith("-") else f"--{flag}"
            if not str(value).startswith("-"):
                yield str(value)
