"""The weights of a model in memory or where accelerate keeps them, and the plain tensors they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from residyn.errors import ModelError


def weights_of(name: str, module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every parameter with its name and values, in the order of the modules; offloaded ones one at a time.

    Raises ModelError, naming the parameter, where its values are neither in memory nor where accelerate puts them.
    """
    for path, part in module.named_modules():
        for own, parameter in part.named_parameters(recurse=False):
            key = f"{path}.{own}" if path else own
            if not parameter.is_meta:
                yield key, parameter.detach()
                continue
            values = _kept(part, own)
            if values is None:
                raise ModelError(
                    f"{name} has no values in memory for {key} (it is on the meta device), and accelerate keeps "
                    "none for it. Load the model whole, or offload it with accelerate's dispatch_model."
                )
            yield key, values


def is_offloaded(module: nn.Module) -> bool:
    """Whether some weights are in memory only while the module that has them computes."""
    return any(parameter.is_meta for parameter in module.parameters())


def parts_of(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The plain tensors of which a weight is made: itself, or what a sparse or quantised one is kept as."""
    if tensor.layout is not torch.strided:
        return [tensor.to_dense()]
    flatten: Any = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        return [tensor]
    return [part for name in flatten()[0] for part in parts_of(getattr(tensor, name))]


def packing_of(module: nn.Module) -> str | None:
    """The classes in which a library that quantises keeps weights, by name; None where all are torch's own."""
    kinds = {type(parameter) for parameter in module.parameters()}
    foreign = sorted(kind.__name__ for kind in kinds if kind.__module__.partition(".")[0] != "torch")
    return ", ".join(foreign) or None


def _kept(part: nn.Module, own: str) -> torch.Tensor | None:
    hook: Any = getattr(part, "_hf_hook", None)
    for each in (hook, *getattr(hook, "hooks", ())):
        kept = getattr(each, "weights_map", None)
        if kept is not None:
            try:
                values = kept[own]
            except KeyError:
                continue
            return torch.as_tensor(values).detach()
    return None
