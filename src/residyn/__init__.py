"""residyn: the residual stream of a transformer as a dynamical system over depth.

```python
import residyn as rd

model = rd.load_model("smollm2-135m")
texts = rd.read_texts("wikitext-2", n=1000)
states = rd.capture(model, texts, out="runs/smol")   # (sample, sublayer, unit)
results = rd.analyze(states)                         # every quantity of Figure 1
rd.figure1(results).savefig("figure1.png")
```
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from residyn.claims import judge as judge
    from residyn.comparison import trajectory_distance as trajectory_distance
    from residyn.errors import ResidynError as ResidynError
    from residyn.figures import panels as plot
    from residyn.figures.drawers import Teleports as Teleports
    from residyn.figures.figure1 import figure1 as figure1
    from residyn.figures.reference import paper_reference as paper_reference
    from residyn.model.capture import capture as capture
    from residyn.model.check import check_model as check_model
    from residyn.model.loading import load_model as load_model
    from residyn.model.loading import untrained as untrained
    from residyn.model.sites import Layout as Layout
    from residyn.model.teleport import open_teleports as open_teleports
    from residyn.model.teleport import teleport as teleport
    from residyn.model.texts import read_texts as read_texts
    from residyn.model.texts import tokenize_texts as tokenize_texts
    from residyn.nulls import NULLS as NULLS
    from residyn.nulls import against_null as against_null
    from residyn.nulls import surrogate as surrogate
    from residyn.pipeline.run import Run as Run
    from residyn.pipeline.run import open_run as open_run
    from residyn.pipeline.run import run as run
    from residyn.quantities.basis import basis as basis
    from residyn.quantities.correlations import correlation_density as correlation_density
    from residyn.quantities.dependence import dependence as dependence
    from residyn.quantities.dependence import information_excess as information_excess
    from residyn.quantities.dimensions import dimensions as dimensions
    from residyn.quantities.information import mutual_information as mutual_information
    from residyn.quantities.kinematics import kinematics as kinematics
    from residyn.quantities.massive import leave_out as leave_out
    from residyn.quantities.massive import massive_ratio as massive_ratio
    from residyn.quantities.massive import massive_units as massive_units
    from residyn.quantities.noise import noise_floor as noise_floor
    from residyn.quantities.orbits import orbits as orbits
    from residyn.quantities.robustness import without_massive as without_massive
    from residyn.quantities.states import cosine as cosine
    from residyn.quantities.states import density as density
    from residyn.quantities.states import norm as norm
    from residyn.quantities.states import velocity as velocity
    from residyn.quantities.suite import analyze as analyze
    from residyn.quantities.tables import tables as tables
    from residyn.quantities.units import magnitude as magnitude
    from residyn.quantities.units import mean_activation as mean_activation
    from residyn.quantities.units import sign_kept as sign_kept
    from residyn.quantities.units import unit_correlation as unit_correlation
    from residyn.report import write_report as write_report
    from residyn.runs.results import open_results as open_results
    from residyn.runs.results import save_results as save_results
    from residyn.schema import from_array as from_array
    from residyn.settings import AnalysisSettings as AnalysisSettings
    from residyn.settings import ClaimsSettings as ClaimsSettings
    from residyn.spaces import Space as Space
    from residyn.spaces import explained_variance as explained_variance
    from residyn.spaces import explained_variance_by_sublayer as explained_variance_by_sublayer
    from residyn.spaces import fit_space as fit_space
    from residyn.spaces import pc_axes as pc_axes
    from residyn.spaces import pc_scores as pc_scores
    from residyn.store import open_states as open_states
    from residyn.teleports import affine as affine
    from residyn.teleports import beside as beside
    from residyn.teleports import flow as flow
    from residyn.teleports import return_fraction as return_fraction
    from residyn.teleports import summary as summary
    from residyn.teleports import targets as targets

__version__ = version("residyn")

# Each public name is imported when it is first used, so that `import residyn` needs neither torch nor matplotlib.
_HOMES = {
    "NULLS": "residyn.nulls",
    "AnalysisSettings": "residyn.settings",
    "ClaimsSettings": "residyn.settings",
    "Layout": "residyn.model.sites",
    "ResidynError": "residyn.errors",
    "Space": "residyn.spaces",
    "Teleports": "residyn.figures.drawers",
    "affine": "residyn.teleports",
    "against_null": "residyn.nulls",
    "analyze": "residyn.quantities.suite",
    "basis": "residyn.quantities.basis",
    "beside": "residyn.teleports",
    "capture": "residyn.model.capture",
    "check_model": "residyn.model.check",
    "correlation_density": "residyn.quantities.correlations",
    "cosine": "residyn.quantities.states",
    "density": "residyn.quantities.states",
    "dependence": "residyn.quantities.dependence",
    "dimensions": "residyn.quantities.dimensions",
    "explained_variance": "residyn.spaces",
    "explained_variance_by_sublayer": "residyn.spaces",
    "figure1": "residyn.figures.figure1",
    "fit_space": "residyn.spaces",
    "flow": "residyn.teleports",
    "from_array": "residyn.schema",
    "information_excess": "residyn.quantities.dependence",
    "judge": "residyn.claims",
    "kinematics": "residyn.quantities.kinematics",
    "leave_out": "residyn.quantities.massive",
    "load_model": "residyn.model.loading",
    "magnitude": "residyn.quantities.units",
    "massive_ratio": "residyn.quantities.massive",
    "massive_units": "residyn.quantities.massive",
    "mean_activation": "residyn.quantities.units",
    "mutual_information": "residyn.quantities.information",
    "noise_floor": "residyn.quantities.noise",
    "norm": "residyn.quantities.states",
    "open_results": "residyn.runs.results",
    "open_run": "residyn.pipeline.run",
    "run": "residyn.pipeline.run",
    "Run": "residyn.pipeline.run",
    "open_states": "residyn.store",
    "open_teleports": "residyn.model.teleport",
    "orbits": "residyn.quantities.orbits",
    "paper_reference": "residyn.figures.reference",
    "pc_axes": "residyn.spaces",
    "pc_scores": "residyn.spaces",
    "plot": "residyn.figures.panels",
    "read_texts": "residyn.model.texts",
    "return_fraction": "residyn.teleports",
    "save_results": "residyn.runs.results",
    "sign_kept": "residyn.quantities.units",
    "summary": "residyn.teleports",
    "surrogate": "residyn.nulls",
    "tables": "residyn.quantities.tables",
    "targets": "residyn.teleports",
    "teleport": "residyn.model.teleport",
    "tokenize_texts": "residyn.model.texts",
    "trajectory_distance": "residyn.comparison",
    "unit_correlation": "residyn.quantities.units",
    "untrained": "residyn.model.loading",
    "velocity": "residyn.quantities.states",
    "without_massive": "residyn.quantities.robustness",
    "write_report": "residyn.report",
}

__all__ = [
    "NULLS",
    "AnalysisSettings",
    "ClaimsSettings",
    "Layout",
    "ResidynError",
    "Run",
    "Space",
    "Teleports",
    "affine",
    "against_null",
    "analyze",
    "basis",
    "beside",
    "capture",
    "check_model",
    "correlation_density",
    "cosine",
    "density",
    "dependence",
    "dimensions",
    "explained_variance",
    "explained_variance_by_sublayer",
    "figure1",
    "fit_space",
    "flow",
    "from_array",
    "information_excess",
    "judge",
    "kinematics",
    "leave_out",
    "load_model",
    "magnitude",
    "massive_ratio",
    "massive_units",
    "mean_activation",
    "mutual_information",
    "noise_floor",
    "norm",
    "open_results",
    "open_run",
    "open_states",
    "open_teleports",
    "orbits",
    "paper_reference",
    "pc_axes",
    "pc_scores",
    "plot",
    "read_texts",
    "return_fraction",
    "run",
    "save_results",
    "sign_kept",
    "summary",
    "surrogate",
    "tables",
    "targets",
    "teleport",
    "tokenize_texts",
    "trajectory_distance",
    "unit_correlation",
    "untrained",
    "velocity",
    "without_massive",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'residyn' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    value = home if name == "plot" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
