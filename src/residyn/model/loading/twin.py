"""The untrained twin of a model: the same configuration with fresh weights, to tell learned from architectural."""

from __future__ import annotations

import copy
import hashlib
import json
import operator
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from residyn.errors import ModelError, ResourceError, UsageError
from residyn.model.loading.given import GivenModel, loaded
from residyn.model.loading.identity import BESIDE
from residyn.model.loading.objects import hash_tokenizer
from residyn.model.loading.placement import Need, Wish, place
from residyn.model.loading.quiet import message_of, quiet
from residyn.model.loading.record import HeadSource, LoadedModel

_LARGEST_SEED = 2**63 - 1
# Warnings of loading that are about the trained weights, and say nothing of others.
_OF_WEIGHTS = re.compile(r"the weights |\d+ stored tensors ")
# The fields in which configs keep the spread of fresh weights, in the order in which transformers looks.
_SPREADS = ("initializer_range", "init_std", "initializer_factor")


def untrained(model: GivenModel, seed: int = 0) -> LoadedModel:
    """The model before training: the same configuration, with weights drawn by the architecture's own law.

    The law is the one of transformers' class for the architecture (`_init_weights`), which also draws the
    language-model head, tied to the embedding where the configuration ties it. Number format, device, attention
    implementation and tokenizer are the trained model's. Weights that are quantised have a twin that is not.

    seed: 0 ≤ seed < 2⁶³. Weights are drawn on the CPU, so that a seed is the same network on every device; the
    states of torch's generators are left as they were. One network says little: take three seeds or more.

    A configuration that does not state the spread of fresh weights, as those made from GGUF files, leaves it to
    transformers' default, which need not be what the training began with; a warning gives the value.

    `source` is "untrained"; the fingerprint holds the sha256 of the configuration, the seed, and the versions of
    transformers and torch that drew the weights.

    Raises UsageError for a seed out of range or a model whose weights were not trained; ModelError where no model
    can be built from the configuration, or where the law leaves weights unset; ResourceError where memory is
    lacking.

    >>> rd.untrained(model, seed=1).source
    'untrained'
    """
    model = loaded(model)
    seed = checked_seed(seed, model)
    name = f"{model.name} (untrained, seed {seed})"
    plan = _plan(model, name)
    need = Need(plan.n_elements, model.dtype)
    placement = place(Wish(model.dtype, model.device), need)
    if model.device.type != "cpu":
        place(Wish(model.dtype, torch.device("cpu")), need)
    module, whole = _make(plan, model, seed)
    kept = (warning for warning in model.warnings if not _OF_WEIGHTS.match(warning))
    return replace(
        model,
        module=module,
        name=name,
        title=f"{model.title} (untrained, seed {seed})",
        source="untrained",
        revision=None,
        files=_files(plan, seed, model),
        dtype_reason="it is the trained model's",
        device_reason="it is the trained model's",
        quantization=None,
        warnings=tuple(dict.fromkeys((*placement.warnings, *kept, *_warnings(plan, model)))),
        head=HeadSource(owner=whole) if plan.has_head else None,
        recipe=replace(model.recipe, weights="untrained", seed=seed) if model.recipe else None,
    )


@dataclass(frozen=True)
class _Plan:
    """The class to build, the config to build it from, whether it has a head, and how many weights it has."""

    kind: type[PreTrainedModel]
    config: PreTrainedConfig
    has_head: bool
    n_elements: int


def checked_seed(seed: int, model: LoadedModel) -> int:
    """The seed, as an int. Raises UsageError where it is none, or where the model is not a trained one."""
    wrong = UsageError(f"A seed is a whole number from 0 to 2⁶³ − 1; got {seed!r}.")
    if isinstance(seed, bool):
        raise wrong
    try:
        seed = operator.index(seed)
    except TypeError:
        raise wrong from None
    if not 0 <= seed <= _LARGEST_SEED:
        raise wrong
    if model.source in ("untrained", "permuted"):
        raise UsageError(f"{model.name} is {model.source} already. Give the trained model, with another seed.")
    return seed


def _plan(model: LoadedModel, name: str) -> _Plan:
    """What to build: with a head where transformers has one around this decoder.

    That depends on nothing but the decoder's class and config, because a head takes its share of the random
    numbers. The config is the one in memory: what was loaded counts, not what lies on the hub.
    """
    config = copy.deepcopy(model.module.config)
    config.name_or_path = name
    if "quantization_config" in vars(config):
        delattr(config, "quantization_config")
    decoder: Any = type(model.module)
    around: Any = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    try:
        with quiet(), torch.device("meta"):
            empty = around(copy.deepcopy(config)) if around else None
            has_head = empty is not None and type(empty.base_model) is decoder
            built: Any = empty if has_head else decoder(copy.deepcopy(config))
    except Exception as error:
        raise _unbuilt(model, error) from error
    kind = around if has_head else decoder
    return _Plan(kind, config, has_head, sum(parameter.numel() for parameter in built.parameters()))


def _make(plan: _Plan, model: LoadedModel, seed: int) -> tuple[PreTrainedModel, PreTrainedModel]:
    """The decoder and the model around it (itself, where there is no head), ready to read."""
    try:
        whole: Any = _draw(plan, model.dtype, seed).eval().requires_grad_(False)
        unset = [name for name, values in whole.named_parameters() if not bool(values.isfinite().all())]
        module: Any = whole.base_model if plan.has_head else whole
        _format_as(module, model.module)
        whole.to(model.device)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ResourceError(
            f"Memory ran out while the untrained twin of {model.name} was made ({message_of(error)}). Let go "
            "of the trained model first, or take bfloat16, a smaller model, or a device with more memory."
        ) from error
    except Exception as error:
        raise _unbuilt(model, error) from error
    if unset:
        raise ModelError(
            f"{model.name} has no untrained twin: the law by which {plan.kind.__name__} initialises its weights "
            f"leaves {len(unset)} tensors unset ({', '.join(unset[:3])}). Its code must set each of them."
        )
    return module, whole


def _draw(plan: _Plan, dtype: torch.dtype, seed: int) -> PreTrainedModel:
    with quiet(), torch.device("cpu"), torch.random.fork_rng(devices=[]), _unset_is_nan():
        # torch.manual_seed would seed every device's generator, and only the CPU's is put back.
        torch.default_generator.manual_seed(seed)
        return plan.kind._from_config(plan.config, dtype=dtype)


def _unbuilt(model: LoadedModel, error: Exception) -> ModelError:
    return ModelError(
        f"No untrained twin of {model.name} can be built from its config ({message_of(error)}). Leave the "
        "untrained control out for this model."
    )


@contextmanager
def _unset_is_nan() -> Iterator[None]:
    """Memory that is asked for and never written holds NaN, so that a weight which a law forgets is seen."""
    switch: Any = torch.utils.deterministic
    enabled = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = switch.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    switch.fill_uninitialized_memory = True
    try:
        yield
    finally:
        switch.fill_uninitialized_memory = fills
        torch.use_deterministic_algorithms(enabled, warn_only=warns)


def _format_as(module: torch.nn.Module, trained: torch.nn.Module) -> None:
    """Give every tensor the number format it has in the trained model, where single ones differ from the rest."""
    formats = {name: tensor.dtype for name, tensor in _tensors(trained)}
    for name, tensor in _tensors(module):
        wanted = formats.get(name, tensor.dtype)
        # Formats of one byte are those of quantised weights, which need their scales beside them.
        if wanted is not tensor.dtype and wanted.itemsize > 1:
            tensor.data = tensor.data.to(wanted)


def _tensors(module: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    every = (*module.named_parameters(), *module.named_buffers())
    return [(name, tensor) for name, tensor in every if tensor.is_floating_point()]


def _files(plan: _Plan, seed: int, model: LoadedModel) -> dict[str, str]:
    config = {key: value for key, value in plan.config.to_dict().items() if key not in BESIDE}
    text = json.dumps({"class": plan.kind.__name__, "config": config}, sort_keys=True, default=str)
    return {
        "config": hashlib.sha256(text.encode()).hexdigest(),
        "seed": str(seed),
        "transformers": transformers.__version__,
        # What follows the plus sign names the build, which the CPU's random numbers do not depend on.
        "torch": torch.__version__.partition("+")[0],
        "tokenizer": hash_tokenizer(model.tokenizer),
    }


def _warnings(plan: _Plan, model: LoadedModel) -> list[str]:
    stated = [f"{field} {getattr(plan.config, field)}" for field in _SPREADS if hasattr(plan.config, field)]
    drawn = f"the weights are random, as {plan.kind.__name__} draws them{f' ({stated[0]})' if stated else ''}"
    if model.source in ("gguf", "builtin"):
        drawn += "; a GGUF file does not state their spread, so this is transformers' default"
    if model.quantization is None:
        return [drawn]
    return [drawn, f"the trained weights are quantised ({model.quantization}), and these are not"]
