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
    from residyn.analysis.correlations import correlation_density as correlation_density
    from residyn.analysis.saving import open_results as open_results
    from residyn.analysis.saving import save_results as save_results
    from residyn.analysis.states import cosine as cosine
    from residyn.analysis.states import density as density
    from residyn.analysis.states import norm as norm
    from residyn.analysis.states import velocity as velocity
    from residyn.analysis.suite import analyze as analyze
    from residyn.analysis.tables import tables as tables
    from residyn.analysis.units import magnitude as magnitude
    from residyn.analysis.units import mean_activation as mean_activation
    from residyn.analysis.units import sign_kept as sign_kept
    from residyn.analysis.units import unit_correlation as unit_correlation
    from residyn.errors import ResidynError as ResidynError
    from residyn.figures import panels as plot
    from residyn.figures.figure1 import figure1 as figure1
    from residyn.model.capture import capture as capture
    from residyn.model.check import check_model as check_model
    from residyn.model.loading import load_model as load_model
    from residyn.model.sites import Layout as Layout
    from residyn.model.texts import read_texts as read_texts
    from residyn.model.texts import tokenize_texts as tokenize_texts
    from residyn.schema import from_array as from_array
    from residyn.store import open_states as open_states

__version__ = version("residyn")

# Each public name is imported when it is first used, so that `import residyn` needs neither torch nor matplotlib.
_HOMES = {
    "ResidynError": "residyn.errors",
    "Layout": "residyn.model.sites",
    "analyze": "residyn.analysis.suite",
    "capture": "residyn.model.capture",
    "check_model": "residyn.model.check",
    "correlation_density": "residyn.analysis.correlations",
    "cosine": "residyn.analysis.states",
    "density": "residyn.analysis.states",
    "figure1": "residyn.figures.figure1",
    "from_array": "residyn.schema",
    "load_model": "residyn.model.loading",
    "magnitude": "residyn.analysis.units",
    "mean_activation": "residyn.analysis.units",
    "norm": "residyn.analysis.states",
    "open_results": "residyn.analysis.saving",
    "open_states": "residyn.store",
    "plot": "residyn.figures.panels",
    "read_texts": "residyn.model.texts",
    "save_results": "residyn.analysis.saving",
    "sign_kept": "residyn.analysis.units",
    "tables": "residyn.analysis.tables",
    "tokenize_texts": "residyn.model.texts",
    "unit_correlation": "residyn.analysis.units",
    "velocity": "residyn.analysis.states",
}

__all__ = [
    "Layout",
    "ResidynError",
    "analyze",
    "capture",
    "check_model",
    "correlation_density",
    "cosine",
    "density",
    "figure1",
    "from_array",
    "load_model",
    "magnitude",
    "mean_activation",
    "norm",
    "open_results",
    "open_states",
    "plot",
    "read_texts",
    "save_results",
    "sign_kept",
    "tables",
    "tokenize_texts",
    "unit_correlation",
    "velocity",
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
