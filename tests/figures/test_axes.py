"""Shared axes as a picture: a line for each kind of map where the table says, a plot for each pair of runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from residyn.errors import DataError
from residyn.figures.plot import axes as panels
from residyn.figures.saving import save
from residyn.figures.shared_axes import MOST_PAIRS, shared_axes_figure

VALUES = {"matched": 0.6, "orthogonal": 0.7, "rotated": 0.4, "shuffled": -0.02}


def table_of(*others):
    depth = np.linspace(0, 1, 5)
    return pd.concat(
        pd.DataFrame({"run": "first", "other": other, "depth": depth, "map": name, "value": value + 0.1 * depth})
        for other in others
        for name, value in VALUES.items()
    ).assign(low=lambda t: t["value"] - 0.05, high=lambda t: t["value"] + 0.04)


def test_each_map_has_a_line_and_a_band():
    table = table_of("b")
    ax = panels.shared_axes(table.sample(frac=1, random_state=0))
    lines = {line.get_label(): line for line in ax.get_lines()}
    for name, value in VALUES.items():
        depth = np.linspace(0, 1, 5)
        np.testing.assert_allclose(lines[f"_{name}"].get_xydata(), np.column_stack([depth, value + 0.1 * depth]))
    bands = sorted(tuple(band.get_datalim(ax.transData).intervaly) for band in ax.collections)
    np.testing.assert_allclose(bands, sorted((value - 0.05, value + 0.14) for value in VALUES.values()))
    assert len({(line.get_color(), line.get_linestyle()) for line in lines.values()}) >= 4
    assert [name for _, name in panels.map_entries()][1] == "units matched"


def test_values_below_chance_are_not_cut_off_and_undefined_ones_said():
    table = table_of("b")
    low = panels.shared_axes(table.assign(value=table["value"] - 1, low=table["low"] - 1)).get_ylim()[0]
    assert low < table["low"].min() - 1
    undefined = table.assign(value=np.nan, low=np.nan, high=np.nan)
    assert "undefined" in [text.get_text() for text in panels.shared_axes(undefined).texts]


def test_the_page_has_a_plot_for_each_run_and_says_how_many_more_there_are(tmp_path, hostile):
    names = [hostile.replace("\ud800", ""), *(f"a name as long as folders have them {i}" for i in range(10))]
    figure = shared_axes_figure(table_of(*names))
    assert len(figure.axes) == MOST_PAIRS
    save(figure, tmp_path / "f", ("pdf",))
    said = [text.get_text() for text in figure.findobj(Text)]
    assert "2 more in the table" in said
    page = figure.bbox
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert page.x0 <= box.x0 <= box.x1 <= page.x1, text
            assert page.y0 <= box.y0 <= box.y1 <= page.y1, text
    assert len(shared_axes_figure(table_of("b")).axes) == 1


def test_errors_name_what_is_missing():
    table = table_of("b")
    with pytest.raises(DataError, match="it lacks map"):
        panels.shared_axes(table.drop(columns="map"))
    with pytest.raises(DataError, match="it has no rows"):
        shared_axes_figure(table.iloc[:0])
    with pytest.raises(DataError, match="got 2"):
        panels.shared_axes(table_of("b", "c"))
