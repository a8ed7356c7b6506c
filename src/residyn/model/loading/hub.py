"""A model repository on the Hugging Face hub: its files into the hub's own cache, one commit throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants, errors
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from residyn.errors import ModelError, ResourceError
from residyn.model.loading.checkpoint import list_folder
from residyn.model.loading.quiet import message_of, quiet

_BESIDE_WEIGHTS = (".json", ".model", ".txt", ".tiktoken", ".spm")
_LARGEST_BESIDE = 128 * 1024 * 1024


@dataclass(frozen=True)
class Repository:
    """A commit of a model repository: its files at the root (name → bytes) and their folder in the cache.

    `online` is False where only the cache may be used; the files are then those that lie there.
    """

    name: str
    revision: str
    listing: Mapping[str, int]
    folder: Path
    online: bool


def open_repository(name: str, revision: str | None, *, offline: bool, with_code: bool) -> Repository:
    """Find the commit, and fetch everything small: config, tokenizer, index; code only where it may run.

    Without a network the cached commit is taken. Raises ModelError where the repository or the revision does
    not exist, access is gated, or nothing is cached.
    """
    if offline or constants.HF_HUB_OFFLINE:
        return _cached(name, revision, "offline mode is on")
    try:
        with quiet(), _hub_errors(name, revision):
            info = huggingface_hub.HfApi().model_info(name, revision=revision, files_metadata=True)
            commit = str(info.sha)
            # Asked for by branch, so that the cache knows what the branch was when there is no network.
            config = Path(huggingface_hub.hf_hub_download(name, "config.json", revision=revision))
            if config.parent.name != commit:  # the branch moved in between
                config = Path(huggingface_hub.hf_hub_download(name, "config.json", revision=commit))
    except _Unreachable as error:
        return _cached(name, revision, f"the hub cannot be reached ({error})")
    listing = {file.rfilename: file.size or 0 for file in info.siblings or () if "/" not in file.rfilename}
    suffixes = (*_BESIDE_WEIGHTS, ".py") if with_code else _BESIDE_WEIGHTS
    small = [file for file, size in listing.items() if file.endswith(suffixes) and size <= _LARGEST_BESIDE]
    repository = Repository(name, commit, listing, config.parent, online=True)
    fetch(repository, small)
    return repository


def fetch(repository: Repository, files: Iterable[str], progress: Callable[[str], None] | None = None) -> None:
    """Have these files in the repository's folder. Raises ModelError where they cannot be had.

    `progress` is told of each file. Without a network there is nothing to do: the listing is of what is there.
    """
    wanted = list(files) if repository.online else []
    for number, file in enumerate(wanted, 1):
        if progress:
            size = repository.listing[file] / 1e6
            progress(f"fetching {file} ({number} of {len(wanted)}, {size:,.0f} MB)")
        try:
            with quiet(), _hub_errors(repository.name, repository.revision):
                huggingface_hub.hf_hub_download(repository.name, file, revision=repository.revision)
        except _Unreachable as error:
            raise ModelError(
                f"{file} of {repository.name} could not be fetched: the hub cannot be reached ({error}). "
                "Try again; what was fetched is kept."
            ) from error


def _cached(name: str, revision: str | None, why: str) -> Repository:
    try:
        with quiet():
            # Only the config is asked for: what else is missing is told by name when it is needed.
            found = huggingface_hub.snapshot_download(
                name, revision=revision, local_files_only=True, allow_patterns=["config.json"]
            )
    except (OSError, ValueError) as error:
        at = f" at revision {revision}" if revision else ""
        raise ModelError(
            f"{name}{at} is not in the hub's cache, and {why}. Load it once with a network "
            f"(`hf download {name}`), or give a folder."
        ) from error
    folder = Path(found)
    listing = list_folder(folder)
    if "config.json" not in listing:
        raise ModelError(
            f"{name} is only partly in the hub's cache ({folder} lacks config.json), and {why}. "
            f"Load it once with a network (`hf download {name}`)."
        )
    return Repository(name, folder.name, listing, folder, online=False)


class _Unreachable(Exception):
    """The hub did not answer, or not in a way that says anything about the repository."""


@contextmanager
def _hub_errors(name: str, revision: str | None) -> Iterator[None]:
    """The hub's answers in plain words. A gated repository is a kind of missing one there, so it comes first."""
    try:
        yield
    except GatedRepoError as error:
        raise ModelError(
            f"Access to {name} is gated. Ask for it at https://huggingface.co/{name}, then run `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(
            f"{name} has no revision {revision!r}. Give a branch, a tag or a commit that "
            f"https://huggingface.co/{name}/commits/main lists."
        ) from error
    except DisabledRepoError as error:
        raise ModelError(f"{name} was disabled on the hub. Take another model.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ModelError(
            f"There is no model {name} on the hub, or it is private, and no such folder either. Look at the "
            "spelling (ORG/NAME); for a private one, run `hf auth login`."
        ) from error
    except EntryNotFoundError as error:
        if isinstance(error, LocalEntryNotFoundError):
            raise _Unreachable(message_of(error, 160)) from error
        raise ModelError(
            f"{name} holds no config.json, so it is no transformers model. Of GGUF, fetch the one file to load."
        ) from error
    except (errors.HTTPError, ConnectionError, TimeoutError) as error:  # pyright: ignore[reportPrivateImportUsage]
        raise _Unreachable(message_of(error, 160)) from error
    except OSError as error:
        raise ResourceError(
            f"{name} cannot be kept in the hub's cache ({message_of(error)}). Make room or give write access, "
            "or set HF_HOME to another folder."
        ) from error
