"""GGUF → float32 safetensors in residyn's cache, once: reading GGUF takes some twenty seconds, safetensors one.

Layout: `cache_dir()/converted/<sha256 of the .gguf>-<FORMAT>/`, with the model as transformers saves it and
`residyn.json`, which lists the sha256 of every other file. A folder is put in place in one step when it is
whole, its hashes are verified each time it is used, and it is made again where they do not fit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from residyn.errors import ModelError, ResourceError
from residyn.machine import available_memory
from residyn.model.assets import cache_dir
from residyn.model.gguf_guard import GgufHeader, check_header
from residyn.model.loading import gguf_config
from residyn.model.loading.architecture import check_causal, check_size
from residyn.model.loading.checkpoint import Contents, hash_files, list_folder
from residyn.model.loading.gguf_tokenizer import complete_tokenizer
from residyn.model.loading.pretrained import check_report
from residyn.model.loading.quiet import message_of, quiet, quiet_module
from residyn.store.scratch import scratch_in

FORMAT = 3
_LEDGER = "residyn.json"
_READ_BESIDE = (".json", ".jinja", ".model", ".txt")
"""What transformers looks for in the folder of a GGUF file, too."""
_PLAIN_TYPES = frozenset({"F32", "F16", "BF16", "F64"})


@dataclass(frozen=True)
class Converted:
    """A GGUF file as an ordinary folder of safetensors, its own sha256, and its storage types in words."""

    folder: Path
    sha256: str
    quantization: str | None


def convert(path: Path, *, progress: Callable[[str], None] | None = None) -> Converted:
    """The folder of safetensors made of a GGUF file: from the cache, else converted now.

    Raises ModelError where the file is crafted, damaged or of an architecture that transformers cannot read,
    ResourceError where memory or room in the cache is lacking.
    """
    header = check_header(path)
    list_folder(path.parent, _READ_BESIDE)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    folder = cache_dir() / "converted" / f"{digest}-{FORMAT}"
    found = Converted(folder, digest, _quantization(header))
    if _is_whole(folder):
        return found
    if progress:
        progress(f"converting {path.name} to safetensors, once")
    _check_room(path, folder, header)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_in(folder.parent, ".convert-") as scratch:
            made = scratch / "made"
            made.mkdir()
            _write(path, header, made)
            _put_in_place(made, folder, scratch / "damaged")
    except OSError as error:
        raise ResourceError(
            f"{path.name} cannot be kept, converted, in {folder.parent} ({message_of(error)}). "
            "Make room or give write access there, or set RESIDYN_CACHE to another folder."
        ) from error
    return found


def read_gguf(path: Path, header: GgufHeader) -> PreTrainedModel:
    """The base model of a checked GGUF file, dequantised to float32, as transformers reads it.

    What transformers drops of the file is put into the config, and the model that was built is held against the
    header. Raises ModelError where it cannot be read, where the header describes more than the file can fill,
    where tensors are missing, or where the header says what cannot be put into the model.
    """
    options: dict[str, Any] = {}
    # Left to itself, transformers keeps blocks packed where the package `kernels` is installed, and fetches
    # code from the hub to compute with them.
    if settings := getattr(transformers, "GgufConfig", None):
        options["quantization_config"] = settings(dequantize=True)
    with quiet(), quiet_module("transformers.modeling_gguf_pytorch_utils"):
        try:
            config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
        except Exception as error:
            raise _unreadable(path, error) from error
        check_causal(path.name, config)
        gguf_config.complete_config(path, header, config)
        size = Contents(header.n_tensors, header.n_elements, path.stat().st_size, None)
        check_size(path.name, config, size, trust_remote_code=False, stated_in="header")
        try:
            # Of some families only the model with its head has names that GGUF's can be mapped to.
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                path.parent,
                gguf_file=path.name,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **options,
            )
        except Exception as error:
            raise _unreadable(path, error) from error
    whole, report = loaded
    model = whole.base_model
    check_report(path.name, model.config, report)
    gguf_config.check_model(path, header, model)
    return model


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"transformers {transformers.__version__} cannot read {path} ({message_of(error)}). "
        "Take the model's safetensors release instead."
    )


def _write(path: Path, header: GgufHeader, folder: Path) -> None:
    model = read_gguf(path, header)
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
        except Exception as error:
            raise _unreadable(path, error) from error
        complete_tokenizer(path.name, header, tokenizer)
        _forget_gguf(model)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    hashes = hash_files(folder, list_folder(folder))
    ledger = {
        "format": FORMAT,
        "source": path.name,
        "architecture": header.architecture,
        "tensor_types": dict(header.tensor_types),
        "transformers": transformers.__version__,
        "files": hashes,
    }
    (folder / _LEDGER).write_text(json.dumps(ledger, indent=2, sort_keys=True), encoding="utf-8")
    for name in list_folder(folder):
        _sync(folder / name)
    _sync(folder)


def _forget_gguf(model: PreTrainedModel) -> None:
    # transformers saves nothing that it remembers as GGUF; dequantised, it is an ordinary model.
    for owner, mark in ((model, "hf_quantizer"), (model.config, "quantization_config")):
        if hasattr(owner, mark):
            delattr(owner, mark)


def _put_in_place(made: Path, folder: Path, aside: Path) -> None:
    if folder.exists() and not _is_whole(folder):
        folder.rename(aside)
    try:
        made.rename(folder)
    except OSError:
        # Another process was first; its folder serves as well.
        if not _is_whole(folder):
            raise
    _sync(folder.parent)


def _is_whole(folder: Path) -> bool:
    try:
        there = list_folder(folder)
        ledger = json.loads((folder / _LEDGER).read_text(encoding="utf-8"))
        files = ledger["files"]
        return (
            files.keys() <= there.keys()
            and ledger["format"] == FORMAT
            and bool(files)
            and hash_files(folder, files) == files
        )
    except (ModelError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_room(path: Path, folder: Path, header: GgufHeader) -> None:
    needed = int(4.4 * header.n_elements)
    root = next(parent for parent in folder.parents if parent.exists())
    for free, where, advice in (
        (available_memory(), "of memory", "Close other programs, or take a smaller model."),
        (shutil.disk_usage(root).free, f"on the disk of {root}", "Set RESIDYN_CACHE to a folder with more room."),
    ):
        if needed > free:
            raise ResourceError(
                f"{path.name} holds {header.n_elements:,} weights, {needed / 1e9:.1f} GB as float32, and "
                f"{free / 1e9:.1f} GB {where} are free. {advice}"
            )


def _quantization(header: GgufHeader) -> str | None:
    if set(header.tensor_types) <= _PLAIN_TYPES:
        return None
    types = ", ".join(f"{count} × {name}" for name, count in header.tensor_types.items())
    return f"GGUF ({types}), dequantised to float32"
