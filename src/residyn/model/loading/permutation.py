"""The model with the entries of its weights permuted: their scale without what was learned."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from residyn.errors import ModelError, ResourceError
from residyn.model.attached import is_spread
from residyn.model.loading.architecture import quantization_of
from residyn.model.loading.given import GivenModel, loaded
from residyn.model.loading.placement import Need, Wish, place
from residyn.model.loading.quiet import message_of
from residyn.model.loading.record import LoadedModel
from residyn.model.loading.reordering import BITS, shuffled
from residyn.model.loading.twin import checked_seed
from residyn.numerics.threads import over_rows


def permuted(model: GivenModel, seed: int = 0) -> LoadedModel:
    """The model with the entries of each weight tensor in random order: the values stay, what was learned goes.

    Every parameter is permuted as a whole: matrices over rows and columns, fused projections over their parts, 3-d
    tensors of experts over the experts; norms' weights and biases too. A parameter that several modules share is
    permuted once and stays shared. Buffers, such as rotary tables, stay. Number formats, device, attention
    implementation and tokenizer are the trained model's, of which nothing is changed. Its head, where it is asked
    for, is the permuted embedding where the trained one's is tied to that, and else the trained one's, permuted.

    seed: 0 ≤ seed < 2⁶³. A tensor's order depends on the seed, its name and its number of entries alone, and is
    drawn on the CPU, so that a seed is the same network on every device and in every number format.

    `source` is "permuted"; the fingerprint holds that of the trained weights, the seed, and the version of numpy
    that drew the orders. Memory: one more copy of the weights.

    Raises UsageError for a seed out of range or a model whose weights were not trained; ModelError where weights
    are quantised or the model cannot be copied; ResourceError where memory is lacking.

    >>> rd.permuted(model, seed=1).source
    'permuted'
    """
    model = loaded(model)
    seed = checked_seed(seed, model)
    parameters = list(model.module.named_parameters())
    _check(model, parameters)
    need = Need(sum(parameter.numel() for _, parameter in parameters), model.dtype)
    placement = place(Wish(model.dtype, model.device), need)
    name = f"{model.name} (weights permuted, seed {seed})"
    try:
        made = _reordered(parameters, seed)
        # A copy takes what stands here under a tensor's id instead of copying the tensor, wherever it is met: no
        # weight is in memory a third time, and what was shared stays shared.
        module = copy.deepcopy(model.module, made)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ResourceError(
            f"Memory ran out while the weights of {model.name} were permuted ({message_of(error)}). Take "
            "bfloat16, a smaller model, or a device with more memory."
        ) from error
    except Exception as error:
        raise _refused(model, f"it cannot be copied ({message_of(error)})") from error
    module.config.name_or_path = name
    told = "the entries of each weight tensor are in random order"
    return replace(
        model,
        module=module,
        name=name,
        title=f"{model.title} (weights permuted, seed {seed})",
        source="permuted",
        revision=None,
        files=_files(model, seed),
        dtype_reason="it is the trained model's",
        device_reason="it is the trained model's",
        warnings=tuple(dict.fromkeys((*placement.warnings, *model.warnings, told))),
        head=None if model.head is None else replace(model.head, permuted=seed),
        recipe=replace(model.recipe, weights="permuted", seed=seed) if model.recipe else None,
    )


def _check(model: LoadedModel, parameters: Sequence[tuple[str, nn.Parameter]]) -> None:
    """Raise ModelError where a tensor's entries are no weights by themselves, or are not in memory."""
    if packed := quantization_of(model.module.config):
        raise _refused(
            model, f"they are quantised ({packed}), and their entries mean nothing without their scales"
        )
    for name, values in parameters:
        if values.is_meta:
            raise _refused(model, f"{name} is not in memory")
        if not values.is_floating_point() or values.element_size() not in BITS:
            raise _refused(model, f"{name} is quantised ({str(values.dtype).removeprefix('torch.')})")
    if is_spread(model.module):
        raise _refused(model, "they are spread over several devices")


def _refused(model: LoadedModel, reason: str) -> ModelError:
    return ModelError(
        f"The weights of {model.name} cannot be permuted: {reason}. Leave this control out for this model."
    )


def _reordered(parameters: Sequence[tuple[str, nn.Parameter]], seed: int) -> dict[int, nn.Parameter]:
    """Each parameter with its entries in random order, by the id of the one in the trained model."""
    made: dict[int, nn.Parameter] = {}

    def reorder(start: int, stop: int) -> None:
        for name, values in parameters[start:stop]:
            made[id(values)] = nn.Parameter(shuffled(values.detach(), name, seed), requires_grad=False)

    # numpy shuffles without the interpreter's lock.
    over_rows(reorder, len(parameters))
    return made


def _files(model: LoadedModel, seed: int) -> dict[str, str]:
    """What decides the weights: what the trained ones are known by, and what put them in order."""
    known = model.fingerprint()
    trained = known.get("files", {name: known[name] for name in ("repository", "revision") if name in known})
    tokenizer = {name: digest for name, digest in model.files.items() if name == "tokenizer"}
    return {**trained, **tokenizer, "permutation seed": str(seed), "numpy": np.__version__}
