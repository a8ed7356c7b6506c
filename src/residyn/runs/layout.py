"""What stands where in a run directory, and in the folder of a comparison.

    DIR/results.zarr              every quantity of the states
    DIR/tables/NAME.csv           the same as tables
    DIR/controls/NAME/            a control, which is a run directory of its own
    DIR/controls/noise_floor.zarr how far states differ between batches
    DIR/teleports/NAME.zarr       what comes of states that were moved
    DIR/untrained/SEED/           teleports of an untrained model
    DIR/jacobians/NAME.zarr       local linear maps, in the model and in controls
    DIR/jacobians/parts/NAME/     the same sample by sample, as they were made
    DIR/outputs/NAME.zarr         the logit lens and skipped blocks, in the model and in controls
    DIR/outputs/parts/NAME/       the same sample by sample, as they were made
    DIR/claims.json               verdicts
    DIR/claims.partial.json       what an interrupted judgement has computed
    DIR/figures/NAME.png, …       Figure 1, the composites beside it, their panels
    DIR/explorer.html             a page to walk through the run with
    DIR/report.html
    DIR/stages/NAME.json          of what a stage was finished, and what it wrote

The states, and what they were captured of, stand beside these: `residyn.store.layout`.
"""

from __future__ import annotations

from pathlib import Path

from residyn.store import layout as folders

CONTROLS, RESULTS, TABLES, FIGURES = folders.CONTROLS, folders.RESULTS, folders.TABLES, folders.FIGURES
STAGES, TELEPORTS, UNTRAINED = folders.STAGES, folders.TELEPORTS, folders.UNTRAINED
JACOBIANS, OUTPUTS = folders.JACOBIANS, folders.OUTPUTS
SUMMARY_TABLE, TELEPORT_TABLE = "summary", "teleports"
NOISE_FLOOR = "noise_floor.zarr"
TELEPORT_RESULTS = ("flow", "return_fraction", "field", "summary")
"""In the order in which they are written: where the last one is, all are."""
CLAIMS, PARTIAL_CLAIMS = "claims.json", "claims.partial.json"
EXPLORER, REPORT = "explorer.html", "report.html"
STAGE_FORMAT, STAGE_VERSION = "residyn stage", 2
EARLIER_STAGE_VERSIONS = (1,)
"""Without what stands in the files that a stage left."""

COMPARISON, COMPARISON_RECORD, COMPARISON_PAGE = "comparison", "comparison.json", "comparison.html"
CHECKPOINTS, AXES = "checkpoints", "axes"
"""The pictures and the tables of checkpoints and of shared axes, in the folder of a comparison."""
COMPARISON_FORMAT, COMPARISON_VERSION = "residyn comparison", 1


def table(directory: Path, name: str) -> Path:
    return directory / TABLES / f"{name}.csv"


def control(directory: Path, name: str) -> Path:
    return directory / CONTROLS / name


def noise_floor(directory: Path) -> Path:
    return directory / CONTROLS / NOISE_FLOOR


def teleport_result(directory: Path, name: str) -> Path:
    return directory / TELEPORTS / f"{name}.zarr"


def network_result(directory: Path, stage: str, name: str) -> Path:
    """What a stage that is named as its folder found in the run's model, or in a control, of this name."""
    return directory / stage / f"{name}.zarr"


def network_parts(directory: Path, stage: str, name: str) -> Path:
    return directory / stage / "parts" / name


def stage(directory: Path, name: str) -> Path:
    return directory / STAGES / f"{name}.json"
