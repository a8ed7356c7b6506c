"""How far two computations of one state may differ, and the errors that every run measures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch

from residyn.errors import ModelError

LANDING, SUM, UPSTREAM, CONTROL, NO_OP = "landing", "sum", "upstream", "control", "no-op"
MEANING: Mapping[str, str] = MappingProxyType(
    {
        LANDING: "the state read where it was written = the target",
        SUM: "next state = target + what the following branch wrote",
        UPSTREAM: "before the write, every row = the control",
        CONTROL: "the control row = a plain pass over the whole text",
        NO_OP: "a row of which nothing is changed = the control",
    }
)


def limit(check: str, dtype: torch.dtype) -> float:
    """The largest relative error that passes: at least 1e-5, 1e-6 upstream, and what the number format can tell.

    A sum is repeated in the model's own format and order, so it may differ by a few roundings only: a write that
    reached one branch and not the skip path differs by the whole displacement.
    """
    rounding = torch.finfo(dtype).eps
    if check == SUM:
        return 4 * rounding
    return max(1e-6 if check == UPSTREAM else 1e-5, 8 * rounding)


def largest(difference: torch.Tensor, reference: torch.Tensor) -> float:
    """The largest ‖difference‖ / ‖reference‖ over vectors; NaN where one is not finite, 0.0 for none."""
    if not difference.numel():
        return 0.0
    ratios = difference.double().norm(dim=-1) / reference.double().norm(dim=-1).clamp_min(1e-300)
    return float(ratios.max())


def failing(errors: Mapping[str, float], dtype: torch.dtype, checks: tuple[str, ...]) -> str | None:
    """The first of these checks that does not hold, in words; None where all hold."""
    for check in checks:
        error = errors.get(check, 0.0)
        # Written so that NaN fails.
        if not error <= limit(check, dtype):
            return f"{MEANING[check]}: wanted to {limit(check, dtype):.0e}, came {error:.2e}"
    return None


def refuse(errors: Mapping[str, float], dtype: torch.dtype, name: str, checks: tuple[str, ...]) -> None:
    """Raise ModelError where one of these checks does not hold."""
    if said := failing(errors, dtype, checks):
        raise ModelError(
            f"The teleport of {name} cannot be trusted; {said} (relative). The write did not reach the whole "
            "stream. Give a map of this model's own modules, and look at `residyn check`."
        )


def merged(*errors: Mapping[str, float]) -> dict[str, float]:
    """The largest error of each check; NaN wins."""
    found: dict[str, float] = {}
    for one in errors:
        for check, error in one.items():
            before = found.get(check, 0.0)
            found[check] = error if not error <= before else before
    return found
