"""The page of a comparison: verdicts and means side by side, what is apart, and names that are only text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from claims_record import verdicts_of
from residyn.figures import style
from residyn.report.page import render_comparison
from residyn.report.side_by_side import side_by_side

from .conftest import HOSTILE
from .test_page import CLOSED, Parsed, poisoned, shape_of

BEGUN = ("number", "variant", "claim", "from_step", "after_step", "said")


def results(value: float, low: float, high: float) -> xr.Dataset:
    ends = np.array([[value, value + 1], [low, low + 1], [high, high + 1]])
    coords = {"bound": ["value", "low", "high"], "transition_kind": ["within", "cross"]}
    return xr.Dataset({"cosine_by_kind": (("bound", "transition_kind"), ends)}, coords)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    file = tmp_path_factory.mktemp("picture") / "comparison.png"
    style.new_figure(20, 10).savefig(file)
    distances = xr.DataArray(
        [[0.0, 0.5], [0.5, 0.0]],
        dims=("run", "other"),
        coords={"run": ["a", "b"], "other": ["a", "b"], "within": ("run", [0.01, np.nan])},
    )
    return side_by_side(
        {"a": {"model": "one", "n_samples": 9}, "b": {"model": "two", "control": "untrained"}},
        {"a": results(0.5, 0.4, 0.6), "b": results(0.7, 0.61, 0.8)},
        {
            "a": verdicts_of((1, "", "it grows", "holds", "learned"), (2, "", "it is dense", "undecided")),
            "b": verdicts_of((1, "", "it grows", "does not hold"), (2, "", "it is dense", "undecided")),
        },
        distances,
        beginnings=pd.DataFrame([(1, "", "it grows", 5, 0, "From step 5 on.")], columns=list(BEGUN)),
        axes=["Units of a and b correlate."],
        training=file,
        matched=file,
        warnings=["The texts differ."],
        picture=file,
        files=["comparison.pdf"],
    )


def test_verdicts_stand_side_by_side_and_the_first_line_counts_them(page):
    assert page.summary == "Of 2 verdicts 1 differs: claim 1."
    assert [row.differs for row in page.verdicts] == [True, False]
    assert [(cell.verdict, cell.origin) for cell in page.verdicts[0].cells] == [
        ("holds", "learned"),
        ("does not hold", ""),
    ]


def test_intervals_that_do_not_overlap_are_marked(page):
    within, cross = page.means
    assert (within.detail, cross.detail) == ("within layers", "across layers")
    assert [cell.said for cell in within.cells] == ["0.5 (0.4 to 0.6)", "0.7 (0.61 to 0.8)"]
    assert [cell.apart for cell in within.cells] == [False, True]


def test_intervals_that_touch_are_not(tmp_path):
    from residyn.report.side_by_side import _apart

    assert not _apart((0.1, 0.5), (0.5, 0.9))
    assert not _apart((0.1, 0.5), (0.2, 0.3))
    assert not _apart((0.1, np.nan), (0.7, 0.9))
    assert _apart((0.6, 0.7), (0.1, 0.5))


def test_halves_are_told_where_they_are_known(page):
    assert [row.detail for row in page.distances] == ["between its own halves 0.01", ""]
    assert [cell.said for cell in page.distances[0].cells] == ["0", "0.5"]


def test_the_page_runs_nothing_asks_for_nothing_and_takes_names_as_text(page):
    parsed, hostile = (
        Parsed(render_comparison(page)),
        Parsed(render_comparison(poisoned(page, HOSTILE, (*CLOSED, "files")))),
    )
    assert shape_of(hostile) == shape_of(parsed)
    assert not hostile.open
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "iframe", "form", "object", "link"}
    assert "default-src &#39;none&#39;" in render_comparison(page)


def test_when_claims_begin_to_hold_is_told_of_checkpoints_alone(page):
    assert "From step 5 on." in render_comparison(page)
    assert 'id="training"' not in render_comparison(replace(page, training=None))


def test_shared_axes_are_told_where_units_were_matched(page):
    assert "<p>Units of a and b correlate.</p>" in render_comparison(page)
    assert 'id="axes"' not in render_comparison(replace(page, matched=None))


def test_without_verdicts_the_page_has_no_such_part(page):
    assert 'id="claims"' not in render_comparison(replace(page, verdicts=(), summary=""))
