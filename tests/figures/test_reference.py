from __future__ import annotations

import numpy as np
import pytest

from residyn.errors import UsageError
from residyn.figures import plot
from residyn.figures.reference import paper_reference


@pytest.mark.parametrize(
    ("quantity", "first", "highest", "last"),
    [
        ("cosine", 0.522, 0.994, 0.939),
        ("velocity", 0.646, 24.242, 19.242),
        ("mutual_information", 4.385, 4.385, 1.575),
    ],
)
def test_the_papers_curves_have_a_value_per_transition(quantity, first, highest, last):
    reference = paper_reference(quantity)
    values = np.array(reference["values"])
    assert values.shape == (63,)
    assert (values[0], values.max(), values[-1]) == (first, highest, last)
    assert reference["label"] == "Llama 3.1 8B, as published"


def test_within_and_cross_are_told_apart_by_parity():
    cosine = np.array(paper_reference("cosine")["values"])[10:50]
    assert cosine[::2].mean() > cosine[1::2].mean() + 0.03


def test_panels_take_them(results):
    for quantity in ("cosine", "velocity"):
        ax = getattr(plot, quantity)(results[quantity], reference=paper_reference(quantity))
        lines = [line for axes in ax.figure.axes for line in axes.get_lines() if line.is_dashed()]
        np.testing.assert_allclose(lines[0].get_xdata()[[0, -1]], [0, 6])
        np.testing.assert_array_equal(lines[0].get_ydata(), paper_reference(quantity)["values"])


def test_what_the_paper_lacks_is_named():
    with pytest.raises(UsageError, match=r"cosine, velocity, mutual_information; got 'norm'"):
        paper_reference("norm")
