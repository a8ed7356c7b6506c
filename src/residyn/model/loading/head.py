"""The language-model head of a base model, fetched only when next-token distributions are asked for.

A model is loaded without its head, because reading states needs none. The head is then transformers' own class
for the architecture, built empty around the base model that is already in memory, and given the few tensors that
it has beyond it: so whatever else a family does to its logits (scales, soft caps, biases) is the family's code.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import nn
from transformers import PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from residyn.errors import DataError
from residyn.model.loading.quiet import message_of, quiet
from residyn.model.loading.reordering import shuffled

if TYPE_CHECKING:
    from residyn.model.loading.record import HeadSource, LoadedModel


class _NoHead(Exception):
    """There is no head at hand; the words say why."""


def language_model(model: LoadedModel) -> tuple[PreTrainedModel | None, str]:
    """The causal language model around a loaded base model, which it shares; or None and the reason.

    Nothing of the base model is changed or copied. A head that is tied to the embedding costs no memory; another
    one is read from the model's safetensors, in the model's number format, each time this is called. Raises
    DataError where its weights are not finite.
    """
    source = model.head
    if source is None:
        return None, "it is not known where the model's head lies"
    try:
        if source.owner is not None and _is_language_model_of(source.owner, model.module):
            return source.owner, ""
        return _assemble(model.module, source), ""
    except _NoHead as reason:
        return None, str(reason)


def _is_language_model_of(owner: PreTrainedModel, base: PreTrainedModel) -> bool:
    return owner is not base and owner.base_model is base and owner.get_output_embeddings() is not None


def _assemble(base: PreTrainedModel, source: HeadSource) -> PreTrainedModel:
    kind: Any = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(base.config), None)
    if kind is None:
        raise _NoHead(f"transformers has no causal language model of the type {base.config.model_type!r}")
    tied = _is_tied(base, source)
    config: Any = copy.deepcopy(base.config)
    config.tie_word_embeddings = tied
    try:
        with quiet(), torch.device("meta"):
            whole = kind(config)
    except Exception as error:
        raise _NoHead(f"{kind.__name__} cannot be built from the model's config ({message_of(error)})") from error
    if type(getattr(whole, whole.base_model_prefix, None)) is not type(base):
        raise _NoHead(f"{kind.__name__} is not built around a {type(base).__name__}")
    setattr(whole, whole.base_model_prefix, base)
    whole.eval().requires_grad_(False)
    logits: Any = whole.get_output_embeddings()
    embedding: Any = base.get_input_embeddings()
    if tied and isinstance(logits, nn.Linear):
        logits.weight = embedding.weight
    _fill(whole, base, source)
    return whole


def _is_tied(base: PreTrainedModel, source: HeadSource) -> bool:
    """Whether the head is the embedding: as the whole model has it, else as the base model's config says."""
    embedding, head = base.get_input_embeddings(), None
    if source.owner is not None:
        head = source.owner.get_output_embeddings()
        embedding = embedding if source.permuted is None else source.owner.get_input_embeddings()
    if head is not None:
        return getattr(head, "weight", None) is getattr(embedding, "weight", None)
    if source.tied is not None:
        return source.tied
    return bool(getattr(base.config, "tie_word_embeddings", False))


def _fill(whole: PreTrainedModel, base: PreTrainedModel, source: HeadSource) -> None:
    """Give every tensor that the head has beyond the base model its stored values."""
    wanted = {name: tensor for name, tensor in whole.named_parameters() if tensor.is_meta}
    if stray := [name for name, buffer in whole.named_buffers() if buffer.is_meta]:
        raise _NoHead(f"its head has buffers that no file holds ({', '.join(stray[:3])})")
    if not wanted:
        return
    stored = _stored(source)
    like: Any = base.get_input_embeddings().weight
    for name, empty in wanted.items():
        values = _find(name, stored)
        if tuple(values.shape) != tuple(empty.shape) or not values.is_floating_point():
            raise _NoHead(f"{name} is stored as {values.dtype} {tuple(values.shape)}, not as {tuple(empty.shape)}")
        if not bool(torch.isfinite(values).all()):
            raise DataError(f"{name}, in the model's head, holds NaN or infinite values. Fetch the weights again.")
        if source.permuted is not None:
            values = shuffled(values, name, source.permuted)
        path, _, last = name.rpartition(".")
        filled = nn.Parameter(values.to(device=like.device, dtype=like.dtype), requires_grad=False)
        whole.get_submodule(path).register_parameter(last, filled)


def _stored(source: HeadSource) -> Mapping[str, Callable[[], torch.Tensor]]:
    """The tensors among which a head may be found, read when they are asked for."""
    if source.owner is not None:
        logits = source.owner.get_output_embeddings()
        parameters = dict(logits.named_parameters()) if isinstance(logits, nn.Module) else {}
        return {f"lm_head.{name}": lambda tensor=tensor: tensor.detach() for name, tensor in parameters.items()}
    found: dict[str, Callable[[], torch.Tensor]] = {}
    for file in sorted(source.folder.glob("*.safetensors")) if source.folder else []:
        with safe_open(file, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118 -- it is not a mapping
                found[key] = lambda file=file, key=key: _read(file, key)
    return found


def _read(file: Path, key: str) -> torch.Tensor:
    with safe_open(file, framework="pt") as tensors:
        return tensors.get_tensor(key)


def _find(name: str, stored: Mapping[str, Callable[[], torch.Tensor]]) -> torch.Tensor:
    """The stored tensor of this name, or the only one whose name ends so (a prefix differs by the wrapping)."""
    kind = name.rpartition(".")[2]
    # GPT-NeoX's checkpoints keep the older name of the same layer.
    for wanted in (name, f"embed_out.{kind}"):
        keys = [key for key in stored if key == wanted] or [key for key in stored if key.endswith(f".{wanted}")]
        if len(keys) == 1:
            return stored[keys[0]]()
    raise _NoHead(f"the model's files hold no {name}")
