"""Teleports as one labelled Dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from residyn.model.teleport.one_host import HostResult
from residyn.model.teleport.plan import TeleportPlan
from residyn.model.teleport.targets import HOST, INJECTED, TARGET, UNIT
from residyn.model.teleport.tolerance import MEANING, limit
from residyn.schema import SUBLAYER
from residyn.store.manifest import residyn_version

STEP, CHECK = "step", "check"


def label(plan: TeleportPlan, host: int, found: HostResult) -> xr.Dataset:
    """What became of one host, as a Dataset whose dimension host has length one."""
    sample = plan.hosts.samples[host]
    sublayers = plan.sites.sublayers
    over_targets = (HOST, INJECTED, TARGET)
    kl = np.full(found.states.shape[:2], np.nan) if found.kl is None else found.kl
    variables: dict[str, Any] = {
        "states": ((*over_targets, STEP, UNIT), found.states[None], _described("residual stream", "activation")),
        "control": (
            (HOST, SUBLAYER, UNIT),
            found.control[None],
            _described("residual stream, untouched", "activation"),
        ),
        "kl": (over_targets, kl[None], _described("KL(control ‖ moved) of the next-token distribution", "nats")),
        "check_error": (
            (HOST, CHECK),
            np.array([[found.errors.get(check, np.nan) for check in MEANING]]),
            _described("largest relative error; NaN where the path has no such check", ""),
        ),
    }
    if found.top1_changed is not None:
        said = _described("whether the most likely next token changed", "")
        variables["top1_changed"] = (over_targets, found.top1_changed[None], said)
    coords = {
        HOST: np.array([host]),
        INJECTED: np.array(plan.labels),
        TARGET: np.arange(plan.targets.n),
        STEP: np.arange(plan.n_steps + 1),
        UNIT: np.arange(plan.model.n_units),
        SUBLAYER: np.array([place.label for place in sublayers]),
        CHECK: np.array(list(MEANING)),
        "layer": (SUBLAYER, np.array([place.layer for place in sublayers])),
        "site": (SUBLAYER, np.array([place.site for place in sublayers])),
        "injected_layer": (INJECTED, np.array([sublayers[place].layer for place in plan.places])),
        "injected_site": (INJECTED, np.array([sublayers[place].site for place in plan.places])),
        "step_sublayer": ((INJECTED, STEP), _followers(plan)),
        "text_id": (HOST, np.array([sample.text_id])),
        "n_tokens": (HOST, np.array([sample.n_tokens])),
        "last_token": (HOST, np.array([sample.last_token])),
        "path": (HOST, np.array([found.path])),
    }
    coords |= {name: _of_host(host, *given) for name, given in plan.targets.coords.items() if name not in coords}
    return xr.Dataset(variables, coords=coords, attrs=_attributes(plan))


def join(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Hosts in one Dataset, with what their passes have in common told in the attributes."""
    together = xr.concat(
        list(parts),
        dim=HOST,
        data_vars="all",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    paths = sorted({str(path) for path in together["path"].values})
    errors = together["check_error"].max(HOST, skipna=True)
    together.attrs |= {
        "path": " and ".join(paths),
        "n_rows": int(together.sizes[HOST] * together.sizes[INJECTED] * together.sizes[TARGET]),
        "checks": json.dumps(
            {
                str(check): float(error)
                for check, error in zip(errors[CHECK].values, errors.values, strict=True)
                if np.isfinite(error)
            }
        ),
    }
    return together


def _described(definition: str, units: str) -> dict[str, str]:
    return {"definition": definition, "units": units}


def _followers(plan: TeleportPlan) -> np.ndarray:
    """The label of the sublayer at every step after every place; empty beyond the last."""
    labels = [place.label for place in plan.sites.sublayers] + [""] * (plan.n_steps + 1)
    return np.array([labels[place : place + plan.n_steps + 1] for place in plan.places])


def _of_host(host: int, dims: tuple[str, ...], values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """A coordinate of the caller's, cut to one host where it has them."""
    return (dims, np.take(values, [host], axis=dims.index(HOST))) if HOST in dims else (dims, values)


def _attributes(plan: TeleportPlan) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "quantity": "teleports",
        "source": "panel L",
        "model": plan.model.title,
        "texts": plan.hosts.name,
        "position": plan.position,
        "residual": plan.residual,
        "steps": plan.n_steps,
        "capture_dtype": str(plan.model.dtype).removeprefix("torch."),
        "sites": plan.sites.to_json(),
        "limits": json.dumps({check: limit(check, plan.model.dtype) for check in MEANING}),
        "fingerprint": plan.fingerprint,
        "residyn_version": residyn_version(),
    }
    if plan.no_head:
        attributes["no_head"] = plan.no_head
    return attributes
