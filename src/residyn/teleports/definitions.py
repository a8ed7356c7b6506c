"""What each quantity of a flow is: its dimensions, units, definition and source."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from residyn.schema import SUBLAYER
from residyn.spaces.record import COMPONENT
from residyn.teleports.labels import HOST, INJECTED, PANEL, STEP, TARGET

_TARGETS = (HOST, INJECTED, TARGET)
_SCORES = (*_TARGETS, COMPONENT)
_STEPS = (*_TARGETS, STEP)
_RECOVERY = "control: recovery against the identity path"
_WHERE = "control: where targets lie"


class Definition(NamedTuple):
    """`units` "score" stands for those of the space."""

    dims: tuple[str, ...]
    units: str
    definition: str
    source: str


DEFINITIONS: Mapping[str, Definition] = MappingProxyType(
    {
        "displacement": Definition(_SCORES, "score", "scores of x′_h minus scores of x′, h the horizon", PANEL),
        "start": Definition(_SCORES, "score", "scores of the state written, x′", PANEL),
        "control_path": Definition((HOST, SUBLAYER, COMPONENT), "score", "scores of the untouched path", PANEL),
        "displacement_norm": Definition(_TARGETS, "activation", "‖x′_h − x′‖ in full space", PANEL),
        "pull": Definition(_TARGETS, "1", "cos(x′_h − x′, c_h − x′) in full space; NaN for a zero vector", PANEL),
        "pull_plane": Definition(_TARGETS, "1", "cos(x′_h − x′, c_h − x′) of scores in the plane", PANEL),
        "pull_passive": Definition(
            _TARGETS,
            "1",
            "cos(c_h − c_0, c_h − x′): pull of a displacement that is merely carried along",
            _RECOVERY,
        ),
        "pull_plane_passive": Definition(
            _TARGETS, "1", "cos(c_h − c_0, c_h − x′) of scores in the plane", _RECOVERY
        ),
        "distance": Definition(_TARGETS, "activation", "‖x′ − x‖ at the write", _WHERE),
        "off_plane_share": Definition(_TARGETS, "1", "share of ‖x′ − x‖² at the write outside the plane", _WHERE),
        "norm_ratio": Definition(_TARGETS, "1", "‖x′‖ / ‖x‖ at the write", _WHERE),
        "mahalanobis": Definition(
            _TARGETS,
            "1",
            "√((x′ − μ)ᵀ Σ⁻¹ (x′ − μ)) from the sublayer's states, Σ shrunk by Ledoit & Wolf 2004",
            _WHERE,
        ),
        "rho": Definition(_STEPS, "1", "⟨d_m, d_0⟩ / ‖d_0‖², d_m = x′_m − c_m; NaN for a zero d_0", _RECOVERY),
        "amplification": Definition(_STEPS, "1", "‖d_m‖ / ‖d_0‖; NaN for a zero d_0", _RECOVERY),
        "relative_distance": Definition(_STEPS, "1", "(‖d_m‖ / ‖c_m‖) / (‖d_0‖ / ‖c_0‖)", _RECOVERY),
        "kl": Definition(_TARGETS, "nats", "KL(control ‖ moved) of the next-token distribution", PANEL),
        "top1_changed": Definition(_TARGETS, "1", "whether the most likely next token changed", PANEL),
    }
)
