"""What is printed of what was taken at some samples, in a run's model and in controls: local maps and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from residyn.runs import layout
from residyn.runs.stages import JACOBIANS, OUTPUTS

if TYPE_CHECKING:
    import xarray as xr

    from residyn.cli.display import Display


class _Kind(NamedTuple):
    """The curves that are told, by name; over what their thirds are; what else a network's record says, and the
    last column of the table.
    """

    columns: Mapping[str, str]
    thirds_of: str
    sizes: Callable[[xr.Dataset], dict[str, Any]] = lambda found: {}
    last: Mapping[str, tuple[str, Callable[[xr.Dataset], float]]] = {}


_KINDS = {
    JACOBIANS: _Kind(
        {
            "layer_skew_share": "skew share",
            "layer_rotation": "rotation",
            "layer_henrici": "Henrici",
            "layer_spectral_norm": "largest σ",
            "layer_effective_rank": "effective rank",
        },
        "layers, first third → last third",
    ),
    OUTPUTS: _Kind(
        {"lens_kl": "KL of the lens", "lens_entropy": "entropy of the lens", "skip_kl": "KL without a block"},
        "first third of the depth → last third",
        sizes=lambda found: {"n_skips": int(found.attrs["n_skips"])},
        last={"settling_depth": ("top token settles at", lambda found: float(found["settling_depth"].mean()))},
    ),
}


def show_networks(stage: str, directory: Path, found: Mapping[str, xr.Dataset], display: Display) -> None:
    """A line for each network: means over the first and the last third of its depth.

    tables/STAGE.csv has each sublayer and layer, with intervals.
    """
    from residyn.quantities.at_samples import curve, thirds

    kind, records, rows = _KINDS[stage], [], []
    for network, one in found.items():
        means = {name: thirds(curve(one, name).sel(bound="value").values) for name in kind.columns}
        ends = {
            f"{name}_{third}": float(mean[place])
            for name, mean in means.items()
            for place, third in enumerate(("first_third", "last_third"))
        }
        sizes = {"n_samples": one.sizes["sample"], **kind.sizes(one)}
        last = {name: of(one) for name, (_, of) in kind.last.items()}
        proof = float(one.attrs["proof_error"])
        records.append({"network": network, **sizes, "proof_error": proof, **last, **ends})
        told = [f"{first:.3g} → {final:.3g}" for first, final in means.values()]
        rows.append([network, str(one.sizes["sample"]), *told, *(f"{value:.2f}" for value in last.values())])
    if display.as_json:
        display.emit({"run": str(directory), stage: records})
        return
    headings = [*kind.columns.values(), *(heading for heading, _ in kind.last.values())]
    display.table(f"{directory / stage}: {kind.thirds_of}", ["network", "samples", *headings], rows)
    display.result(f"Every sublayer and layer, with intervals: {layout.table(directory, stage)}")
