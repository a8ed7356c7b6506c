"""Checkpoints as a picture: lines, thresholds and marks where the table says, and steps on an axis."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from claims_record import verdicts_of
from residyn.comparison import beginnings, claims_table
from residyn.errors import DataError
from residyn.figures.checkpoints import checkpoint_figure
from residyn.figures.plot import checkpoints as panels
from residyn.figures.saving import save

STEPS = [0, 1, 64, 1000, 143000]


def rows(name, values, *, of="claim", kind="", verdicts=None, premise=False, steps=STEPS):
    n = len(steps)
    return pd.DataFrame(
        {
            "step": steps,
            "run": [f"run {step}" for step in steps],
            "of": of,
            "label": "5" if of == "claim" else "",
            "name": name,
            "statistic": "change of median r from the first places to the last, in words",
            "kind": kind,
            "value": values,
            "low": np.asarray(values) - 0.1,
            "high": np.asarray(values) + 0.2,
            "threshold": 0.25 if of == "claim" else np.nan,
            "verdict": verdicts or [""] * n,
            "premise": premise,
        }
    )


VERDICTS = ["does not hold", "undecided", "holds", "holds", "holds"]
VALUES = [0.0, 0.2, 0.4, 0.6, 0.8]


def test_a_statistic_has_its_threshold_and_a_mark_a_verdict():
    ax = panels.over_steps(rows("change", VALUES, verdicts=VERDICTS).sample(frac=1, random_state=0))
    (line,) = [one for one in ax.get_lines() if one.get_label() == "_"]
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([STEPS, VALUES]))
    marks = {one.get_xdata()[0]: one.get_label() for one in ax.get_lines() if one.get_label() in VERDICTS}
    assert marks == dict(zip(STEPS, VERDICTS, strict=True))
    assert any(set(one.get_ydata()) == {0.25} for one in ax.get_lines())
    low, high = ax.collections[0].get_datalim(ax.transData).intervaly
    assert (low, high) == pytest.approx((-0.1, 1.0))


def test_kinds_have_lines_of_their_own_and_no_marks_of_verdicts():
    both = [rows("cosine", VALUES, of="curve", kind=kind) for kind in ("within", "cross")]
    ax = panels.over_steps(pd.concat(both))
    assert {one.get_label() for one in ax.get_lines()} >= {"_within", "_cross"}
    assert len({one.get_color() for one in ax.get_lines()}) == 2


@pytest.mark.parametrize(
    ("steps", "scale", "ticks"),
    [
        ([0, 1, 64, 1000, 143000], "symlog", ["0", "1", "64", "1k", "143k"]),
        ([0, *(2**power for power in range(17))], "symlog", ["0", "1", "10", "100", "1k", "10k"]),
        ([20, 100, 500], "symlog", ["20", "100", "500"]),
        ([1000, 2000, 3000], "linear", None),
        ([0, 500], "linear", None),
        ([7], "linear", None),
    ],
)
def test_steps_that_span_much_are_logarithmic_and_zero_has_a_place(steps, scale, ticks):
    ax = panels.over_steps(rows("change", np.linspace(0, 1, len(steps)), steps=steps))
    assert ax.get_xscale() == scale
    if ticks is not None:
        assert [label.get_text() for label in ax.get_xticklabels()] == ticks
    ends = ax.transData.transform([(step, 0) for step in steps])[:, 0]
    box = ax.get_window_extent()
    assert (np.diff(ends) > 0).all()
    assert box.x0 < ends[0]
    assert ends[-1] < box.x1
    if scale == "symlog" and steps[0] == 0:
        # Between 0 and the first step there is as much room as between others.
        assert ends[1] - ends[0] > 0.05 * box.width


def test_the_page_has_every_statistic_but_premises_and_what_is_undefined(tmp_path):
    table = pd.concat(
        [
            rows("cosine", VALUES, of="curve", kind="within"),
            rows("change", VALUES, verdicts=VERDICTS),
            rows("tied", VALUES, verdicts=VERDICTS, premise=True),
            rows("rho", [np.nan] * 5, verdicts=["undecided"] * 5),
        ]
    )
    verdicts = {
        f"run {step}": verdicts_of((5, "", "it grows", verdict))
        for step, verdict in zip(STEPS, VERDICTS, strict=True)
    }
    begun = beginnings(verdicts, {f"run {step}": step for step in STEPS})
    figure = checkpoint_figure(table, claims_table(verdicts), begun)
    assert len(figure.axes) == 3
    bars = [one for one in figure.axes[2].get_lines() if one.get_label() == "_begins"]
    assert [tuple(one.get_xdata()) for one in bars] == [(1.65, 4.35)]
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["0", "1", "64", "1k", "143k"]
    save(figure, tmp_path / "f", ("pdf",))
    page = figure.bbox
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert page.x0 <= box.x0 <= box.x1 <= page.x1, text
            assert page.y0 <= box.y0 <= box.y1 <= page.y1, text
    none = dict.fromkeys(verdicts)
    without = checkpoint_figure(table[table["of"] == "curve"], claims_table(none), beginnings(none, {"run 0": 0}))
    assert len(without.axes) == 1


def test_errors_name_what_is_missing():
    table = rows("change", VALUES)
    with pytest.raises(DataError, match="it lacks threshold"):
        panels.over_steps(table.drop(columns="threshold"))
    with pytest.raises(DataError, match="it has no rows"):
        panels.over_steps(table.iloc[:0])
    with pytest.raises(DataError, match="got 2"):
        panels.over_steps(pd.concat([table, rows("other", VALUES)]))
    with pytest.raises(DataError, match="for 1 claims and 2 steps"):
        panels.verdicts_over_steps(claims_table({"a": verdicts_of((1, "", "words", "holds"))}), [0, 1], [0.0])
