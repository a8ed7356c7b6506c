"""The reference that teleports are compared with: the whole text, one row at a time, plain hooks of its own.

The state before the MLP is moved at another place than residyn moves it: attention's output is replaced by what
makes the sum the target, so that nothing here depends on which tensor a block keeps for its skip path.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from transformers import AutoConfig, AutoModelForCausalLM

import residyn as rd
from families import FAMILIES, HYBRIDS, LAYERS, UNITS, spelling_tokenizer
from naive import relative_error
from residyn.model.check import find_sites
from residyn.model.loading import language_model
from residyn.model.teleport import teleport

TEXT = "The quick brown fox."


@functools.cache
def loaded(name: str, **options):
    """A tiny random model of the family with its head, loaded from memory."""
    entry = (FAMILIES | HYBRIDS)[name]
    config = AutoConfig.for_model(entry.model_type, **{**entry.options, **options})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).float().eval()
    # Zero biases and unit norms would hide a wrong site: every parameter is moved off its initial value.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return rd.load_model(model.requires_grad_(False), spelling_tokenizer())


def naive_path(model, ids, label: str | None = None, target=None) -> tuple[np.ndarray, np.ndarray]:
    """States (sublayer, unit) and logits (word,) of the last token, whose state at `label` is put at `target`."""
    sites = find_sites(model).sites
    modules = dict(model.module.named_modules())
    states: dict[int, torch.Tensor] = {}
    handles = []

    def last(tensor):
        return tensor.view(1, len(ids), -1)[0, -1]

    def stream(args, kwargs):
        return args[0] if args else kwargs["hidden_states"]

    def move(place: int) -> None:
        site = sites[place]
        goal = torch.as_tensor(target, dtype=torch.float32)
        if site.where == "input" and (place == 0 or sites[place - 1].layer < site.layer):

            def at_block(_, args, kwargs):
                last(stream(args, kwargs))[:] = goal

            handles.append(modules[site.module].register_forward_pre_hook(at_block, with_kwargs=True))
        elif site.where == "output":

            def at_norm(_, args, output):
                output = output.clone()
                last(output)[:] = goal
                return output

            handles.append(modules[site.module].register_forward_hook(at_norm))
        else:
            writers, written = dict(sites[place - 1].added), {}

            def at_mixer(path, _, args, output):
                # The last of the modules that write here makes up for what the others wrote.
                tensor = output[0] if isinstance(output, tuple) else output
                written[path] = last(tensor).clone()
                if len(written) == len(writers):
                    others = sum(writers[other] * written[other] for other in writers if other != path)
                    last(tensor)[:] = (goal - states[place - 1] - others) / writers[path]

            for path in writers:
                handles.append(modules[path].register_forward_hook(functools.partial(at_mixer, path)))

    def keep(index: int, tensor: torch.Tensor) -> None:
        states[index] = last(tensor).clone()

    if label is not None:
        move([f"{site.layer}.{site.site}" for site in sites].index(label))
    for index, site in enumerate(sites):
        module = modules[site.module]
        if site.where == "input":
            hook = functools.partial(lambda i, _, args, kwargs: keep(i, stream(args, kwargs)), index)
            handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
        else:
            handles.append(
                module.register_forward_hook(functools.partial(lambda i, _, a, out: keep(i, out), index))
            )
    try:
        with torch.no_grad():
            whole = model.head.owner or language_model(model)[0]
            logits = whole(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack([states[index] for index in range(len(sites))]).numpy(), logits.double().numpy()


def divergence(control: np.ndarray, moved: np.ndarray) -> float:
    """KL(control ‖ moved) of two rows of logits, in nats."""
    p, q = (np.exp(row - row.max()) / np.exp(row - row.max()).sum() for row in (control, moved))
    return float((p * np.log(p / q)).sum())


def places(name: str) -> list[str]:
    labels = [f"{layer}.{site}" for layer, site in (FAMILIES | HYBRIDS)[name].labels]
    return [labels[-1], labels[0]] if len(labels) == LAYERS else [labels[-1], labels[1], labels[2]]


def vectors(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*shape, UNITS)).astype(np.float32)


def quietly(*args, **options) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Every row took a full pass")
        return teleport(*args, **options)


def in_full(model):
    """The model, said to have an attention that takes no mask of one row each."""
    return replace(model, attention="flash_attention_2")


def hook_count(model) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.head.owner.modules())


def assert_like_naive(jumps: xr.Dataset, model, text: str, to: np.ndarray) -> None:
    """Every state, divergence and most likely token of one host's teleports are those of the naive passes."""
    ids = model.tokenizer(text).input_ids
    control, untouched = naive_path(model, ids)
    labels = [str(label) for label in jumps.sublayer.values]
    assert relative_error(jumps.control[0].values, control) <= 1e-5
    for place, label in enumerate(jumps.injected.values):
        start = labels.index(label)
        for target in range(len(to)):
            states, logits = naive_path(model, ids, str(label), to[target])
            found = jumps.states[0, place, target].values
            reached = min(len(found), len(labels) - start)
            assert relative_error(found[:reached], states[start : start + reached]) <= 1e-5
            assert relative_error(found[:1], to[target][None]) <= 1e-5
            assert np.isnan(found[reached:]).all()
            expected = divergence(untouched, logits)
            assert abs(float(jumps.kl[0, place, target]) - expected) <= 1e-5 * expected + 1e-9
            assert bool(jumps.top1_changed[0, place, target]) == (logits.argmax() != untouched.argmax())
