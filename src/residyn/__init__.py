"""residyn: the residual stream of a transformer as a dynamical system over depth.

```python
import residyn as rd

model = rd.load_model("smollm2-135m")
texts = rd.read_texts("wikitext-2", n=1000)
states = rd.capture(model, texts, out="runs/smol")   # (sample, sublayer, unit)
results = rd.analyze(states)                         # every quantity of Figure 1
rd.figure1(results).savefig("figure1.png")
```

Each quantity is a public name too, and takes states: `rd.cosine(states)`, `rd.cosine.curve(states)`.
"""

import sys
from difflib import get_close_matches
from importlib.metadata import version
from typing import Any

import lazy_loader

_stated, _dir, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("residyn")


def __getattr__(name: str) -> Any:
    """A public name of the stub `__init__.pyi`, imported when it is first used, or a quantity of the registry."""
    if name in __all__ or name.startswith("_"):
        return _stated(name)
    from residyn.quantities.registry import quantities

    if name in quantities():
        return quantities()[name]
    close = get_close_matches(name, __dir__(), n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise AttributeError(f"residyn has no {name!r}.{meant}", name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    from residyn.quantities.registry import quantities

    return sorted({*_dir(), *quantities()})
