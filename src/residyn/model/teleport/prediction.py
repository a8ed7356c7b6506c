"""What a teleport does to the next-token distribution."""

from __future__ import annotations

import torch

_SLICE = 16
"""Rows at a time in float64, so that a large vocabulary costs little memory."""


def change(control: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """KL(control ‖ row) in nats of every row's next-token distribution, and whether its most likely token changed.

    control: logits (word,). rows: logits (row, word). Softmax and sum are made in float64; KL ≥ 0 up to their
    rounding. A word that a row rules out altogether makes it infinite.
    """
    start = control.to("cpu").double().log_softmax(dim=-1)
    likely = start.exp()
    divergences, changed = [], []
    for some in rows.split(_SLICE):
        ends = some.to("cpu").double().log_softmax(dim=-1)
        # Words of no probability in the control add nothing, whatever the row says of them.
        divergences.append(torch.where(likely > 0, likely * (start - ends), 0.0).sum(dim=-1))
        changed.append(ends.argmax(dim=-1) != start.argmax())
    return torch.cat(divergences), torch.cat(changed)
