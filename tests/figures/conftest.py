"""Site maps of three arrangements, and the results of small synthetic states laid out like them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from residyn.analysis.suite import analyze
from residyn.schema import Site, SiteMap, label_states

LAYOUTS = {
    "llama": ("sequential", "layers", "self_attn", "mlp", "post_attention_layernorm"),
    "gemma2": (
        "sequential",
        "layers",
        "post_attention_layernorm",
        "post_feedforward_layernorm",
        "pre_feedforward_layernorm",
    ),
    "olmo2": ("sequential", "layers", "post_attention_layernorm", "post_feedforward_layernorm", "mlp"),
    "bloom": ("sequential", "h", "self_attention.dense", "mlp.dense_4h_to_h", "post_attention_layernorm"),
    "opt": ("post-norm", "decoder.layers", "self_attn", "fc2", "self_attn_layer_norm"),
    "falcon": ("parallel", "h", "self_attention", "mlp", ""),
}


def site_map(family: str, n_layers: int) -> SiteMap:
    arrangement, blocks, attn, mlp, middle = LAYOUTS[family]
    sites: list[Site] = []
    for layer in range(n_layers):
        block = f"{blocks}.{layer}"
        writes = (f"{block}.{attn}", f"{block}.{mlp}")
        if arrangement == "parallel":
            sites.append(Site(layer, "block", block, "input", writes))
        else:
            where, norms = "input", (None, None)
            if arrangement == "post-norm":
                where, norms = "output", (f"{block}.{middle}", f"{block}.final_layer_norm")
            sites.append(Site(layer, "attn", block, "input", writes[:1], norm=norms[0]))
            sites.append(Site(layer, "mlp", f"{block}.{middle}", where, writes[1:], norm=norms[1]))
    return SiteMap(family, arrangement, blocks, tuple(sites), attn, mlp)


def states_of(sites: SiteMap, n_units: int = 24, n_samples: int = 30, **attrs: object) -> xr.DataArray:
    """A walk with growing steps, so that every result has some structure."""
    rng = np.random.default_rng(7)
    growth = np.linspace(0.3, 1.5, len(sites.sites))[None, :, None]
    steps = growth * rng.normal(0.1, 1.0, (n_samples, len(sites.sites), n_units))
    known = {"model": "tiny", "distinct_last_tokens": 11, "sites": sites.to_json(), **attrs}
    return label_states(steps.cumsum(axis=1).astype(np.float32), sites.sublayers, attrs=known)


@pytest.fixture(scope="session")
def llama() -> SiteMap:
    return site_map("llama", 4)


@pytest.fixture(scope="session")
def results(llama: SiteMap) -> xr.Dataset:
    return analyze(states_of(llama)).assign_attrs(texts="wikitext", position="end")


@pytest.fixture
def map_of():
    return site_map


@pytest.fixture
def results_of():
    def make(sites: SiteMap, n_units: int = 24, n_samples: int = 30, **attrs: object) -> xr.Dataset:
        return analyze(states_of(sites, n_units, n_samples, **attrs))

    return make


@pytest.fixture
def hostile() -> str:
    return "$\\frac{1$ {{7*7}} <b>\x00\ud800\u202e\n_" + "x" * 300 + "\ufffe"
