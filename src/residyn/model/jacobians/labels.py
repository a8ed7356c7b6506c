"""Jacobians' numbers as one labelled Dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from residyn.model.texts.samples import Sample
from residyn.schema import DOCUMENT, LAYER, PROBE, SAMPLE, SUBLAYER
from residyn.sitemap import SiteMap

EIGENVALUE, SINGULAR = "eigenvalue", "singular_value"

_OF_MAP: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "frobenius": ("‖J‖, the root of the sum of squared entries", "", ""),
        "spectral_norm": ("largest singular value of J", "", ""),
        "skew_share": ("‖(J − Jᵀ)/2‖²/‖J‖²: 0 symmetric, 1 skew, ½ random", "", ""),
        "henrici": ("√(‖J‖² − Σ|λ|²)/‖J‖, the departure from normality: 0 normal, .71 random", "", ""),
        "complex_share": ("share of eigenvalues of J that are not real", "", ""),
        "rotation": ("Σ(Im λ)²/Σ|λ|² of J: 0 no eigenvalue turns, 1 each only turns, ½ random", "", ""),
        "effective_rank": ("exp of the entropy of σ²/Σσ² of J", "directions", ""),
        "singular_values": ("largest singular values of J", "", SINGULAR),
        "eigenvalue_real": ("real parts of the eigenvalues of J, by modulus", "", EIGENVALUE),
        "eigenvalue_imag": ("imaginary parts of the eigenvalues of J, by modulus", "", EIGENVALUE),
    }
)
"""What is known of one map: its definition, its units, and the dimension that it has beside sample and depth."""
_OF_SUBLAYERS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "log_norm_growth": ("ln of the state's norm behind the sublayer over that before it", "nats", ""),
        "stretch": ("ln of how much a probe grows in the sublayer, beyond the probes before it", "nats", PROBE),
        "ginibre_stretch": ("stretch by random matrices of the same Frobenius norms", "nats", PROBE),
        "exponent": ("mean stretch over the sublayers that follow, at most `span`", "nats per sublayer", PROBE),
        "excess_exponent": (
            "exponent minus the mean log_norm_growth over the same sublayers: below 0 a small change shrinks "
            "relative to the state",
            "nats per sublayer",
            PROBE,
        ),
        "ginibre_excess_exponent": (
            "excess_exponent of random matrices of the same Frobenius norms",
            "nats per sublayer",
            PROBE,
        ),
    }
)
_OF_LAYERS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "layer_coupling": ("‖|U₂ᵀJ₁V₂| − S₁‖/‖S₁‖ with the next layer's singular vectors: 0 coupled", "", ""),
        "layer_product_rank": ("effective rank of the product of I + J up to the layer's end", "directions", ""),
        "layer_ginibre_product_rank": (
            "layer_product_rank of random matrices of the same Frobenius norms",
            "directions",
            "",
        ),
        "layer_alignment": ("share of a layer's leading left singular vectors in the next's right ones", "", ""),
    }
)


def labelled(
    samples: Sequence[tuple[int, Sample]],
    parts: Sequence[Mapping[str, np.ndarray]],
    sites: SiteMap,
    span: int,
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """The arrays of samples, each with its label, as one Dataset (sample, sublayer, …) and (sample, layer, …)."""
    arrays = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    arrays |= _exponents(arrays, span)
    layers = list(dict.fromkeys(site.layer for site in sites.sites))
    variables: dict[str, Any] = {}
    for names, depth, prefix in (
        (_OF_MAP, SUBLAYER, ""),
        (_OF_SUBLAYERS, SUBLAYER, ""),
        (_OF_MAP, LAYER, "layer_"),
        (_OF_LAYERS, LAYER, ""),
    ):
        for name, (definition, units, further) in names.items():
            whole = " of the whole layer" if prefix else ""
            dims = (SAMPLE, depth, *([further] if further else []))
            said = {"definition": definition + whole, "units": units, "quantity": prefix + name}
            variables[prefix + name] = (dims, arrays[prefix + name].astype(np.float32), said)
    coords = {
        SAMPLE: np.array([label for label, _ in samples]),
        DOCUMENT: (SAMPLE, np.array([sample.document for _, sample in samples])),
        "text_id": (SAMPLE, np.array([sample.text_id for _, sample in samples])),
        "n_tokens": (SAMPLE, np.array([sample.n_tokens for _, sample in samples])),
        "last_token": (SAMPLE, np.array([sample.last_token for _, sample in samples])),
        SUBLAYER: np.array([place.label for place in sites.sublayers]),
        "sublayer_layer": (SUBLAYER, np.array([site.layer for site in sites.sites])),
        "site": (SUBLAYER, np.array([site.site for site in sites.sites])),
        LAYER: np.array(layers),
    }
    return xr.Dataset(variables, coords=coords, attrs=dict(attrs))


def _exponents(arrays: Mapping[str, np.ndarray], span: int) -> dict[str, np.ndarray]:
    grown = arrays["log_norm_growth"][..., None]
    return {
        "exponent": _mean_ahead(arrays["stretch"], span),
        "excess_exponent": _mean_ahead(arrays["stretch"] - grown, span),
        "ginibre_excess_exponent": _mean_ahead(arrays["ginibre_stretch"] - grown, span),
    }


def _mean_ahead(values: np.ndarray, span: int) -> np.ndarray:
    """The mean over `span` places of depth (axis 1) from each on; NaN where fewer follow."""
    found = np.full(values.shape, np.nan)
    if values.shape[1] >= span:
        windows = np.lib.stride_tricks.sliding_window_view(values, span, axis=1)
        found[:, : windows.shape[1]] = windows.mean(axis=-1)
    return found
