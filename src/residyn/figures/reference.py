"""The paper's published curves of Llama 3.1 8B, to lay over a model's own."""

from __future__ import annotations

from typing import Any

from residyn.errors import UsageError
from residyn.published import published_curves


def paper_reference(quantity: str) -> dict[str, Any]:
    """The published mean over samples (units for mutual information) of a quantity, per transition.

    Returns {"label": ..., "values": [63 numbers]}, what the panels `cosine`, `velocity` and
    `mutual_information_curve` take as `reference`; even places are within-layer transitions, odd ones
    cross-layer. Read off the figure, to about 0.005 (cosine), 0.3 (velocity, activation) and 0.04 nats
    (mutual information, Gaussian KDE). Source: Fernando & Guitchounts 2025, arXiv:2502.12131v1, Figure 1
    E, F, H. Raises UsageError for another quantity.

    >>> len(rd.paper_reference("cosine")["values"])
    63
    """
    known = published_curves()
    if quantity not in known:
        raise UsageError(f"The paper has curves of {', '.join(known)}; got {quantity!r}.")
    return {"label": "Llama 3.1 8B, as published", "values": list(known[quantity])}
