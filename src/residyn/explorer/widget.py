"""The explorer as a widget of a notebook: what is seen and selected in it can be read, and set, in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from residyn.errors import ResidynError, StoreError
from residyn.explorer.content import gather
from residyn.explorer.notebook import HEIGHT
from residyn.explorer.on_demand import OnDemand
from residyn.explorer.page import notebook_module, render


class ExplorerWidget(anywidget.AnyWidget):
    """One run's explorer, or two beside each other with linked depth.

    `sublayer` is the label of the state that is shown, `unit` the unit, `picked` the label of the text that is
    shown (None for none), `selected` the labels of the selected texts, so that `run.states.sel(sample=w.selected)`
    are their states; of two runs, in the first one. `views` is everything that was chosen in each page, as the
    fragment of an explorer's address spells it: what is set there is shown.

    Single units and texts are read out of the states on demand, where the run holds them.
    """

    _esm: ClassVar[str] = notebook_module()
    pages: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    names: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    height: Any = traitlets.Int(HEIGHT).tag(sync=True)
    views: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    sublayer: Any = traitlets.Unicode().tag(sync=True)
    unit: Any = traitlets.Int().tag(sync=True)
    picked: Any = traitlets.Int(None, allow_none=True).tag(sync=True)
    selected: Any = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, *directories: Path) -> None:
        explorers = [gather(directory) for directory in directories]
        self._states = [_states(*one) for one in zip(directories, explorers, strict=True)]
        pages = [
            render(explorer, served=states is not None, holder="notebook")
            for explorer, states in zip(explorers, self._states, strict=True)
        ]
        super().__init__(pages=pages, names=[str(one) for one in directories], views=[""] * len(directories))
        self.on_msg(self._asked)

    def _asked(self, _widget: object, told: Any, _buffers: object) -> None:
        """Answer a page that asks for a unit or a text."""
        path, which = str(told.get("ask", "")), int(told.get("of", 0))
        answer: dict[str, Any] = {"answer": path, "of": which}
        try:
            states = self._states[which]
            content = b"" if states is None else states.read(path)
        except KeyError:
            self.send({**answer, "failed": f"There is no {path}."})
        except ResidynError as error:
            self.send({**answer, "failed": str(error)})
        else:
            self.send(answer, [content])


def _states(directory: Path, explorer: Any) -> OnDemand | None:
    """What is read on demand; None where the run does not hold its states whole."""
    try:
        return OnDemand(directory, explorer)
    except StoreError:
        # The page has all that the results hold.
        return None
