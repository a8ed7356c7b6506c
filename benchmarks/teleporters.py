"""The contestants of `teleport.py`: each one's way through the same rows, on the same model in this process.

A row is (place, target). A contestant takes a list of rows and returns their states (row, step, unit), NaN beyond
the last sublayer, and KL (row,) of the next-token distribution in nats.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import nn

from residyn.model.check import find_sites
from residyn.model.loading import LoadedModel, language_model, load_model
from residyn.model.teleport import teleport
from residyn.model.texts import Samples, read_texts, tokenize_texts
from residyn.sitemap import SiteMap

GRID, EXTENT, PLACES, STEPS = 10, 15.0, 5, 12

Row = tuple[int, int]
Found = tuple[np.ndarray, np.ndarray]
Contestant = Callable[[Sequence[Row]], Found]


@dataclass(frozen=True)
class Task:
    """The model and its head, one host, the layers injected at, and the targets (target, unit)."""

    model: LoadedModel
    whole: nn.Module
    sites: SiteMap
    host: Samples
    layers: tuple[int, ...]
    targets: np.ndarray
    n_steps: int

    @property
    def rows(self) -> list[Row]:
        return [(place, target) for place in range(len(self.layers)) for target in range(len(self.targets))]

    @functools.cached_property
    def places(self) -> list[int]:
        """The site that each layer is entered at."""
        return [next(i for i, s in enumerate(self.sites.sites) if s.layer == layer) for layer in self.layers]

    @property
    def ids(self) -> torch.Tensor:
        return torch.tensor([self.host.samples[0].input_ids], device=self.model.device)

    def describe(self) -> dict[str, Any]:
        names = ("residyn", "torch", "transformers")
        return {
            "model": self.model.name,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "device": str(self.model.device),
            "layers": ", ".join(map(str, self.layers)),
            "versions": ", ".join(f"{name} {version(name)}" for name in names),
        }


def prepare(name: str, dtype: str, device: str, tokens: int) -> Task:
    """The model, a host of so many tokens of the built-in texts, and a grid in a plane of random axes."""
    model = load_model(name, dtype=dtype, device=device)
    whole, reason = language_model(model)
    if whole is None:
        raise RuntimeError(f"no head: {reason}")
    texts = read_texts([" ".join(row.text for row in read_texts(n=20).rows)], n=None, min_chars=0, max_chars=None)
    host = tokenize_texts(texts, model.tokenizer, max_tokens=tokens)
    layers = tuple(round(index * (model.n_layers - 1) / (PLACES - 1)) for index in range(PLACES))
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(model.n_units, 2)))[0]
    line = np.linspace(-EXTENT, EXTENT, GRID)
    targets = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2) @ axes.T
    return Task(model, whole, find_sites(model), host, layers, targets.astype(np.float32), STEPS)


def _residyn(task: Task, _batch_tokens: int) -> Contestant:
    def run(rows: Sequence[Row]) -> Found:
        jumps = teleport(task.model, task.host, task.targets, task.layers, steps=task.n_steps)
        if jumps.attrs["path"] != "shared prefix":
            raise RuntimeError(f"residyn took the {jumps.attrs['path']}")
        order = tuple(np.array(rows).T)
        return jumps["states"].values[0][order], jumps["kl"].values[0][order]

    return run


class _Hooked:
    """Plain hooks: one writes the block's input at the last token, others read the sublayers that follow."""

    def __init__(self, task: Task, place: int) -> None:
        self.task = task
        start = task.places[place]
        self.read = task.sites.sites[start : start + task.n_steps + 1]

    @contextmanager
    def writing(self, goals: torch.Tensor) -> Iterator[torch.Tensor]:
        """States (row, step, unit), filled by the pass made inside the context."""
        modules = dict(self.task.model.module.named_modules())
        states = torch.full((len(goals), self.task.n_steps + 1, goals.shape[1]), torch.nan)

        def write(_: nn.Module, args: Any, kwargs: Any) -> None:
            (args[0] if args else kwargs["hidden_states"])[:, -1] = goals

        def keep(step: int, tensor: torch.Tensor) -> None:
            states[:, step] = tensor.reshape(len(goals), -1, goals.shape[1])[:, -1].float().cpu()

        handles = [modules[self.read[0].module].register_forward_pre_hook(write, with_kwargs=True)]
        for step, site in enumerate(self.read):
            if site.where == "input":

                def before(_: nn.Module, args: Any, kwargs: Any, step: int = step) -> None:
                    keep(step, args[0] if args else kwargs["hidden_states"])

                handles.append(modules[site.module].register_forward_pre_hook(before, with_kwargs=True))
            else:

                def after(_: nn.Module, args: Any, output: Any, step: int = step) -> None:
                    keep(step, output)

                handles.append(modules[site.module].register_forward_hook(after))
        try:
            yield states
        finally:
            for handle in handles:
                handle.remove()


def _hooks(task: Task, _batch_tokens: int) -> Contestant:
    return _full_passes(task, 1)


def _batched(task: Task, batch_tokens: int) -> Contestant:
    return _full_passes(task, max(1, batch_tokens // task.ids.shape[1]))


def _full_passes(task: Task, most: int) -> Contestant:
    @torch.inference_mode()
    def run(rows: Sequence[Row]) -> Found:
        control = _logits(task, task.ids)
        states, kl = [], []
        for some in _same_place(rows, most):
            place = some[0][0]
            goals = torch.from_numpy(task.targets[[target for _, target in some]])
            goals = goals.to(task.model.device, task.model.dtype)
            with _Hooked(task, place).writing(goals) as found:
                logits = _logits(task, task.ids.expand(len(some), -1))
            states.append(found.numpy())
            kl.append(_divergence(control, logits))
        return np.concatenate(states), np.concatenate(kl)

    return run


def _same_place(rows: Sequence[Row], most: int) -> Iterator[list[Row]]:
    for place in sorted({place for place, _ in rows}):
        own = [row for row in rows if row[0] == place]
        for first in range(0, len(own), most):
            yield own[first : first + most]


def _logits(task: Task, ids: torch.Tensor) -> torch.Tensor:
    return task.whole(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1]


def _divergence(control: torch.Tensor, logits: torch.Tensor) -> np.ndarray:
    p, q = (tensor.double().cpu().log_softmax(dim=-1) for tensor in (control, logits))
    return (p.exp() * (p - q)).sum(dim=-1).numpy()


def _nnsight(task: Task, _batch_tokens: int) -> Contestant:
    """One trace a row: the block's input is set at the last token, the states that follow are saved."""
    nnsight: Any = import_module("nnsight")
    traced: Any = nnsight.NNsight(task.whole)
    prefix = f"{task.whole.base_model_prefix}."

    @torch.inference_mode()
    def run(rows: Sequence[Row]) -> Found:
        control = _logits(task, task.ids)
        states, kl = [], []
        for place, target in rows:
            goal = torch.from_numpy(task.targets[target]).to(task.model.device, task.model.dtype)
            sites = task.sites.sites[task.places[place] : task.places[place] + task.n_steps + 1]
            entered = traced.get(prefix + sites[0].module)
            with traced.trace(input_ids=task.ids, use_cache=False, logits_to_keep=1):
                saved: Any = nnsight.save([])
                entered.input[:, -1] = goal
                for site in sites:
                    envoy = traced.get(prefix + site.module)
                    state = envoy.input if site.where == "input" else envoy.output
                    saved.append(state[0, -1].clone())
                logits: Any = nnsight.save(traced.output.logits[:, -1])
            row = np.full((task.n_steps + 1, task.model.n_units), np.nan, dtype=np.float32)
            row[: len(saved)] = torch.stack(list(saved)).float().cpu().numpy()
            states.append(row)
            kl.append(_divergence(control, logits))
        return np.stack(states), np.concatenate(kl)

    return run


CONTESTANTS: dict[str, Callable[[Task, int], Contestant]] = {
    "residyn": _residyn,
    "hooks": _hooks,
    "batched": _batched,
    "nnsight": _nnsight,
}
