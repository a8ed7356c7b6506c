"""The slow pass, which any model allows: the whole text for every row, the stream written at its last token."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from residyn.model import hooks
from residyn.model.teleport.passes import PassPlan, PassRecord


def run_pass(
    root: nn.Module, whole: nn.Module | None, planned: PassPlan, ids: torch.Tensor
) -> tuple[PassRecord, torch.Tensor | None]:
    """The record of one pass of rows, each a copy of `ids` (1, token), and the last token's logits (row, word).

    There are logits where the model with its head is given as `whole`.
    """
    batch = ids.expand(planned.n_rows, -1)

    def rows_of(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.view(*batch.shape, -1)[:, -1]

    def own_stream(_: int, arguments: dict[str, Any]) -> None:
        # A block's input may be kept elsewhere, so what is written in place is a copy.
        name = "hidden_states" if "hidden_states" in arguments else next(iter(arguments))
        arguments[name] = arguments[name].clone()

    record = PassRecord(planned, rows_of)
    entered = sorted({planned.sites.sites[group.site].layer for group in planned.groups})
    blocks = [f"{planned.sites.blocks}.{layer}" for layer in entered]
    with hooks.rewrite(root, blocks, own_stream), record.hooked(root, stop=whole is None):
        output = hooks.run(whole or root, batch, **(last_only(whole) if whole else {}))
    return record, output.logits[:, -1] if whole else None


def last_only(whole: nn.Module) -> dict[str, int]:
    """The option that spares the head all tokens but the last, where the model has it."""
    known = inspect.signature(whole.forward).parameters
    return {"logits_to_keep": 1} if "logits_to_keep" in known else {}
