"""`load_model`: one door for every kind of model, safe by default and with a reason for every choice."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from residyn.errors import UsageError
from residyn.model.assets import asset_path
from residyn.model.loading import architecture, checkpoint, hub, objects, pretrained
from residyn.model.loading.conversion import convert
from residyn.model.loading.placement import Need, place, read_wish
from residyn.model.loading.recipe import Recipe
from residyn.model.loading.record import HeadSource, LoadedModel, Source
from residyn.model.names import find_place

Progress = Callable[[str], None]


def load_model(
    model: str | os.PathLike[str] | PreTrainedModel = "smollm2-135m",
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    revision: str | None = None,
    dtype: str | torch.dtype = "auto",
    device: str | torch.device = "auto",
    attn: str = "auto",
    gpus: int = 1,
    offline: bool = False,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    progress: Progress | None = None,
) -> LoadedModel:
    """Load a causal language model's base model, ready for its residual stream to be read.

    model: a hub id, a folder, a .gguf file (converted once to safetensors in the cache), a built-in name, or a
    transformers model in memory, of which nothing is changed; in this order of trial for a string: built-in
    name, folder, file, hub id. tokenizer: taken in place of the model's own; a model in memory needs one.
    revision: a hub branch, tag or commit. dtype: "auto", "float32", "bfloat16" or, with a warning, "float16";
    "auto" is float32 on the CPU and the checkpoint's own format on CUDA, bfloat16 for float16 and where float32
    does not fit. device: "auto" (CUDA where there is room, else the CPU), "cpu", "cuda", "cuda:N", "mps". attn:
    "auto" or an attention implementation of transformers. gpus: over how many CUDA devices the layers are spread,
    for a model that one cannot hold. offline: touch no network. progress: called with the
    name of each stage.

    Only safetensors are read. allow_pickle=True reads pickled weights as well, with torch's weights_only=True.
    trust_remote_code=True runs code out of the repository and needs `revision` as a commit of 40 hex digits;
    a folder's code is the user's own to look at. Chat templates are never rendered, and nothing is asked on the
    terminal.

    Raises UsageError for arguments out of range; ModelError where the model is not found, not safe, damaged,
    incomplete, or no causal decoder; DataError where weights are NaN or infinite; ResourceError where a device
    is absent or memory is lacking.

    >>> model = rd.load_model("smollm2-135m", device="cpu")
    >>> model.name, model.n_layers, model.n_units
    ('smollm2-135m', 30, 576)
    """
    if not isinstance(model, str | os.PathLike):
        _only_defaults(revision=revision, dtype=dtype, device=device, attn=attn, gpus=None if gpus == 1 else gpus)
        return objects.wrap(model, tokenizer, progress)
    if attn not in pretrained.ATTENTION:
        raise UsageError(f"attn is one of {', '.join(pretrained.ATTENTION)}; got {attn!r}.")
    if tokenizer is not None:
        objects.check_tokenizer(tokenizer)
    wish = read_wish(dtype, device, gpus)
    say = progress or (lambda _: None)
    opened = _open(os.fspath(model), revision, offline=offline, trust_remote_code=trust_remote_code, progress=say)
    name, folder, listing = opened.name, opened.folder, opened.listing
    config = architecture.read_config(name, folder, listing, trust_remote_code=trust_remote_code)
    weights = checkpoint.find_weights(name, folder, listing, allow_pickle=allow_pickle)
    if opened.repository:
        hub.fetch(opened.repository, weights.files, say)
    contents = checkpoint.read_contents(name, folder, weights)
    architecture.check_size(name, config, contents, trust_remote_code=trust_remote_code)
    quantization = opened.quantization or architecture.quantization_of(config)
    packed = contents.n_bytes if architecture.quantization_of(config) else None
    placement = place(wish, Need(contents.n_elements, contents.stored, packed))
    # The tokenizer is read first: it is small, and what is wrong with it is told before the long wait.
    own_tokenizer = tokenizer or pretrained.read_tokenizer(name, folder, trust_remote_code=trust_remote_code)
    say(f"loading {name}")
    module, warnings = pretrained.read_module(
        name, folder, config, weights, placement, attn=attn, trust_remote_code=trust_remote_code
    )
    files = opened.files or checkpoint.hash_files(folder, checkpoint.deciding_files(listing, weights))
    if tokenizer is not None:
        files = {**files, "tokenizer": objects.hash_tokenizer(tokenizer)}
    if quantization:
        warnings.append(f"the weights are quantised ({quantization}): the states are those of the quantised model")
    if weights.pickled:
        warnings.append("the weights were read from a pickle, with torch's weights_only=True")
    if trust_remote_code:
        warnings.append("code out of the model's repository was allowed to run")
    recipe = Recipe(
        model=str(Path(name).expanduser().absolute()) if opened.path else name,
        revision=opened.repository.revision if opened.repository else None,
        dtype=str(placement.dtype).removeprefix("torch."),
        device=str(device).partition(":")[0],
        attention=str(module.config._attn_implementation),
        offline=offline,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
        gpus=gpus,
    )
    embedded = module.get_input_embeddings()
    if isinstance(embedded, torch.nn.Embedding) and len(own_tokenizer) > embedded.num_embeddings:
        warnings.append(
            f"the tokenizer has {len(own_tokenizer):,} tokens and the model {embedded.num_embeddings:,} embeddings"
        )
    return LoadedModel(
        module=module,
        tokenizer=own_tokenizer,
        name=name,
        title=opened.title,
        source=opened.source,
        revision=opened.repository.revision if opened.repository else None,
        files=files,
        dtype=placement.dtype,
        dtype_reason=placement.dtype_reason,
        device=placement.device,
        device_reason=placement.device_reason,
        attention=str(module.config._attn_implementation),
        context=architecture.context_of(module.config),
        n_layers=int(module.config.num_hidden_layers),
        n_units=int(module.config.hidden_size),
        model_type=str(module.config.model_type),
        quantization=quantization,
        warnings=(*placement.warnings, *warnings),
        head=HeadSource(folder=folder, tied=getattr(config, "tie_word_embeddings", None)),
        recipe=recipe if tokenizer is None else None,
    )


@dataclass(frozen=True)
class _Opened:
    """Where a named model's files lie, before any of them is read."""

    name: str
    title: str
    source: Source
    folder: Path
    listing: Mapping[str, int]
    files: Mapping[str, str] | None = None
    quantization: str | None = None
    repository: hub.Repository | None = None
    path: bool = False
    """Whether the name is one of a file or folder."""


def _open(
    name: str, revision: str | None, *, offline: bool, trust_remote_code: bool, progress: Progress
) -> _Opened:
    kind, path = find_place(name, revision, trust_remote_code=trust_remote_code)
    if kind == "hub":
        progress(f"looking for {name}")
        found = hub.open_repository(name, revision, offline=offline, with_code=trust_remote_code)
        return _Opened(name, name, "hub", found.folder, found.listing, repository=found)
    if kind == "folder" and path:
        return _Opened(str(path), path.resolve().name, "folder", path, checkpoint.list_folder(path), path=True)
    if kind == "builtin":
        progress(f"looking for {name}")
        path = asset_path(name, offline=offline, progress=_in_percent(name, progress))
    assert path is not None
    converted = convert(path, progress=progress)
    return _Opened(
        name,
        path.stem,
        "builtin" if kind == "builtin" else "gguf",
        converted.folder,
        checkpoint.list_folder(converted.folder),
        files={path.name: converted.sha256},
        quantization=converted.quantization,
        path=kind != "builtin",
    )


def _only_defaults(**options: object) -> None:
    """Refuse to change a model in memory: its place, format and attention are its owner's."""
    given = [name for name, value in options.items() if value not in (None, "auto")]
    if given:
        raise UsageError(
            f"A model in memory is read as it is; {', '.join(given)} cannot be set here. Load or move it so first."
        )


def _in_percent(name: str, progress: Progress) -> Callable[[int, int], None]:
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * done // total if total else 0
        if percent // 10 > told:
            told = percent // 10
            progress(f"fetching {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    return tell
