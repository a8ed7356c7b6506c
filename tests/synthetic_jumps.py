"""Teleports whose law is known: what `teleport` returns, made of a random control and a map of displacements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

LAYERS, UNITS = 8, 6
AT = ("0.attn", "3.attn", "7.attn")

Law = Callable[[np.ndarray, int], np.ndarray]
"""Displacements (target, unit) at the write, and a number of steps → the displacements after these steps."""


def relaxing(factor: float) -> Law:
    """Every displacement shrinks, or grows, by a factor a step: factor 1 is passive transport."""
    return lambda d, m: d * factor**m


def labels(layers: int = LAYERS) -> list[str]:
    return [f"{layer}.{site}" for layer in range(layers) for site in ("attn", "mlp")]


def make_jumps(
    law: Law,
    targets: Any = None,
    *,
    hosts: int = 2,
    at: Sequence[str] = AT,
    steps: int = 12,
    units: int = UNITS,
    drift: float = 1.0,
    coords: dict[str, Any] | None = None,
    seed: int = 0,
    dtype: Any = np.float64,
    **attrs: Any,
) -> xr.Dataset:
    """Teleports of random hosts to `targets` ((target, unit), or with host and injected first; random if None).

    The control is a random walk over depth whose steps have the length `drift`.
    """
    rng = np.random.default_rng(seed)
    names = labels()
    path = rng.normal(size=(hosts, len(names), units)) * drift
    path[:, 0] = rng.normal(size=(hosts, units)) * 3
    control = np.cumsum(path, axis=1)
    to = rng.normal(size=(7, units)) * 4 if targets is None else np.asarray(targets)
    to = np.broadcast_to(to, (hosts, len(at), *to.shape[-2:]))
    first = [names.index(name) for name in at]
    states = np.full((hosts, len(at), to.shape[2], steps + 1, units), np.nan)
    for host, place in np.ndindex(hosts, len(at)):
        for m in range(min(steps + 1, len(names) - first[place])):
            d = to[host, place] - control[host, first[place]]
            states[host, place, :, m] = control[host, first[place] + m] + law(d, m)
    over = ("host", "injected", "target")
    followers = [names[i : i + steps + 1] + [""] * max(0, i + steps + 1 - len(names)) for i in first]
    return xr.Dataset(
        {
            "states": ((*over, "step", "unit"), states.astype(dtype)),
            "control": (("host", "sublayer", "unit"), control.astype(dtype)),
            "kl": (over, rng.gamma(1, size=states.shape[:3])),
            "top1_changed": (over, rng.random(states.shape[:3]) < 0.3),
        },
        coords={
            "host": np.arange(hosts),
            "injected": list(at),
            "target": np.arange(to.shape[2]),
            "step": np.arange(steps + 1),
            "unit": np.arange(units),
            "sublayer": names,
            "layer": ("sublayer", [int(name.split(".")[0]) for name in names]),
            "site": ("sublayer", [name.split(".")[1] for name in names]),
            "injected_layer": ("injected", [int(name.split(".")[0]) for name in at]),
            "injected_site": ("injected", [name.split(".")[1] for name in at]),
            "step_sublayer": (("injected", "step"), np.array(followers)),
            "text_id": ("host", [f"text-{host}" for host in range(hosts)]),
            "n_tokens": ("host", np.arange(hosts) + 5),
            **(coords or {}),
        },
        attrs={"model": "walk", "residual": "drop", "capture_dtype": "float32", "fingerprint": "f" * 8, **attrs},
    )
