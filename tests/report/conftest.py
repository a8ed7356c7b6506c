"""A small run directory with results, teleports, verdicts and a description, and the report on it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from claims_record import example_claims
from residyn.adapters import from_array
from residyn.quantities.suite import analyze
from residyn.report.content import gather
from residyn.report.page import render
from residyn.report.record import Report
from residyn.runs.results import save_results
from residyn.schema import label_states
from residyn.settings import AnalysisSettings
from residyn.sitemap import Site, SiteMap
from residyn.spaces import fit_space
from residyn.teleports import flow, grid, return_fraction, summary
from synthetic_jumps import UNITS, make_jumps, relaxing
from synthetic_maps import falling, level
from synthetic_outputs import LAYERS as BLOCKS
from synthetic_outputs import outputs

LAYERS, N_UNITS, N_SAMPLES = 8, 12, 40
HOSTILE = (
    "<script>alert(1)</script> </script> </style> {{7*7}} {% raw %} $\\frac{1$ \" ' onload=x javascript:alert(1) "
    "-->\x00\ud800\u202eevil <img src=https://example.org/x onerror=alert(1)>"
)

RUN: dict[str, Any] = {
    "created": "2026-11-25T07:49:51+00:00",
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "machine": {"platform": "Linux", "cores": 2, "memory_bytes": 8 * 2**30},
    "request": {"model": "tiny", "n": 40, "position": "end", "texts": "my texts.txt"},
    "model": {
        "name": "tiny",
        "source": "folder",
        "revision": "0a1b",
        "files": {"model.safetensors": "b179"},
        "dtype": "float32",
        "n_parameters": 134_515_008,
    },
    "texts": {
        "source": {"kind": "builtin", "name": "wikitext-2-raw-v1", "split": "train", "licence": "CC BY-SA 3.0"},
        "filter": {"min_chars": 100, "max_chars": 500},
        "counts": {"rows_read": 36718},
        "tokens": {
            "settings": {"position": "end", "tokenizer": {"class": "TokenizersBackend"}},
            "statistics": {"n_tokens": {"min": 18, "sum": 77160}},
        },
    },
    "warnings": ["the weights are quantised"],
    "timings": {"capture_s": 141.82},
}


def site_map() -> SiteMap:
    sites = []
    for layer in range(LAYERS):
        block = f"layers.{layer}"
        sites.append(Site(layer, "attn", block, "input", (f"{block}.self_attn",)))
        sites.append(Site(layer, "mlp", f"{block}.post_attention_layernorm", "input", (f"{block}.mlp",)))
    return SiteMap("llama", "layers", tuple(sites))


def make_results(**attrs: Any) -> xr.Dataset:
    """Results of a walk with growing steps."""
    sites = site_map()
    rng = np.random.default_rng(7)
    growth = np.linspace(0.3, 1.5, len(sites.sites))[None, :, None]
    steps = growth * rng.normal(0.1, 1.0, (N_SAMPLES, len(sites.sites), N_UNITS))
    known = {
        "model": "tiny",
        "texts": "wikitext-2-raw-v1 train",
        "position": "end",
        "capture_dtype": "float32",
        "states_hash": example_claims()["states_hash"],
        "distinct_last_tokens": 11,
        "tie_fraction": 0.75,
        "sites": sites.to_json(),
        **attrs,
    }
    states = label_states(steps.cumsum(axis=1).astype(np.float32), sites.sublayers, attrs=known)
    return analyze(states, AnalysisSettings(components=8, leave_out=(1, 3)))


def make_teleports() -> dict[str, xr.Dataset]:
    rng = np.random.default_rng(3)
    walks = np.cumsum(rng.normal(size=(60, 16, UNITS)) * np.arange(1, UNITS + 1), axis=1)
    space = fit_space(from_array(walks, [i // 2 for i in range(16)], ["attn", "mlp"] * 8), 4)
    points = grid(space, 4).values
    kinds = ["grid"] * len(points) + ["disc"] * 4 + ["isotropic"] * 4
    radii = [np.nan] * len(points) + [1.0] * 8
    coords = {"target_kind": ("target", kinds), "radius": ("target", radii)}
    targets = np.concatenate([points, 5 * rng.normal(size=(8, UNITS))])
    moved = flow(
        make_jumps(relaxing(0.9), targets, hosts=3, at=("0.attn", "2.mlp", "7.attn"), coords=coords), space
    )
    return {
        "flow": moved,
        "summary": summary(moved, resamples=50),
        "return_fraction": return_fraction(moved, resamples=50),
    }


def write_run(
    directory: Path,
    results: xr.Dataset | None = None,
    teleports: dict[str, xr.Dataset] | None = None,
    claims: Any = None,
    run: Any = None,
    *,
    jacobians: dict[str, xr.Dataset] | None = None,
    predicted: dict[str, xr.Dataset] | None = None,
) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    if results is not None:
        save_results(results, directory / "results.zarr")
    for name, part in (teleports or {}).items():
        save_results(part, directory / "teleports" / f"{name}.zarr")
    for name, part in (jacobians or {}).items():
        save_results(part, directory / "jacobians" / f"{name}.zarr")
    for name, part in (predicted or {}).items():
        save_results(part, directory / "outputs" / f"{name}.zarr")
    for name, record in (("claims.json", claims), ("run.json", run)):
        if record is not None:
            (directory / name).write_text(json.dumps(record), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def results() -> xr.Dataset:
    return make_results()


@pytest.fixture(scope="session")
def moved() -> dict[str, xr.Dataset]:
    return make_teleports()


@pytest.fixture(scope="session")
def maps() -> dict[str, xr.Dataset]:
    """Local linear maps of a model and of an untrained one."""
    return {"model": falling(), "untrained-0": level()}


@pytest.fixture(scope="session")
def predicted() -> dict[str, xr.Dataset]:
    """Outputs of a model and of an untrained one."""
    return {"model": outputs(np.linspace(2.0, 0.1, BLOCKS)), "untrained-0": outputs(np.full(BLOCKS, 0.1))}


@pytest.fixture(scope="session")
def finished(results, moved, maps, predicted, tmp_path_factory) -> Path:
    """A run directory with everything, not to be touched."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return write_run(folder, results, moved, example_claims(), RUN, jacobians=maps, predicted=predicted)


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    """The same, of the test's own."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture(scope="session")
def report(finished) -> Report:
    return gather(finished)


@pytest.fixture(scope="session")
def page(report) -> str:
    return render(report)


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """Panels are not drawn: for tests of what is said of them."""
    from residyn.report import content
    from residyn.report.record import Picture

    monkeypatch.setattr(content, "picture", lambda panel, inputs, alt, file=None: Picture("data:,", 10, 10, alt))
