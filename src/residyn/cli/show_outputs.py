"""What is printed of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from residyn.runs import layout

if TYPE_CHECKING:
    import xarray as xr

    from residyn.cli.display import Display

_COLUMNS = {"lens_kl": "KL of the lens", "lens_entropy": "entropy of the lens", "skip_kl": "KL without a block"}


def show_outputs(directory: Path, found: Mapping[str, xr.Dataset], display: Display) -> None:
    """A line for each network: means over the first and the last third of its depth, and where top tokens settle.

    tables/outputs.csv has each sublayer and layer, with intervals.
    """
    from residyn.quantities.at_samples import curve, thirds

    records = []
    for network, one in found.items():
        means = {name: thirds(curve(one, name).sel(bound="value").values) for name in _COLUMNS}
        ends = {
            f"{name}_{third}": float(mean[place])
            for name, mean in means.items()
            for place, third in enumerate(("first_third", "last_third"))
        }
        settling = float(one["settling_depth"].mean())
        proof = float(one.attrs["proof_error"])
        sizes = {"n_samples": one.sizes["sample"], "n_skips": int(one.attrs["n_skips"])}
        records.append({"network": network, **sizes, "proof_error": proof, "settling_depth": settling, **ends})
    if display.as_json:
        display.emit({"run": str(directory), "outputs": records})
        return
    rows = [
        [
            record["network"],
            str(record["n_samples"]),
            *(f"{record[f'{name}_first_third']:.3g} → {record[f'{name}_last_third']:.3g}" for name in _COLUMNS),
            f"{record['settling_depth']:.2f}",
        ]
        for record in records
    ]
    title = f"{directory / layout.OUTPUTS}: first third of the depth → last third"
    display.table(title, ["network", "samples", *_COLUMNS.values(), "top token settles at"], rows)
    display.result(f"Every sublayer and layer, with intervals: {directory / layout.TABLES / 'outputs.csv'}")
