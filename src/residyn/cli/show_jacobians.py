"""What is printed of local linear maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from residyn.runs import layout

if TYPE_CHECKING:
    import xarray as xr

    from residyn.cli.display import Display

_COLUMNS = {
    "layer_skew_share": "skew share",
    "layer_rotation": "rotation",
    "layer_henrici": "Henrici",
    "layer_spectral_norm": "largest σ",
    "layer_effective_rank": "effective rank",
}


def show_jacobians(directory: Path, found: Mapping[str, xr.Dataset], display: Display) -> None:
    """A line for each network: the means over the first and the last third of its layers.

    tables/jacobians.csv has each sublayer and layer, with intervals.
    """
    from residyn.quantities.at_samples import curve, thirds

    records = []
    for network, maps in found.items():
        means = {name: thirds(curve(maps, name).sel(bound="value").values) for name in _COLUMNS}
        ends = {
            f"{name}_{third}": float(mean[place])
            for name, mean in means.items()
            for place, third in enumerate(("first_third", "last_third"))
        }
        proof = float(maps.attrs["proof_error"])
        records.append({"network": network, "n_samples": maps.sizes["sample"], "proof_error": proof, **ends})
    if display.as_json:
        display.emit({"run": str(directory), "jacobians": records})
        return
    rows = [
        [
            record["network"],
            str(record["n_samples"]),
            *(f"{record[f'{name}_first_third']:.3g} → {record[f'{name}_last_third']:.3g}" for name in _COLUMNS),
        ]
        for record in records
    ]
    title = f"{directory / layout.JACOBIANS}: layers, first third → last third"
    display.table(title, ["network", "samples", *_COLUMNS.values()], rows)
    display.result(f"Every sublayer and layer, with intervals: {directory / layout.TABLES / 'jacobians.csv'}")
