"""Samples on disk: one file each, put in place whole, so that what was interrupted goes on with the rest.

A file is named after its token ids and holds the fingerprint of all that decides its numbers. One that does not,
or is damaged, is made again.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from residyn import store
from residyn.errors import Interrupted
from residyn.model.interrupts import asked_to_stop
from residyn.store.files import disk_errors, read_file, write_bytes

_FINGERPRINT = "fingerprint"
_LARGEST = 2**28


@dataclass(frozen=True)
class Parts:
    """The files of samples in a folder, and in words whose `numbers` of them they hold."""

    folder: Path
    numbers: str

    def place(self, ids: tuple[int, ...]) -> Path:
        """The file of a sample with these token ids."""
        digest = hashlib.sha256(np.asarray(ids, dtype="<i8").tobytes()).hexdigest()
        return self.folder / f"sample-{digest[:24]}.npz"

    def read(self, ids: tuple[int, ...], fingerprint: str) -> dict[str, np.ndarray] | None:
        """The arrays of a sample; None where they are not there whole, or of another fingerprint."""
        try:
            content = io.BytesIO(read_file(self.place(ids), _LARGEST))
            with zipfile.ZipFile(content) as packed:
                if sum(member.file_size for member in packed.infolist()) > _LARGEST:
                    return None
            with np.load(content, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
            return None
        return arrays if str(arrays.pop(_FINGERPRINT, "")) == fingerprint else None

    def write(self, ids: tuple[int, ...], fingerprint: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store one sample in one step, unless its file is that already, to the byte.

        So what changed in a file beside its numbers is put right. Raises ResourceError or StoreError as the disk
        does.
        """
        content, place = _packed({**arrays, _FINGERPRINT: np.array(fingerprint)}), self.place(ids)
        with disk_errors(self.folder, f"Storing a sample's {self.numbers}", go_on="give the same command again"):
            if place.is_file() and not place.is_symlink() and place.read_bytes() == content:
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            write_bytes(place, content)


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, values in arrays.items():
            array = io.BytesIO()
            np.lib.format.write_array(array, np.asanyarray(values), allow_pickle=False)
            # Without the time that numpy would write: the same numbers are the same bytes.
            packed.writestr(zipfile.ZipInfo(f"{name}.npy"), array.getvalue(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def kept(
    parts: Parts,
    ids: Sequence[tuple[int, ...]],
    fingerprint: Callable[[int], str],
    make: Callable[[int], dict[str, np.ndarray]],
    found: Callable[[int], None],
) -> list[dict[str, np.ndarray]]:
    """The arrays of all samples, whose token ids are given: from the folder, or made and put there.

    `fingerprint`, `make` and `found`, which is told of a sample that was there, take its number. Raises
    Interrupted, on Ctrl-C, after the sample in hand.
    """
    out, done = parts.folder, []
    with disk_errors(out, f"Creating the folder of {parts.numbers}", go_on="give the same command again"):
        out.mkdir(parents=True, exist_ok=True)
    with store.locked(out), asked_to_stop() as stop:
        for number, own in enumerate(ids):
            known = fingerprint(number)
            arrays = parts.read(own, known)
            if arrays is None:
                if stop():
                    raise Interrupted(
                        f"Stopped as asked: the {parts.numbers} of {len(done)} of {len(ids)} texts are in {out}. "
                        "The same call goes on from there."
                    )
                arrays = make(number)
            else:
                found(number)
            parts.write(own, known, arrays)
            done.append(arrays)
    return done
