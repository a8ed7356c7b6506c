"""A run's explorer in a notebook."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from residyn.errors import UsageError
from residyn.pipeline.explorer import explorer

if TYPE_CHECKING:
    from residyn.explorer.notebook import Frame
    from residyn.explorer.widget import ExplorerWidget
    from residyn.pipeline.run import Run


def explore(
    run: Run | str | os.PathLike[str], beside: Run | str | os.PathLike[str] | None = None
) -> ExplorerWidget | Frame:
    """The explorer of a run, or of two beside each other, as the last line of a notebook's cell shows it.

    `run` and `beside` are runs, or their directories. With anywidget (`pip install 'residyn[notebook]'`) it is a
    widget: `selected` are the labels of the texts that are selected in the page, `picked` that of the text that is
    shown, `sublayer` and `unit` what is looked at, and `views` the whole view, which can be set; single units and
    texts are read out of the states on demand. Without anywidget the page stands in a frame, for one run alone.
    Makes the explorer where it is not there. Raises UsageError for two runs without anywidget, and as
    `rd.write_explorer` does.

    >>> shown = rd.explore(run)
    """
    directories = [_directory(one) for one in (run, beside) if one is not None]
    pages = [explorer(directory) for directory in directories]
    if find_spec("anywidget") is None:
        from residyn.explorer.notebook import Frame

        if beside is not None:
            raise UsageError(
                "Two runs beside each other in a notebook need anywidget, which is not installed. "
                "Install it (pip install 'residyn[notebook]'), or serve them: residyn view DIR DIR2."
            )
        return Frame(pages[0])
    from residyn.explorer.widget import ExplorerWidget

    return ExplorerWidget(*directories)


def _directory(run: Run | str | os.PathLike[str]) -> Path:
    return Path(os.fspath(run)).expanduser() if isinstance(run, str | os.PathLike) else run.directory
