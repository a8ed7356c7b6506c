"""One batch of equal-length texts through the model: the last token's state at every site, and no more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from residyn.errors import ResourceError
from residyn.model.attached import device_of
from residyn.model.hooks import Tap, out_of_memory, read, run


def last_token_states(root: nn.Module, taps: Sequence[Tap], input_ids: np.ndarray, n_units: int) -> np.ndarray:
    """States (row, tap, unit), float32, of the last token of `input_ids` (row, token).

    Only the rows of the last token are copied, inside the hooks, and the pass ends at the last tap. All rows
    have the same length: there is no padding to mistake for a token.
    """
    ids = torch.from_numpy(np.ascontiguousarray(input_ids, dtype=np.int64)).to(device_of(root))
    kept: torch.Tensor | None = None

    def keep(index: int, tensor: torch.Tensor) -> None:
        nonlocal kept
        last = tensor.detach().reshape(*ids.shape, -1)[:, -1]
        if kept is None:
            kept = torch.empty((len(ids), len(taps), n_units), dtype=last.dtype, device=last.device)
        kept[:, index] = last.to(kept.device)

    with read(root, taps, keep, stop=True):
        run(root, ids)
    assert kept is not None
    return kept.to(device="cpu", dtype=torch.float32).numpy()


def in_halves_if_needed(
    root: nn.Module, taps: Sequence[Tap], input_ids: np.ndarray, n_units: int
) -> tuple[np.ndarray, bool]:
    """`last_token_states`, halving the batch as often as the memory asks for; and whether it was halved.

    Raises ResourceError where a single text does not fit.
    """
    try:
        return last_token_states(root, taps, input_ids, n_units), False
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        if len(input_ids) == 1:
            raise ResourceError(
                f"One text of {input_ids.shape[1]} tokens does not fit into the memory of {device_of(root)} "
                "beside the model. Lower --max-tokens, use --dtype bfloat16, or take a device with more memory."
            ) from error
    # Outside the handler, so that the failed pass's tensors, which its traceback holds, are gone.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = len(input_ids) // 2
    parts = [in_halves_if_needed(root, taps, part, n_units)[0] for part in (input_ids[:half], input_ids[half:])]
    return np.concatenate(parts), True
