"""Shards that were staged: adopted where they are what their receipts say, and swept where they are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from residyn.errors import DataError, StoreError
from residyn.store import (
    HALVED,
    Receipt,
    encode,
    leave_nonce,
    open_states,
    open_writer,
    read_manifest,
    read_run,
    receipt_for,
    receipts,
    sees,
    stage,
    verify,
)
from residyn.store.kinds import MIXED
from residyn.store.layout import shard_path
from store.producer import block, capture, complete, make, numbers_on_disk, samples

HERE, ELSEWHERE = {"device": "CPU AVX2", "torch": "2"}, {"device": "CPU AVX512", "torch": "2"}


def staged(run, shard, *, values=None, **about) -> Receipt:
    """Compute a shard as a worker does, and stage it."""
    manifest = read_manifest(run)
    labels = [row["sample"] for row in samples(manifest.n_samples)[manifest.rows(shard)]]
    content, gone = encode(
        manifest, shard, block(manifest.rows(shard)) if values is None else values, labels, drop_nonfinite=True
    )
    receipt = receipt_for(manifest, shard, content, gone, **{"kind": HERE, **about})
    stage(run, receipt, content)
    return receipt


def files(run) -> list[str]:
    return sorted(path.name for path in (run / "staged").glob("*"))


@pytest.fixture
def begun(tmp_path):
    make(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return numbers_on_disk(complete(tmp_path_factory.mktemp("whole") / "run"))


@pytest.mark.parametrize(
    ("n", "s", "d", "rows"),
    [(64, 20, 576, 64), (40, 60, 576, 64), (2, 5, 7, 2), (3, 33, 1027, 16), (16, 130, 4096, 16), (5, 8, 768, 16)],
)
def test_the_bytes_made_in_memory_are_those_that_zarr_writes(tmp_path, n, s, d, rows):
    """Many chunks along one dimension, along two, and one; some that reach beyond the rows and the sublayers."""
    make(tmp_path / "run", n=n, s=s, d=d, rows_per_shard=rows)
    values = np.random.default_rng(0).standard_normal((n, s, d)).astype(np.float32)
    content, _ = encode(read_manifest(tmp_path / "run"), 0, values, range(n))
    zarr.open_array(tmp_path / "run" / "states.zarr" / "states", mode="r+")[:] = values
    assert shard_path(tmp_path / "run", 0).read_bytes() == content


def test_what_workers_staged_is_adopted_in_any_order_and_the_rest_is_computed(begun, whole):
    for shard in (4, 0, 3):
        staged(begun, shard)
    assert verify(begun).pending == tuple(range(6))  # a shard without a marker does not exist
    with open_writer(begun) as writer:
        assert writer.pending == [1, 2, 5]
    assert files(begun) == []
    capture(begun)
    assert numbers_on_disk(begun) == whole
    assert not (begun / "staged").exists()


def test_a_shard_that_was_staged_twice_is_put_once(begun, whole):
    for _ in range(2):
        for shard in range(6):
            staged(begun, shard)
    with open_writer(begun) as writer:
        assert writer.pending == []
    assert numbers_on_disk(begun) == whole


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_run(path):
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "fingerprint": "0" * 64}))


@pytest.mark.parametrize(
    ("damage", "of_receipt"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), False),
        (flipped, False),
        (Path.unlink, False),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), True),
        (flipped, True),
        (another_run, True),
        (Path.unlink, True),
        (lambda path: path.write_text("[" * 100_000), True),
    ],
    ids=["cut", "flipped", "gone", "receipt cut", "receipt flipped", "foreign", "without receipt", "deep"],
)
def test_what_is_not_what_was_staged_is_not_adopted(begun, whole, damage, of_receipt):
    receipt = staged(begun, 2)
    path = begun / "staged" / receipt.name
    damage(path.with_name(f"{path.name}.json") if of_receipt else path)
    with open_writer(begun) as writer:
        assert 2 in writer.pending
    capture(begun)
    assert numbers_on_disk(begun) == whole
    assert verify(begun).ok


def test_a_receipt_of_another_run_of_the_same_shape_is_foreign(begun, tmp_path, whole):
    make(tmp_path / "other", dtype="bfloat16")
    staged(tmp_path / "other", 2, values=np.ones((2, 5, 7), np.float32))
    shutil.copytree(tmp_path / "other" / "staged", begun / "staged")
    with open_writer(begun) as writer:
        assert 2 in writer.pending
    capture(begun)
    assert numbers_on_disk(begun) == whole


def test_what_is_staged_is_told_by_what_becomes_of_it(begun):
    receipts_of = {shard: staged(begun, shard) for shard in (0, 2, 4)}
    flipped(begun / "staged" / receipts_of[2].name)
    (begun / "staged" / f"{receipts_of[4].name}.json").unlink()
    (begun / "staged" / "notes.txt").write_text("precious")
    nonce = leave_nonce(begun)
    report = verify(begun)
    assert report.pending == tuple(range(6))
    assert report.staged == {0: f"staged/{receipts_of[0].name}"}
    two, four = receipts_of[2].name, receipts_of[4].name
    assert report.unfinished == tuple(f"staged/{name}" for name in (two, f"{two}.json", four, nonce))
    capture(begun)
    assert (verify(begun).staged, verify(begun).unfinished) == ({}, ())


def test_a_worker_that_was_given_up_changes_nothing(begun, whole):
    """It finishes after another coordinator committed its shard, and the run is closed by then."""
    capture(begun)
    staged(begun, 3)
    assert numbers_on_disk(begun).items() >= whole.items()
    assert open_states(begun).shape == (11, 5, 7)
    with open_writer(begun) as writer:
        assert writer.pending == []
    assert numbers_on_disk(begun) == whole


def test_other_bytes_for_a_committed_shard_are_an_error_that_names_both_kinds(begun, whole):
    with open_writer(begun) as writer:
        writer.admit(HERE)
        writer.commit(0, block(writer.rows(0)))
    receipt = staged(begun, 0, values=block(slice(4, 6)), kind=ELSEWHERE)
    with pytest.raises(StoreError, match=r"came again with others.*stored CPU AVX2, now CPU AVX512.*Remove"):
        open_writer(begun).__enter__()
    (begun / "staged" / f"{receipt.name}.json").unlink()
    capture(begun)
    assert numbers_on_disk(begun) == whole


def test_another_kind_of_machine_is_refused_and_mixed_marks_the_run(begun):
    with open_writer(begun) as writer:
        writer.admit(HERE)
        writer.commit(0, block(writer.rows(0)))
        with pytest.raises(
            StoreError, match=r"The next shards .* device: stored CPU AVX2, now CPU AVX512.*--mixed"
        ):
            writer.admit(ELSEWHERE)
    staged(begun, 1, kind=ELSEWHERE)
    with pytest.raises(StoreError, match=r"Shard 1, which is staged, .* stored CPU AVX2, now CPU AVX512"):
        open_writer(begun).__enter__()
    assert len(files(begun)) == 2  # nothing is lost by a refusal
    assert read_run(begun)["kinds"] == [HERE]
    with open_writer(begun, mixed=True) as writer:
        assert writer.pending == [2, 3, 4, 5]
        assert writer.told == [MIXED]
    assert read_run(begun)["kinds"] == [HERE, ELSEWHERE]
    assert read_run(begun)["warnings"] == [MIXED]


def test_a_kind_counts_from_the_first_shard_on_and_older_runs_have_none(begun):
    with open_writer(begun) as writer:
        writer.admit(HERE)  # and is killed before it commits one
    with open_writer(begun) as writer:
        writer.admit(ELSEWHERE)
        writer.commit(0, block(writer.rows(0)))
    assert read_run(begun)["kinds"] == [ELSEWHERE]
    record = json.loads((begun / "run.json").read_text())
    del record["kinds"]
    (begun / "run.json").write_text(json.dumps(record))
    with open_writer(begun) as writer:
        writer.admit(HERE)
    assert "kinds" not in read_run(begun)


@pytest.mark.parametrize("kinds", [{}, [1], [{"device": 1}], "AVX2"])
def test_damaged_kinds_are_told(run, kinds):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "kinds": kinds}))
    with pytest.raises(StoreError, match="kinds should be a list of objects"):
        open_writer(run).__enter__()


def test_what_made_a_staged_shard_stays_told(begun):
    staged(begun, 1, halved=True)
    with open_writer(begun) as writer:
        assert writer.told == [HALVED]
    assert read_run(begun)["warnings"] == [HALVED]


def test_dropped_rows_travel_with_the_receipt(begun):
    values = block(slice(2, 4))
    values[1, 0, 0] = np.nan
    assert staged(begun, 1, values=values).dropped == (3,)
    capture(begun)
    assert open_states(begun).attrs["dropped"] == "1 of 11 samples: their states are not finite"


def test_states_that_are_not_finite_are_refused_where_they_are_computed(begun):
    manifest = read_manifest(begun)
    with pytest.raises(DataError, match=r"sample 7, first at sublayer 0\.attn"):
        encode(manifest, 0, np.full((2, 5, 7), np.nan, np.float32), [7, 8])


def test_an_interrupted_writer_leaves_what_is_staged_for_pending_shards(begun):
    class Stopped(Exception):
        pass

    def stopped():
        with open_writer(begun) as writer:
            staged(begun, 4)
            staged(begun, 0)
            writer.commit(0, block(writer.rows(0)))
            raise Stopped

    with pytest.raises(Stopped):
        stopped()
    assert [name.split(".")[0] for name in files(begun)] == ["000004", "000004"]
    assert [receipt.shard for receipt in receipts(begun, read_manifest(begun))] == [4]


def test_what_somebody_else_put_there_stays_and_links_are_refused(begun, tmp_path):
    (begun / "staged").mkdir()
    (begun / "staged" / "notes.txt").write_text("precious")
    capture(begun)
    assert files(begun) == ["notes.txt"]
    shutil.rmtree(begun / "staged")
    (tmp_path / "outside").mkdir()
    (begun / "staged").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="is a link"):
        staged(begun, 0)
    with pytest.raises(StoreError, match="is a link"):
        open_writer(begun).__enter__()


def test_the_nonce_tells_who_has_the_disk(begun, tmp_path):
    nonce = leave_nonce(begun)
    assert sees(begun, nonce)
    assert not sees(tmp_path / "elsewhere", nonce)
    with open_writer(begun):
        pass
    assert not sees(begun, nonce)
