"""Tensors with their entries in another order."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers as wide as the floats whose bits they carry: numpy knows no bfloat16."""


def shuffled(values: torch.Tensor, name: str, seed: int) -> torch.Tensor:
    """A copy of a tensor in another order, in place in that copy: a large tensor's index would be larger yet."""
    drawn = torch.empty(values.shape, dtype=values.dtype, device="cpu").copy_(values)
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    entries = drawn.view(BITS[drawn.element_size()]).view(-1).numpy()
    np.random.default_rng(int.from_bytes(digest[:8], "big")).shuffle(entries)
    return drawn.to(values.device)
