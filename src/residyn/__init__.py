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
    from residyn.analysis.basis import basis as basis
    from residyn.analysis.claims import ClaimSettings as ClaimSettings
    from residyn.analysis.claims import judge as judge
    from residyn.analysis.comparison import trajectory_distance as trajectory_distance
    from residyn.analysis.correlations import correlation_density as correlation_density
    from residyn.analysis.dependence import dependence as dependence
    from residyn.analysis.dependence import information_excess as information_excess
    from residyn.analysis.dimensions import dimensions as dimensions
    from residyn.analysis.information import mutual_information as mutual_information
    from residyn.analysis.kinematics import kinematics as kinematics
    from residyn.analysis.massive import leave_out as leave_out
    from residyn.analysis.massive import massive_ratio as massive_ratio
    from residyn.analysis.massive import massive_units as massive_units
    from residyn.analysis.noise import noise_floor as noise_floor
    from residyn.analysis.nulls import NULLS as NULLS
    from residyn.analysis.nulls import against_null as against_null
    from residyn.analysis.nulls import surrogate as surrogate
    from residyn.analysis.orbits import orbits as orbits
    from residyn.analysis.robustness import without_massive as without_massive
    from residyn.analysis.saving import open_results as open_results
    from residyn.analysis.saving import save_results as save_results
    from residyn.analysis.settings import Settings as Settings
    from residyn.analysis.space import Space as Space
    from residyn.analysis.space import explained_variance as explained_variance
    from residyn.analysis.space import explained_variance_by_sublayer as explained_variance_by_sublayer
    from residyn.analysis.space import fit_space as fit_space
    from residyn.analysis.space import pc_axes as pc_axes
    from residyn.analysis.space import pc_scores as pc_scores
    from residyn.analysis.states import cosine as cosine
    from residyn.analysis.states import density as density
    from residyn.analysis.states import norm as norm
    from residyn.analysis.states import velocity as velocity
    from residyn.analysis.suite import analyze as analyze
    from residyn.analysis.tables import tables as tables
    from residyn.analysis.teleports import affine as affine
    from residyn.analysis.teleports import beside as beside
    from residyn.analysis.teleports import flow as flow
    from residyn.analysis.teleports import return_fraction as return_fraction
    from residyn.analysis.teleports import summary as summary
    from residyn.analysis.teleports import targets as targets
    from residyn.analysis.units import magnitude as magnitude
    from residyn.analysis.units import mean_activation as mean_activation
    from residyn.analysis.units import sign_kept as sign_kept
    from residyn.analysis.units import unit_correlation as unit_correlation
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
    from residyn.report import write_report as write_report
    from residyn.schema import from_array as from_array
    from residyn.store import open_states as open_states

__version__ = version("residyn")

# Each public name is imported when it is first used, so that `import residyn` needs neither torch nor matplotlib.
_HOMES = {
    "NULLS": "residyn.analysis.nulls",
    "ClaimSettings": "residyn.analysis.claims",
    "Layout": "residyn.model.sites",
    "ResidynError": "residyn.errors",
    "Settings": "residyn.analysis.settings",
    "Space": "residyn.analysis.space",
    "Teleports": "residyn.figures.drawers",
    "affine": "residyn.analysis.teleports",
    "against_null": "residyn.analysis.nulls",
    "analyze": "residyn.analysis.suite",
    "basis": "residyn.analysis.basis",
    "beside": "residyn.analysis.teleports",
    "capture": "residyn.model.capture",
    "check_model": "residyn.model.check",
    "correlation_density": "residyn.analysis.correlations",
    "cosine": "residyn.analysis.states",
    "density": "residyn.analysis.states",
    "dependence": "residyn.analysis.dependence",
    "dimensions": "residyn.analysis.dimensions",
    "explained_variance": "residyn.analysis.space",
    "explained_variance_by_sublayer": "residyn.analysis.space",
    "figure1": "residyn.figures.figure1",
    "fit_space": "residyn.analysis.space",
    "flow": "residyn.analysis.teleports",
    "from_array": "residyn.schema",
    "information_excess": "residyn.analysis.dependence",
    "judge": "residyn.analysis.claims",
    "kinematics": "residyn.analysis.kinematics",
    "leave_out": "residyn.analysis.massive",
    "load_model": "residyn.model.loading",
    "magnitude": "residyn.analysis.units",
    "massive_ratio": "residyn.analysis.massive",
    "massive_units": "residyn.analysis.massive",
    "mean_activation": "residyn.analysis.units",
    "mutual_information": "residyn.analysis.information",
    "noise_floor": "residyn.analysis.noise",
    "norm": "residyn.analysis.states",
    "open_results": "residyn.analysis.saving",
    "open_states": "residyn.store",
    "open_teleports": "residyn.model.teleport",
    "orbits": "residyn.analysis.orbits",
    "paper_reference": "residyn.figures.reference",
    "pc_axes": "residyn.analysis.space",
    "pc_scores": "residyn.analysis.space",
    "plot": "residyn.figures.panels",
    "read_texts": "residyn.model.texts",
    "return_fraction": "residyn.analysis.teleports",
    "save_results": "residyn.analysis.saving",
    "sign_kept": "residyn.analysis.units",
    "summary": "residyn.analysis.teleports",
    "surrogate": "residyn.analysis.nulls",
    "tables": "residyn.analysis.tables",
    "targets": "residyn.analysis.teleports",
    "teleport": "residyn.model.teleport",
    "tokenize_texts": "residyn.model.texts",
    "trajectory_distance": "residyn.analysis.comparison",
    "unit_correlation": "residyn.analysis.units",
    "untrained": "residyn.model.loading",
    "velocity": "residyn.analysis.states",
    "without_massive": "residyn.analysis.robustness",
    "write_report": "residyn.report",
}

__all__ = [
    "NULLS",
    "ClaimSettings",
    "Layout",
    "ResidynError",
    "Settings",
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
    "open_states",
    "open_teleports",
    "orbits",
    "paper_reference",
    "pc_axes",
    "pc_scores",
    "plot",
    "read_texts",
    "return_fraction",
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
