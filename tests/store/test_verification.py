import contextlib
import json
import os
import shutil

import numpy as np
import pytest

from residyn.errors import StoreError
from residyn.store import forget, open_states, open_writer, verify
from store.producer import capture, make, numbers_on_disk


def shard(run, number):
    return run / "states.zarr" / "states" / f"c.{number}.0.0"


def flip_a_bit(run):
    content = bytearray(shard(run, 2).read_bytes())
    content[50] ^= 1
    shard(run, 2).write_bytes(content)


FAULTS = {
    "missing": lambda run: shard(run, 2).unlink(),
    "empty": lambda run: shard(run, 2).write_bytes(b""),
    "truncated": lambda run: os.truncate(shard(run, 2), 100),
    "hash differs": flip_a_bit,
    "misplaced": lambda run: shutil.copy(shard(run, 4), shard(run, 2)),
    "unmarked": lambda run: (run / "commits" / "000002.json").unlink(),
    "marker damaged": lambda run: (run / "commits" / "000002.json").write_text("{"),
}


def test_a_sound_run_is_sound(run):
    report = verify(run)
    assert report.ok
    assert (report.n_shards, report.n_valid, report.pending, report.strangers) == (6, 6, (), ())
    assert report.bytes_read == sum(shard(run, number).stat().st_size for number in range(6))


@pytest.mark.parametrize("reason", FAULTS)
def test_a_fault_is_named_and_repaired_by_capturing_only_its_shard(run, reason):
    whole = numbers_on_disk(run)
    others = [shard(run, number).stat().st_mtime_ns for number in (0, 1, 3, 4, 5)]
    FAULTS[reason](run)
    report = verify(run)
    assert not report.ok
    assert [(damage.shard, damage.reason) for damage in report.damaged] == [(2, reason)]
    assert report.damaged[0].file == "states.zarr/states/c.2.0.0"
    assert report.n_valid == 5
    forget(run, [damage.shard for damage in report.damaged])
    assert verify(run).pending == (2,)
    capture(run)
    assert numbers_on_disk(run) == whole
    assert [shard(run, number).stat().st_mtime_ns for number in (0, 1, 3, 4, 5)] == others


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "samples.jsonl",
        "states.zarr/zarr.json",
        "states.zarr/states/zarr.json",
        "states.zarr/states/c.2.0.0",
        "commits/000002.json",
    ],
)
def test_no_byte_of_what_makes_the_states_is_changed_in_silence(run, name):
    whole, silent = (run / name).read_bytes(), []
    for place in range(0, len(whole), 1 if len(whole) < 2_000 else 7):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 3
        (run / name).write_bytes(bytes(changed))
        with contextlib.suppress(StoreError):
            silent += [place] if verify(run).ok else []
    assert silent == []


def test_a_marker_that_says_another_size_is_captured_again(run):
    whole, marker = numbers_on_disk(run), run / "commits" / "000002.json"
    size = json.loads(marker.read_text())["bytes"]
    marker.write_text(marker.read_text().replace(f": {size},", f": {size + 1},"))
    with pytest.raises(StoreError, match="damaged: 1 of 6 shards"):
        open_states(run)
    (damage,) = verify(run).damaged
    assert (damage.shard, damage.reason) == (2, "marker damaged")
    assert damage.detail == f"it says {size + 1:,} bytes of the file, which has {size:,} and the right sha256"
    forget(run, [2])
    capture(run)
    assert numbers_on_disk(run) == whole


def test_a_misplaced_shard_is_told_from_where_it_came(run):
    FAULTS["misplaced"](run)
    assert verify(run).damaged[0].detail == "it holds the bytes of shard 4"


def test_a_misplaced_shard_of_the_right_size_passes_zarr_but_not_verify(tmp_path):
    # Nothing but the ledger can tell shards of one size apart.
    run = tmp_path / "run"
    make(run, n=4)
    with open_writer(run) as writer:
        writer.commit(0, np.full((2, 5, 7), 5.0, np.float32))
        writer.commit(1, np.full((2, 5, 7), 2.5, np.float32))
    assert shard(run, 0).stat().st_size == shard(run, 1).stat().st_size
    shutil.copy(shard(run, 1), shard(run, 0))
    assert open_states(run).notnull().all()
    assert [damage.reason for damage in verify(run).damaged] == ["misplaced"]


def test_shards_never_captured_are_pending_and_not_damaged(tmp_path):
    make(tmp_path / "run")
    capture(tmp_path / "run", shards=[1])
    report = verify(tmp_path / "run")
    assert report.ok
    assert (report.n_valid, report.pending) == (1, (0, 2, 3, 4, 5))


def test_files_of_no_shard_are_listed(run):
    shutil.copy(shard(run, 0), shard(run, 99))
    report = verify(run)
    assert report.strangers == ("c.99.0.0",)
    assert report.ok


def test_a_folder_in_the_place_of_a_shard_is_a_missing_shard(run):
    shard(run, 2).unlink()
    shard(run, 2).mkdir()
    assert [damage.reason for damage in verify(run).damaged] == ["missing"]


def test_progress_is_called_once_a_shard(run):
    calls = []
    verify(run, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(number, 6) for number in range(1, 7)]
