"""The proof on the user's own model: Jacobians beside central finite differences, with the step swept."""

from __future__ import annotations

import numpy as np
import torch

from residyn.errors import ModelError
from residyn.model.jacobians.linear import Linear
from residyn.model.jacobians.step import TokenStep
from residyn.model.teleport.tolerance import SUM, limit

DIRECTIONS = 2
STEPS = tuple(10.0 ** (-k / 2) for k in range(2, 8))
"""Lengths of a step over that of the state: where they are long the map bends, where they are short digits go."""
LIMIT = 1e-3
"""The largest relative difference that passes, at the best step."""


def finite_differences(step: TokenStep, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Directions (direction, unit), the maps' products with them by differences, and the error of the sums.

    The products are (sublayer, direction, step, unit), in float64: (F(h + t v) − F(h − t v))/2t − v, at every
    sublayer at once, of one pass for h + t v and one for h − t v.
    """
    states, rng = step.states, np.random.default_rng(seed)
    drawn = rng.standard_normal((DIRECTIONS, states.shape[1]))
    directions = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    ways = torch.from_numpy(directions).to(states)
    found = np.full((len(states), DIRECTIONS, len(STEPS), states.shape[1]), np.nan)
    worst = 0.0
    with torch.no_grad():
        for number, way in enumerate(ways):
            for place, length in enumerate(STEPS):
                moved, error = _moved(step, length * way)
                worst = max(worst, error)
                found[:, number, place] = moved - directions[number]
    return directions, found, worst


def _moved(step: TokenStep, way: torch.Tensor) -> tuple[np.ndarray, float]:
    """(F(h + ‖h‖w) − F(h − ‖h‖w)) / 2‖h‖‖w‖ of every sublayer, and the largest error of a sum."""
    ends, taken, worst = [], [], 0.0
    for sign in (1.0, -1.0):
        entered: dict[int, torch.Tensor] = {}

        def enter(index: int, state: torch.Tensor, sign: float = sign, own: dict = entered) -> torch.Tensor:
            own[index] = step.states[index] + sign * step.states[index].norm() * way
            return own[index]

        passed = step.run(enter)
        ends.append(torch.stack(passed.leaving).double())
        taken.append(torch.stack([entered[index] for index in range(len(step.states))]).double())
        worst = max(worst, passed.sum_error)
    # The step that was taken is the one of rounded states.
    lengths = (taken[0] - taken[1]).norm(dim=1, keepdim=True)
    return ((ends[0] - ends[1]) / lengths).cpu().numpy(), worst


def proof_errors(differences: np.ndarray, products: np.ndarray) -> np.ndarray:
    """The relative difference (sublayer,) between products (sublayer, direction, unit) and finite differences.

    Of each direction that at its best step; of these, the largest.
    """
    size = np.linalg.norm(products, axis=-1)
    off = np.linalg.norm(differences - products[:, :, None], axis=-1).min(axis=2)
    return np.divide(off, size, out=np.where(off == 0, 0.0, np.inf), where=size > 0).max(axis=1)


class Proof:
    """Finite differences of every sublayer of one text, for its maps to be compared with as they are made.

    Raises ModelError where a state that is put into the stream does not reach the whole of it.
    """

    def __init__(self, step: TokenStep, name: str, seed: int) -> None:
        self.name = name
        self.labels = [place.label for place in step.sites.sublayers]
        self.directions, self.differences, sum_error = finite_differences(step, seed)
        if not sum_error <= limit(SUM, step.states.dtype):
            raise ModelError(
                f"The Jacobians of {name} cannot be trusted: a state that is put into the stream does not reach "
                f"all of it (the next state differs from the sum by {sum_error:.1e}). Give a map of this model's "
                "own modules, and look at `residyn check`."
            )
        self.products = np.full((len(self.labels), *self.directions.shape), np.nan)

    def add(self, sublayer: int, one: Linear) -> None:
        """Take the products of a sublayer's map with the directions."""
        self.products[sublayer] = one.forward(self.directions)

    def error(self) -> float:
        """The largest error of any sublayer. Raises ModelError, with its label, where it is above the limit."""
        errors = proof_errors(self.differences, self.products)
        worst = int(np.argmax(np.where(np.isfinite(errors), errors, np.inf)))
        if not errors[worst] <= LIMIT:
            raise ModelError(
                f"The Jacobian of {self.name} at {self.labels[worst]} cannot be trusted: wanted finite "
                f"differences to {LIMIT:.0e}, came {errors[worst]:.1e} at the best of {len(STEPS)} steps. The map "
                "may jump there, as where experts are chosen anew, or an operator of the model gives no right "
                "derivative."
            )
        return float(errors[worst])
