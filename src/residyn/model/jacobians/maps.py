"""The Jacobian of each sublayer at one token, minus the identity: as products with vectors, or as a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from residyn.errors import ModelError
from residyn.model import hooks
from residyn.model.jacobians.batched import Batched
from residyn.model.jacobians.step import TokenStep
from residyn.model.loading.quiet import message_of

_VECTORS = 48
"""Vectors of the stream's width that one row of a product holds at once, inside the MLP too."""
_KEYS = 4


@dataclass(frozen=True, eq=False)
class LocalMap:
    """J = ∂h_{s+1}/∂h_s − I of one sublayer at one token, for products with rows of vectors (k, D).

    Rows are computed together, `rows` of them at a time; where an operator of the model cannot be differentiated
    for many at once, one by one.
    """

    name: str
    entering: torch.Tensor
    leaving: torch.Tensor
    rows: int

    @property
    def width(self) -> int:
        return self.entering.shape[0]

    def backward(self, vectors: np.ndarray) -> np.ndarray:
        """uᵀJ of each row u: reverse mode."""
        return self._by_parts(vectors, lambda rows: self._pulled(self.leaving, self.entering, rows))

    def forward(self, vectors: np.ndarray) -> np.ndarray:
        """Jv of each row v: uᵀJ is linear in u, and Jv its derivative with respect to u.

        Raises ModelError where an operator of the model cannot be differentiated twice.
        """
        cotangent = torch.zeros_like(self.leaving, requires_grad=True)
        try:
            (pulled,) = torch.autograd.grad(
                self.leaving, self.entering, cotangent, create_graph=True, retain_graph=True
            )
            return self._by_parts(vectors, lambda rows: self._pulled(pulled, cotangent, rows))
        except RuntimeError as error:
            if hooks.out_of_memory(error):
                raise
            raise ModelError(
                f"The Jacobian of {self.name} cannot be applied to a vector: an operator of the model has no "
                f"second derivative ({message_of(error, 160)}). Take the whole matrix: exact_width={self.width}."
            ) from error

    def matrix(self) -> np.ndarray:
        """J (D, D) in float64, row by row of the identity."""
        return self.backward(np.eye(self.width, dtype=np.float32))

    def _by_parts(self, vectors: np.ndarray, product) -> np.ndarray:
        parts = [vectors[start : start + self.rows] for start in range(0, len(vectors), self.rows)]
        own = [torch.from_numpy(np.ascontiguousarray(part)).to(self.leaving) for part in parts]
        return np.concatenate([(product(part) - part).double().cpu().numpy() for part in own])

    def _pulled(self, of: torch.Tensor, by: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        try:
            (found,) = torch.autograd.grad(of, by, rows, is_grads_batched=True, retain_graph=True)
        except RuntimeError as error:
            if hooks.out_of_memory(error):
                raise
            each = [torch.autograd.grad(of, by, row, retain_graph=True)[0] for row in rows]
            found = torch.stack(each)
        return found.detach()


def local_maps(step: TokenStep, memory: int) -> list[LocalMap]:
    """The maps of all sublayers, from one pass; products take about `memory` bytes."""
    entering: dict[int, torch.Tensor] = {}

    def enter(index: int, state: torch.Tensor) -> torch.Tensor:
        entering[index] = state.detach().clone().requires_grad_()
        return entering[index]

    weights = {tensor.untyped_storage().data_ptr() for tensor in step.root.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        # A mixer's state is updated in place after it was used, and derivatives need what it was.
        return tensor if tensor.untyped_storage().data_ptr() in weights else tensor.clone()

    def latest() -> torch.Tensor | None:
        return entering[max(entering)] if entering else None

    saved = torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept)
    with torch.enable_grad(), saved, Batched(latest):
        passed = step.run(enter)
    width = step.states.shape[1]
    tokens = 1 if step.prefix is not None else step.ids.shape[1]
    # Attention's derivative takes its keys and values of every token, before and after they are shared by heads.
    vectors = _VECTORS * tokens + _KEYS * step.ids.shape[1]
    rows = max(1, min(width, memory // (4 * vectors * width)))
    labels = [place.label for place in step.sites.sublayers]
    return [LocalMap(label, entering[i], passed.leaving[i], rows) for i, label in enumerate(labels)]
