"""What is known of outputs as one labelled Dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from residyn.model.outputs.skips import layers_of
from residyn.model.texts.samples import Sample
from residyn.schema import DOCUMENT, LAYER, SAMPLE, SUBLAYER
from residyn.sitemap import SiteMap

_LENS = "the lens, final norm and head applied to the state before the sublayer"
_VARIABLES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "lens_kl": (SUBLAYER, "nats", f"KL(p ‖ q) of the model's distribution p and q of {_LENS}"),
        "lens_entropy": (SUBLAYER, "nats", f"entropy of {_LENS}"),
        "lens_agreement": (SUBLAYER, "", "1 where the lens's most likely token is the model's, else 0"),
        "lens_settled": (
            SUBLAYER,
            "",
            "1 where lens_agreement is 1 here and from here on, else 0",
        ),
        "lens_loss": (SUBLAYER, "nats", "−ln q of the token that came next; NaN where it is not known"),
        "lens_token": (SUBLAYER, "", "id of the lens's most likely token"),
        "lens_exchanged_kl": (SUBLAYER, "nats", "lens_kl with the words of the head exchanged at random"),
        "skip_kl": (LAYER, "nats", "KL(p ‖ q) of the model's distribution p and q without the layer's block"),
        "skip_agreement": (
            LAYER,
            "",
            "1 where the most likely token is the same without the layer's block, else 0",
        ),
        "skip_loss_change": (LAYER, "nats", "loss of the next token without the layer's block, minus with it"),
        "swap_kl": (LAYER, "nats", "KL(p ‖ q), q with the block and the next one in the other order"),
        "swap_agreement": (LAYER, "", "1 where the most likely token is the same in the other order, else 0"),
        "swap_loss_change": (LAYER, "nats", "loss of the next token in the other order, minus in the model's"),
        "settling_depth": ("", "of the depth", "share of the sublayers gone through when the top token settles"),
        "final_entropy": ("", "nats", "entropy of the model's own distribution"),
        "final_token": ("", "", "id of the model's most likely token"),
        "final_loss": ("", "nats", "−ln p of the token that came next; NaN where it is not known"),
    }
)
"""Of each variable its dimension beside samples, its units and its definition."""
_SHARES = ("agreement", "settled", "depth")
_SIGNED = ("change",)
_TOKENS = ("lens_token", "final_token")


def labelled(
    samples: Sequence[tuple[int, Sample]],
    parts: Sequence[Mapping[str, np.ndarray]],
    sites: SiteMap,
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """The arrays of samples, each with its label, as one Dataset, along sublayers and layers."""
    variables: dict[str, Any] = {}
    for name, (along, units, definition) in _VARIABLES.items():
        values = np.stack([part[name] for part in parts])
        said = {"definition": definition, "units": units, "quantity": name, **_bounds(name)}
        kind = np.int32 if name in _TOKENS else np.float32
        variables[name] = ((SAMPLE, along) if along else (SAMPLE,), values.astype(kind), said)
    coords = {
        SAMPLE: np.array([label for label, _ in samples]),
        DOCUMENT: (SAMPLE, np.array([sample.document for _, sample in samples])),
        "text_id": (SAMPLE, np.array([sample.text_id for _, sample in samples])),
        "n_tokens": (SAMPLE, np.array([sample.n_tokens for _, sample in samples])),
        "last_token": (SAMPLE, np.array([sample.last_token for _, sample in samples])),
        SUBLAYER: np.array([place.label for place in sites.sublayers]),
        "sublayer_layer": (SUBLAYER, np.array([site.layer for site in sites.sites])),
        "site": (SUBLAYER, np.array([site.site for site in sites.sites])),
        LAYER: np.array(list(layers_of(sites))),
    }
    return xr.Dataset(variables, coords=coords, attrs=dict(attrs))


def _bounds(name: str) -> dict[str, float]:
    """What no interval of a number goes beyond."""
    if name.endswith(_SIGNED):
        return {}
    return {"least": 0.0, "most": 1.0} if name.endswith(_SHARES) else {"least": 0.0}
