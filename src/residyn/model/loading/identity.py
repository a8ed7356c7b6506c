"""What decides the states of a model in memory, beside its tokens, as hashes: equal for models that compute alike.

Parameters are not enough: another active adapter, a flag, a config, a changed buffer or a hook make other states
of the same parameters. What no hash can know, such as what a hook reads elsewhere, is found when states that are
stored are computed again before a run is gone on with.
"""

from __future__ import annotations

import functools
import hashlib
import json
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from residyn.model.attached import own_hooks
from residyn.model.loading.offloaded import parts_of, weights_of

# What a config holds beside the network: its own history, and what a record of the model states for itself.
BESIDE = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache")
# Attributes of modules that say how far a computation came, or how it is trained, and not what it computes.
_PASSING = ("cache", "seen", "gradient", "checkpointing", "device", "dtype", "compile")
_OWN = frozenset({"_active_adapter", "_active_adapters", "_disable_adapters", "merged_adapters"})
_PLAIN = (bool, int, float, str, type(None))
_DEPTH = 6


def identity_of(name: str, module: nn.Module) -> dict[str, str]:
    """What decides a base model's states → sha256: parameters, buffers, config, modules, and hooks if it has any.

    "modules" is each module's class, whether it trains, its numbers and flags, and its active adapters. Raises
    ModelError where parameters have no values at hand.
    """
    config: Any = module.config
    known = {key: value for key, value in config.to_dict().items() if key not in BESIDE}
    found = {
        "parameters": hash_tensors(weights_of(name, module)),
        "buffers": hash_tensors(module.named_buffers()),
        "config": _digest(known),
        "modules": _digest([_about(path, part) for path, part in module.named_modules()]),
    }
    if hooks := own_hooks(module):
        told = [[path, kind, _known(hook, 0)] for path, kinds in hooks.items() for kind, hook in kinds]
        found["hooks"] = _digest(told)
    return found


def hash_tensors(tensors: Any) -> str:
    """sha256 over the names, formats, shapes and bytes of tensors, in the order of their names."""
    each = {}
    for name, tensor in tensors:
        digest = hashlib.sha256(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        for part in parts_of(tensor.detach()) if not tensor.is_meta else ():
            values = part.to("cpu").contiguous()
            digest.update(values.flatten().view(torch.uint8).numpy().data)
        each[name] = digest.hexdigest()
    return _digest(sorted(each.items()))


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _about(path: str, part: nn.Module) -> list[Any]:
    said = {
        key: _known(value, 0)
        for key, value in vars(part).items()
        if key in _OWN or not (key.startswith("_") or any(word in key.lower() for word in _PASSING))
    }
    # Where accelerate moves a module's weights, it stands in the place of the module's own forward.
    if hasattr(part, "_hf_hook"):
        said.pop("forward", None)
    kept = {key: value for key, value in said.items() if value is not None}
    return [path, type(part).__module__, type(part).__qualname__, kept]


def _known(value: Any, depth: int) -> Any:
    """A value as plain JSON, as far as it can be told apart from another by content; None where it cannot."""
    if isinstance(value, _PLAIN):
        return value
    if depth > _DEPTH:
        return None
    for kinds, tell in _TOLD:
        if isinstance(value, kinds):
            return tell(value, depth)
    return _known_object(value, depth) if callable(value) and depth == 0 else None


def _known_function(function: Any, depth: int) -> Any:
    """A function by its name, its code, and what it reads: defaults, what it closes over, and globals it names."""
    code: Any = function.__code__
    closed = [_cell(cell, depth) for cell in function.__closure__ or ()]
    spaces: Any = function.__globals__
    read = {name: spaces[name] for name in code.co_names if name in spaces}
    plain = (*_PLAIN, torch.Tensor, np.ndarray, list, tuple, dict)
    outside = {name: _known(value, depth + 1) for name, value in read.items() if isinstance(value, plain)}
    defaults = _known(function.__defaults__, depth + 1)
    body = [code.co_code.hex(), [repr(const) for const in code.co_consts if isinstance(const, _PLAIN)]]
    return [function.__module__, function.__qualname__, body, defaults, closed, outside]


def _cell(cell: Any, depth: int) -> Any:
    try:
        return _known(cell.cell_contents, depth + 1)
    except ValueError:  # it is not filled yet
        return None


def _known_object(value: Any, depth: int) -> Any:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, nn.Module):
        return [kind]
    return [kind, {key: _known(item, depth + 1) for key, item in getattr(value, "__dict__", {}).items()}]


def _known_array(value: np.ndarray, _: int) -> Any:
    if value.dtype.hasobject:
        return None
    return [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]


_TOLD: tuple[tuple[Any, Callable[[Any, int], Any]], ...] = (
    (torch.Tensor, lambda value, _: hash_tensors([("", value)])),
    (np.ndarray, _known_array),
    (Mapping, lambda value, depth: [[str(key), _known(item, depth + 1)] for key, item in value.items()]),
    ((list, tuple), lambda value, depth: [_known(item, depth + 1) for item in value]),
    ((set, frozenset), lambda value, _: sorted(str(item) for item in value)),
    (
        functools.partial,
        lambda value, depth: [_known(part, depth + 1) for part in (value.func, value.args, value.keywords)],
    ),
    (
        types.MethodType,
        lambda value, depth: [_known(value.__func__, depth + 1), _known_object(value.__self__, depth + 1)],
    ),
    (types.FunctionType, _known_function),
)
"""How each kind of value is told, with how deep it lies."""
