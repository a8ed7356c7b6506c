"""The contestants of `capture.py`: each one's way from token ids to last-token states, measured in this process.

Every contestant is given the same model in memory and the same token ids. The bare forward gets full batches,
padded as residyn's are, so that it is what any capture costs at least. A tuned peer gets batches of equal length
and every switch that saves it work it need not do; one that is used as most people use it gets batches of 32 texts
in the order of the texts, padded on the right with a mask; one used as in its tutorial gets one text at a time.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from residyn.model.batches import BatchRules, plan_batches
from residyn.model.capture import capture_in_memory, capture_to
from residyn.model.capture_plan import PADDING, prepare
from residyn.model.check import find_sites
from residyn.model.hooks import run
from residyn.model.texts import Samples
from residyn.schema import Site
from workload import Workload

Job = Callable[[Samples], Callable[[], np.ndarray | None]]
"""Does the whole work on the samples; what it returns reads the states (sample, state, unit) back, untimed."""

OneBatch = Callable[[torch.Tensor], torch.Tensor | None]
"""Token ids (text, token) → last-token states (text, state, unit), both where the model is."""

OnePadded = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The same of padded ids and their mask."""

USERS_BATCH = 32


@dataclass(frozen=True)
class Contestant:
    """A job, the places of its states among all sites of the model, and the package it stands for."""

    job: Job
    places: Sequence[int]
    package: str


def measure(name: str, work: Workload, folder: Path, states_file: Path | None) -> dict[str, Any]:
    """Set a contestant up, warm it up on the first batch, time it on all samples; its states go to `states_file`.

    Returns seconds by the wall's clock and of the CPU, peak memory in bytes (of this process since its start,
    and of the GPU since its model was loaded), and which states it gives. Raises what the contestant raises.
    """
    sites = find_sites(work.model).sites
    contestant = CONTESTANTS[name](work, sites, folder)
    lengths = [sample.n_tokens for sample in work.samples]
    first = plan_batches(lengths, BatchRules(work.batch_tokens, len(lengths)))
    warm = tuple(work.samples.samples[i] for i in first.order[: first.batches[0].stop])
    contestant.job(replace(work.samples, samples=warm))
    cuda = work.model.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(work.model.device)
    loaded = _peak_bytes()
    start, cpu = time.perf_counter(), time.process_time()
    read_back = contestant.job(work.samples)
    if work.model.device.type != "cpu":
        torch.accelerator.synchronize(work.model.device)
    seconds = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    result = {
        "seconds": seconds,
        "tokens": sum(lengths),
        "texts": len(lengths),
        "peak_bytes": _peak_bytes(),
        "peak_bytes_before": loaded,
        "gpu_peak_bytes": torch.cuda.max_memory_allocated(work.model.device) if cuda else None,
        "sites": len(sites),
        "places": list(contestant.places),
        "model": work.model.name,
        "dtype": str(work.model.dtype).removeprefix("torch."),
        "device": torch.cuda.get_device_name(work.model.device) if cuda else str(work.model.device),
        "threads": torch.get_num_threads(),
        "batch_tokens": work.batch_tokens,
        "versions": _versions("torch", "transformers", contestant.package),
    }
    if states_file is not None and (states := read_back()) is not None:
        np.save(states_file, states)
    return result


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _versions(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def _residyn_to_disk(work: Workload, sites: Sequence[Site], folder: Path) -> Contestant:
    """`residyn.capture` into a run directory: its steps one by one, but for the lazy array it returns (dask)."""

    def job(samples: Samples) -> Callable[[], np.ndarray]:
        out = Path(tempfile.mkdtemp(dir=folder)) / "run"
        planned, _ = prepare(work.model, samples, batch_tokens=work.batch_tokens)
        planned.create(out)
        capture_to(planned, out)
        return lambda: _stored(out, planned.batches.order)

    return Contestant(job, range(len(sites)), "residyn")


def _stored(out: Path, order: Sequence[int]) -> np.ndarray:
    import zarr

    array: Any = zarr.open_array(out / "states.zarr" / "states", mode="r")
    return np.asarray(array[:])[np.argsort(order)]


def _residyn_in_memory(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    def job(samples: Samples) -> Callable[[], np.ndarray]:
        planned, _ = prepare(work.model, samples, batch_tokens=work.batch_tokens)
        states = capture_in_memory(planned)
        return lambda: states.sortby("sample").values

    return Contestant(job, range(len(sites)), "residyn")


def _forward(work: Workload, _sites: Sequence[Site], _folder: Path) -> Contestant:
    """The base model alone, from the first layer to the last, without a cache; nothing is kept."""

    def one_batch(ids: torch.Tensor) -> None:
        run(work.model.module, ids)

    return Contestant(_in_batches(work, 0, one_batch, padding=PADDING), (), "transformers")


def _hidden_states(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """The inputs of all blocks. The entry after them has gone through the final norm and is left out."""
    places = [place for place, site in enumerate(sites) if site.site in ("attn", "block")]

    def one_batch(ids: torch.Tensor) -> torch.Tensor:
        hidden = run(work.model.module, ids, output_hidden_states=True, return_dict=True).hidden_states
        return torch.stack([state[:, -1] for state in hidden[: len(places)]], dim=1)

    return Contestant(_in_batches(work, len(places), one_batch), places, "transformers")


def _hidden_states_users(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """The inputs of all blocks of padded batches, whose last tokens are picked out of whole hidden states."""
    places = [place for place, site in enumerate(sites) if site.site in ("attn", "block")]

    def one_batch(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        asked = {"attention_mask": mask, "output_hidden_states": True, "return_dict": True}
        hidden = run(work.model.module, ids, **asked).hidden_states
        return torch.stack([_last(state, mask) for state in hidden[: len(places)]], dim=1)

    return Contestant(_in_users_batches(work, len(places), one_batch), places, "transformers")


def _nnsight_users(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """A trace of a padded batch that saves every site at the last tokens."""
    nnsight: Any = import_module("nnsight")
    traced: Any = nnsight.NNsight(work.model.module)

    @torch.inference_mode()
    def one_batch(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        rows, last = torch.arange(len(ids)), mask.sum(dim=1) - 1
        with traced.trace(input_ids=ids, attention_mask=mask):
            states: Any = nnsight.save([])
            for site in sites:
                envoy = traced.get(site.module)
                state = envoy.input if site.where == "input" else envoy.output
                states.append(state[rows, last].clone())
        return torch.stack(states, dim=1)

    return Contestant(_in_users_batches(work, len(sites), one_batch), range(len(sites)), "nnsight")


def _transformer_lens_users(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """`run_with_cache` of a padded batch, filtered by name; last tokens are picked out of what is cached."""
    bridge, names = _bridge(work, sites)

    @torch.inference_mode()
    def one_batch(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        _, cache = bridge.run_with_cache(ids, attention_mask=mask, names_filter=names)
        return torch.stack([_last(cache[name], mask) for name in names], dim=1)

    job = _in_users_batches(work, len(sites), one_batch)
    return Contestant(job, range(len(sites)), "transformer-lens")


def _last(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The states (text, unit) of the last tokens that a mask (text, token) leaves."""
    return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]


def _nnsight(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """A trace of the same base model that reads every site and stops after the last."""
    nnsight: Any = import_module("nnsight")
    traced: Any = nnsight.NNsight(work.model.module)

    @torch.inference_mode()
    def one_batch(ids: torch.Tensor) -> torch.Tensor:
        with traced.trace(input_ids=ids, use_cache=False) as tracer:
            states: Any = nnsight.save([])
            for site in sites:
                envoy = traced.get(site.module)
                state = envoy.input if site.where == "input" else envoy.output
                states.append(state[:, -1].clone())
            tracer.stop()
        return torch.stack(states, dim=1)

    return Contestant(_in_batches(work, len(sites), one_batch), range(len(sites)), "nnsight")


def _nnsight_tutorial(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """One text a trace, each hidden state saved whole, as the first example of its documentation does."""
    nnsight: Any = import_module("nnsight")
    traced: Any = nnsight.NNsight(work.model.module)

    def one_text(ids: torch.Tensor) -> torch.Tensor:
        with traced.trace(input_ids=ids):
            states: Any = nnsight.save([])
            for site in sites:
                envoy = traced.get(site.module)
                states.append(envoy.input if site.where == "input" else envoy.output)
        return torch.stack([state.detach()[:, -1] for state in states], dim=1)

    return Contestant(_in_batches(work, len(sites), one_text, batch_tokens=1), range(len(sites)), "nnsight")


def _transformer_lens(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """TransformerBridge around the same weights, caching resid_pre and resid_mid of the last position only."""
    bridge, names = _bridge(work, sites)

    @torch.inference_mode()
    def one_batch(ids: torch.Tensor) -> torch.Tensor:
        _, cache = bridge.run_with_cache(
            ids,
            names_filter=names,
            pos_slice=-1,
            return_cache_object=False,
            return_type=None,
            logits_to_keep=1,
            output_attentions=False,
            use_cache=False,
        )
        return torch.stack([cache[name][:, -1] for name in names], dim=1)

    return Contestant(_in_batches(work, len(sites), one_batch), range(len(sites)), "transformer-lens")


def _transformer_lens_tutorial(work: Workload, sites: Sequence[Site], _folder: Path) -> Contestant:
    """One text a call and its whole cache, as the first example of its documentation does."""
    bridge, names = _bridge(work, sites)

    def one_text(ids: torch.Tensor) -> torch.Tensor:
        _, cache = bridge.run_with_cache(ids)
        return torch.stack([cache[name].detach()[:, -1] for name in names], dim=1)

    job = _in_batches(work, len(sites), one_text, batch_tokens=1)
    return Contestant(job, range(len(sites)), "transformer-lens")


def _bridge(work: Workload, sites: Sequence[Site]) -> tuple[Any, list[str]]:
    """A TransformerBridge around the same weights, and its names for the sites.

    The bridge wants a model with a head: it gets one that shares the embedding's weights and is applied to the
    last token alone. It switches attention to "eager", so that its attention hooks can fire.
    """
    from transformers import AutoModelForCausalLM

    bridges: Any = import_module("transformer_lens.model_bridge")
    if work.model.tokenizer is None:
        raise ValueError("TransformerBridge needs a tokenizer, and this model has none")
    base = work.model.module
    with torch.device("meta"):
        whole: Any = AutoModelForCausalLM.from_config(base.config)
    setattr(whole, whole.base_model_prefix, base)
    whole.get_output_embeddings().weight = base.get_input_embeddings().weight
    whole.eval()
    bridge = bridges.TransformerBridge.boot_transformers(
        work.model.name,
        hf_model=whole,
        tokenizer=work.model.tokenizer,
        device=str(work.model.device),
        dtype=work.model.dtype,
    )
    names = [f"blocks.{site.layer}.hook_resid_{'mid' if site.site == 'mlp' else 'pre'}" for site in sites]
    return bridge, names


def _in_batches(
    work: Workload, n_states: int, one_batch: OneBatch, batch_tokens: int | None = None, padding: float = 0.0
) -> Job:
    """A job that gives `one_batch` one batch after another and gathers float32 states in memory.

    Texts of one length together; with `padding`, which is for passes of which nothing is kept, nearly of one
    length.
    """
    most = batch_tokens or work.batch_tokens

    def job(samples: Samples) -> Callable[[], np.ndarray | None]:
        rows = samples.samples
        plan = plan_batches([row.n_tokens for row in rows], BatchRules(most, len(rows), padding))
        gathered = _gathered(work, len(rows), n_states) if n_states else None
        for batch in plan.batches:
            order = list(plan.order[batch.start : batch.stop])
            ids, _ = _padded([rows[index].input_ids for index in order], work.model.device)
            states = one_batch(ids)
            if gathered is not None and states is not None:
                gathered[order] = states.to(device="cpu", dtype=torch.float32).numpy()
        return lambda: gathered

    return job


def _in_users_batches(work: Workload, n_states: int, one_batch: OnePadded) -> Job:
    """A job in batches of `USERS_BATCH` texts as they come, padded on the right, with a mask."""

    def job(samples: Samples) -> Callable[[], np.ndarray]:
        rows = list(samples.samples)
        gathered = _gathered(work, len(rows), n_states)
        for start in range(0, len(rows), USERS_BATCH):
            ids, mask = _padded([row.input_ids for row in rows[start : start + USERS_BATCH]], work.model.device)
            states = one_batch(ids, mask)
            gathered[start : start + len(ids)] = states.to(device="cpu", dtype=torch.float32).numpy()
        return lambda: gathered

    return job


def _gathered(work: Workload, n: int, n_states: int) -> np.ndarray:
    return np.empty((n, n_states, work.model.n_units), dtype=np.float32)


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (text, token), each row padded on the right with its own last id, and their mask."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[row[-1]] * (longest - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    return ids, mask


CONTESTANTS: dict[str, Callable[[Workload, Sequence[Site], Path], Contestant]] = {
    "residyn": _residyn_to_disk,
    "residyn-memory": _residyn_in_memory,
    "forward": _forward,
    "hidden-states": _hidden_states,
    "hidden-states-users": _hidden_states_users,
    "nnsight": _nnsight,
    "nnsight-users": _nnsight_users,
    "nnsight-tutorial": _nnsight_tutorial,
    "transformer-lens": _transformer_lens,
    "transformer-lens-users": _transformer_lens_users,
    "transformer-lens-tutorial": _transformer_lens_tutorial,
}
