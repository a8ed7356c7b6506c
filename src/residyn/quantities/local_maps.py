"""What random matrices have in place of a local linear map (`rd.jacobians`)."""

from __future__ import annotations

from residyn.numerics.linear_maps import (
    GINIBRE_HENRICI,
    GINIBRE_RANK,
    GINIBRE_ROTATION,
    GINIBRE_SKEW,
    ginibre_complex,
)
from residyn.schema import LAYER


def ginibre_value(name: str, width: int) -> float | None:
    """What a matrix of independent normal entries of many units has in expectation; None where norms matter too.

    `width` is the number of units.
    """
    known = {
        "skew_share": GINIBRE_SKEW,
        "henrici": GINIBRE_HENRICI,
        "complex_share": ginibre_complex(width),
        "rotation": GINIBRE_ROTATION,
        "effective_rank": GINIBRE_RANK * width,
    }
    return known.get(name.removeprefix(f"{LAYER}_"))
