"""The slow pass, which any model allows: the whole text for every row, the stream written at its last token."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from residyn.model import hooks
from residyn.model.teleport.flight import Flight, Task


def fly(
    root: nn.Module, whole: nn.Module | None, task: Task, ids: torch.Tensor
) -> tuple[Flight, torch.Tensor | None]:
    """One pass of a task's rows, each a copy of `ids` (1, token), and the last token's logits (row, word) where
    the model with its head is given as `whole`.
    """
    batch = ids.expand(task.n_rows, -1)

    def rows_of(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.view(*batch.shape, -1)[:, -1]

    def own_stream(_: int, arguments: dict[str, Any]) -> None:
        # A block's input may be kept elsewhere, so what is written in place is a copy.
        name = "hidden_states" if "hidden_states" in arguments else next(iter(arguments))
        arguments[name] = arguments[name].clone()

    flight = Flight(task, rows_of)
    entered = sorted({task.sites.sites[group.site].layer for group in task.groups})
    blocks = [f"{task.sites.blocks}.{layer}" for layer in entered]
    with hooks.rewrite(root, blocks, own_stream), flight.hooked(root, stop=whole is None):
        output = hooks.run(whole or root, batch, **(_last_only(whole) if whole else {}))
    return flight, output.logits[:, -1] if whole else None


def _last_only(whole: nn.Module) -> dict[str, int]:
    """The option that spares the head all tokens but the last, where the model has it."""
    known = inspect.signature(whole.forward).parameters
    return {"logits_to_keep": 1} if "logits_to_keep" in known else {}
