"""Teleports on disk: written host by host, gone on with, refused where they are another's."""

from __future__ import annotations

import json
import os
import signal
import zipfile

import numpy as np
import pytest

import residyn as rd
from naive_teleport import TEXT, loaded, vectors
from residyn.errors import Interrupted, StoreError
from residyn.model.teleport import open_teleports, teleport

TEXTS = [TEXT, "One fish, two fish.", "Red fish, blue fish."]


def make(out, texts=TEXTS, to=None, at=(0, "1.mlp"), **options):
    return teleport(loaded("llama"), texts, vectors(3) if to is None else to, list(at), out=out, **options)


def interrupt_after(host: int):
    """A progress that asks to stop while a host is in hand, as Ctrl-C does."""
    each = 2 * 3

    def progress(done, total):
        if done == host * each + 3:
            os.kill(os.getpid(), signal.SIGINT)

    return progress


def same(ours, theirs) -> bool:
    return ours.load().identical(theirs.load())


def test_what_is_stored_is_what_is_returned_in_memory(tmp_path):
    stored, kept = make(tmp_path), make(None)
    assert stored.states.chunks is not None
    assert same(stored, kept)
    assert same(open_teleports(tmp_path), kept)


def test_a_run_directory_holds_its_teleports(tmp_path):
    rd.capture(loaded("llama"), TEXTS, tmp_path)
    make(tmp_path)
    assert rd.open_states(tmp_path).sizes["sample"] == 3
    assert open_teleports(tmp_path).sizes["host"] == 3


def test_an_interrupted_run_is_gone_on_with_bit_for_bit(tmp_path):
    with pytest.raises(Interrupted, match="2 of 3 hosts"):
        make(tmp_path, progress=interrupt_after(1))
    with pytest.raises(StoreError, match="2 of 3 hosts; the first missing or damaged one is host 2"):
        open_teleports(tmp_path)
    part = open_teleports(tmp_path, allow_partial=True)
    assert part.host.values.tolist() == [0, 1]
    assert part.attrs["partial"] == "2 of 3 hosts"
    told = []
    complete = make(tmp_path, progress=lambda *counts: told.append(counts))
    assert told == [(15, 18), (18, 18)]
    assert same(complete, make(None))


def test_a_complete_run_is_not_computed_again(tmp_path, monkeypatch):
    first = make(tmp_path).load()
    monkeypatch.setattr("residyn.model.teleport.experiment.teleport_host", None)
    assert same(make(tmp_path), first)


@pytest.mark.parametrize("harm", ["truncate", "remove", "empty"])
def test_a_damaged_host_is_refused_and_made_again(tmp_path, harm):
    whole = make(tmp_path).load()
    part = tmp_path / "teleport.zarr" / "host-00001.zip"
    if harm == "remove":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-1] if harm == "truncate" else b"")
    (part.parent / f".host-00001.zip.{'0' * 32}.tmp").write_bytes(b"half")
    with pytest.raises(StoreError, match="host 1"):
        open_teleports(tmp_path)
    assert same(make(tmp_path), whole)
    assert not list(part.parent.glob(".host*"))


def test_a_flipped_bit_is_noticed_and_the_host_made_again(tmp_path):
    whole = make(tmp_path).load()
    part = tmp_path / "teleport.zarr" / "host-00002.zip"
    with zipfile.ZipFile(part) as archive:
        chunk = max(archive.infolist(), key=lambda entry: entry.file_size)
    harmed = bytearray(part.read_bytes())
    harmed[chunk.header_offset + len(chunk.filename) + 30 + chunk.file_size // 2] ^= 4
    part.write_bytes(bytes(harmed))
    with pytest.raises(StoreError, match="the first missing or damaged one is host 2"):
        open_teleports(tmp_path)
    others = {path: path.stat().st_mtime_ns for path in part.parent.glob("host-*") if path != part}
    assert same(make(tmp_path), whole)
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_a_host_that_somebody_compressed_is_not_unpacked(tmp_path):
    make(tmp_path)
    part = tmp_path / "teleport.zarr" / "host-00001.zip"
    with zipfile.ZipFile(part) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(StoreError, match="the first missing or damaged one is host 1"):
        open_teleports(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": vectors(3, seed=1)}, "targets.sha256"),
        ({"at": (0, "2.mlp")}, r"at\[1\]: stored \"1.mlp\", wanted \"2.mlp\""),
        ({"steps": 3}, "steps: stored 12, wanted 3"),
        ({"residual": "keep"}, "residual"),
        ({"texts": TEXTS[:2]}, "hosts.n: stored 3, wanted 2"),
        ({"position": 2}, 'position: stored "last", wanted 2'),
        ({"memory": 1 << 20}, "memory: stored 268435456, wanted 1048576"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, options, said):
    make(tmp_path)
    with pytest.raises(StoreError, match=said):
        make(tmp_path, **options)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "diary.txt").write_text("dear")
    with pytest.raises(StoreError, match=r"diary\.txt"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_a_foreign_group_is_left_alone(tmp_path):
    (tmp_path / "teleport.zarr").mkdir()
    (tmp_path / "teleport.zarr" / "mine").write_text("x")
    with pytest.raises(StoreError, match="not residyn's"):
        make(tmp_path)


def test_a_link_is_not_written_through(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "teleport.zarr").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link"):
        make(tmp_path / "run")


def test_a_creation_that_was_cut_off_is_made_again(tmp_path):
    make(tmp_path)
    group = tmp_path / "teleport.zarr"
    (group / "teleport.json").unlink()
    with pytest.raises(StoreError, match="not residyn's"):
        make(tmp_path)
    for path in group.glob("host-*"):
        path.unlink()
    assert make(tmp_path).sizes["host"] == 3


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("format", "other", "damaged or not residyn's"), ("format_version", 9, "format version 9")],
)
def test_a_manifest_that_is_not_ours(tmp_path, field, value, said):
    make(tmp_path)
    manifest = tmp_path / "teleport.zarr" / "teleport.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), field: value}))
    for attempt in (make, open_teleports):
        with pytest.raises(StoreError, match=said):
            attempt(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(StoreError, match="holds no teleports"):
        open_teleports(tmp_path)


def test_large_parts_are_cut_into_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("residyn.model.teleport.folder._LARGEST_CHUNK", 4 * 13 * 32 * 2)
    jumps = make(tmp_path)
    assert jumps.states.chunks[2] == (2, 1)
    assert np.array_equal(jumps.states.values, make(None).states.values, equal_nan=True)
