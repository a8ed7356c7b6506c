"""What others attached to a model: its user's hooks, and the places where accelerate makes modules compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_modules


def device_of(root: nn.Module) -> torch.device:
    """The device that token ids go to: where the embedding computes, wherever its weights are till then."""
    own: Any = getattr(root, "get_input_embeddings", None)
    embedding = own() if own else root
    places = (getattr(part, "_hf_hook", None) for part in (embedding, root) if isinstance(part, nn.Module))
    moved = [place for hook in places if (place := getattr(hook, "execution_device", None)) is not None]
    if moved:
        return torch.device(moved[0])
    weights = embedding.parameters() if isinstance(embedding, nn.Module) else iter(())
    for parameter in (*weights, *root.parameters()):
        if not parameter.is_meta:
            return parameter.device
    return torch.device("cpu")


def is_spread(root: nn.Module) -> bool:
    """Whether a model computes on more than one device, or keeps weights elsewhere than where it computes."""
    devices = {parameter.device.type for parameter in root.parameters()}
    return "meta" in devices or len({parameter.device for parameter in root.parameters()}) > 1


def own_hooks(root: nn.Module) -> dict[str, list[tuple[str, Callable[..., Any]]]]:
    """The hooks of the user's own, by the path of the module that has them, each with its kind.

    Libraries that run the model have hooks too, which move or record tensors and change none. Hooks that torch
    calls for the modules of every model have the path "every module".
    """
    found: dict[str, list[tuple[str, Callable[..., Any]]]] = {}
    everywhere: Any = (torch_modules._global_forward_pre_hooks, torch_modules._global_forward_hooks)
    places = ((path, (part._forward_pre_hooks, part._forward_hooks)) for path, part in root.named_modules())
    for path, of_place in (("every module", everywhere), *places):
        kinds = zip(("before", "after"), of_place, strict=True)
        own = [(kind, hook) for kind, hooks in kinds for hook in hooks.values() if not _of_library(hook)]
        if own:
            found[path] = own
    return found


@contextmanager
def without_own_hooks(root: nn.Module) -> Iterator[None]:
    """While the context is open, the model runs without its user's hooks; they are put back in their order."""
    every = [hooks for part in root.modules() for hooks in (part._forward_pre_hooks, part._forward_hooks)]
    every += [torch_modules._global_forward_pre_hooks, torch_modules._global_forward_hooks]
    kept = [(hooks, dict(hooks)) for hooks in every if hooks]
    for hooks, before in kept:
        for key, hook in before.items():
            if not _of_library(hook):
                del hooks[key]
    try:
        yield
    finally:
        for hooks, before in kept:
            hooks.clear()
            hooks.update(before)


def _of_library(hook: Callable[..., Any]) -> bool:
    bare = getattr(hook, "func", hook)
    module = getattr(bare, "__module__", None) or type(bare).__module__
    return module.partition(".")[0] in ("transformers", "accelerate")
