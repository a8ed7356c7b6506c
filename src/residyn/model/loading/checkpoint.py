"""The files of a checkpoint: which hold the weights, what they hold, and their hashes. Nothing is loaded here."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from residyn.errors import ModelError
from residyn.model.loading.quiet import message_of
from residyn.store.files import NotAFileError, check_file

_SAFE, _SAFE_INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLE, _PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
_TEMPLATES = "additional_chat_templates"
_LARGEST_JSON = 64 * 1024 * 1024
_STORED = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


@dataclass(frozen=True)
class Weights:
    """The files that hold a checkpoint's weights, all safetensors or all pickles."""

    files: tuple[str, ...]
    pickled: bool = False


@dataclass(frozen=True)
class Contents:
    """What weight files hold: tensors, weights, and the format that most of the weights are stored in.

    Of pickles only the size is known before they are loaded: `n_tensors` is None, and `n_elements` is the most
    that the bytes can hold in two bytes each.
    """

    n_tensors: int | None
    n_elements: int
    n_bytes: int
    stored: torch.dtype | None


def list_folder(folder: Path, suffixes: tuple[str, ...] = ("",)) -> dict[str, int]:
    """The folder's own files of these suffixes, name → bytes.

    Raises ModelError where it cannot be read, and where something else than files and folders has such a name in
    it, or in its folder of chat templates: whoever opened a named pipe would wait for ever, and transformers opens
    what it finds.
    """
    try:
        listing = _files_in(folder, suffixes)
        if (folder / _TEMPLATES).is_dir():
            _files_in(folder / _TEMPLATES, suffixes)
    except OSError as error:
        raise ModelError(
            f"The folder {folder} cannot be read: {error.strerror or error}. Make it readable."
        ) from error
    return listing


def _files_in(folder: Path, suffixes: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for entry in sorted(folder.iterdir()):
        if (
            not entry.name.endswith(suffixes) or entry.is_dir() or not entry.exists()
        ):  # a link to nowhere is as good as no file
            continue
        try:
            found[entry.name] = check_file(entry)
        except NotAFileError as error:
            raise ModelError(
                f"{entry} is no file of a model: {error.strerror}. Take it out of the folder."
            ) from error
    return found


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object out of a model's folder. Raises ModelError where it is missing, too large, or none."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ModelError(f"{path} has {path.stat().st_size:,} bytes; at most {_LARGEST_JSON:,} are read.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path} is missing. A model's folder holds it beside its weights.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({message_of(error)}). Fetch it again.") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds a {type(found).__name__}; a JSON object was wanted. Fetch it again.")
    return found


def find_weights(name: str, folder: Path, listing: Mapping[str, int], *, allow_pickle: bool) -> Weights:
    """The weight files among a folder's or a repository's files (name → bytes).

    Safetensors come first. Pickles can run code when they are opened carelessly, and are refused without
    `allow_pickle`. Raises ModelError where there are no weights, or an index names files that are not there.
    """
    if _SAFE in listing:
        return Weights((_SAFE,))
    if _SAFE_INDEX in listing:
        return Weights(_indexed(name, folder / _SAFE_INDEX, listing, ".safetensors"))
    pickles = [file for file in listing if file in (_PICKLE, _PICKLE_INDEX)]
    if pickles and not allow_pickle:
        raise ModelError(
            f"{name} has no safetensors, only pickled weights ({', '.join(pickles)}), and a pickle can run code. "
            "Take a revision with safetensors, or, if you trust its publisher, say --allow-pickle "
            "(allow_pickle=True): it is then read with torch's weights_only=True."
        )
    if _PICKLE in listing:
        return Weights((_PICKLE,), pickled=True)
    if _PICKLE_INDEX in listing:
        return Weights(_indexed(name, folder / _PICKLE_INDEX, listing, ".bin"), pickled=True)
    there = ", ".join(sorted(listing)[:12]) or "nothing"
    advice = f"{_SAFE} or {_SAFE_INDEX} was wanted"
    if any(file.lower().endswith(".gguf") for file in listing):
        advice += "; of GGUF, give the path of the one .gguf file to load"
    raise ModelError(f"{name} holds no weights that can be read: {advice}. It holds: {there}.")


def _indexed(name: str, index: Path, listing: Mapping[str, int], suffix: str) -> tuple[str, ...]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index.name} of {name} has no weight_map. Fetch it again.")
    files = sorted({str(file) for file in weight_map.values()})
    # A name with a folder in it, or of another kind of file, would lead the loader where nobody looked.
    odd = [file for file in files if Path(file).name != file or "\\" in file or not file.endswith(suffix)]
    if odd:
        raise ModelError(f"{index.name} of {name} names {odd[0]!r}, which is no {suffix} file beside it.")
    missing = [file for file in files if file not in listing]
    if missing:
        raise ModelError(
            f"{name} is incomplete: {len(missing)} of the {len(files)} weight files that {index.name} names are "
            f"missing ({', '.join(missing[:3])}). Fetch them again."
        )
    return tuple(files)


def read_contents(name: str, folder: Path, weights: Weights) -> Contents:
    """What the weight files hold, from their headers. Raises ModelError where one is truncated or damaged."""
    n_bytes = sum((folder / file).stat().st_size for file in weights.files)
    if weights.pickled:
        return Contents(None, n_bytes // 2, n_bytes, None)
    n_tensors = 0
    elements: Counter[str] = Counter()
    for file in weights.files:
        try:
            with safe_open(folder / file, framework="pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 -- it is not a mapping
                    part = tensors.get_slice(key)
                    n_tensors += 1
                    elements[part.get_dtype()] += torch.Size(part.get_shape()).numel()
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"{file} of {name} ({(folder / file).stat().st_size:,} bytes) is truncated or damaged "
                f"({message_of(error)}). Fetch it again."
            ) from error
    most = elements.most_common(1)[0][0] if elements else ""
    return Contents(n_tensors, elements.total(), n_bytes, _STORED.get(most))


def hash_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """File name → sha256. The hub's cache names large files by it, and is believed."""
    return {name: _digest(folder / name) for name in sorted(names)}


def _digest(path: Path) -> str:
    blob = path.resolve()
    if path.is_symlink() and blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return blob.name
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def deciding_files(listing: Iterable[str], weights: Weights) -> list[str]:
    """The files that decide a model's numbers: weights, config, tokenizer, and code where it may run."""
    beside = re.compile(
        r"config\.json|.*token.*\.(json|model)|vocab\.(json|txt)|merges\.txt|.*\.(spm|tiktoken|py)"
    )
    return [*weights.files, *(name for name in listing if beside.fullmatch(name))]
