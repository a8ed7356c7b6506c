import errno
import os

import numpy as np
import pytest

from residyn.errors import DataError, ResourceError, StoreError
from residyn.store import forget, open_states, open_writer, verify
from store.producer import (
    block,
    capture,
    complete,
    hold,
    make,
    numbers_on_disk,
    run_out_of_file_size,
    samples,
)


def test_the_same_block_gives_the_same_bytes(tmp_path):
    # Large enough for several Blosc blocks a chunk, which threads could order or cut differently.
    values = np.random.default_rng(0).standard_normal((64, 20, 576)).astype(np.float32)
    files = []
    for name in ("a", "b"):
        make(tmp_path / name, n=64, s=20, d=576, rows_per_shard=64)
        with open_writer(tmp_path / name) as writer:
            writer.commit(0, values)
        files.append(numbers_on_disk(tmp_path / name))
    assert files[0] == files[1]


def test_a_resumed_run_is_byte_equal_to_an_uninterrupted_one_in_any_order(tmp_path):
    make(tmp_path / "run")
    capture(tmp_path / "run", shards=[4])
    capture(tmp_path / "run", shards=[0, 5])
    capture(tmp_path / "run")
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(complete(tmp_path / "whole"))


def test_rows_tile_the_samples(tmp_path):
    make(tmp_path / "run")
    with open_writer(tmp_path / "run") as writer:
        rows = [row for shard in writer.pending for row in range(11)[writer.rows(shard)]]
        with pytest.raises(StoreError, match="shards 0 to 5; got 6"):
            writer.rows(6)
    assert rows == list(range(11))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_sample_and_sublayer(tmp_path, bad):
    make(tmp_path / "run")
    with open_writer(tmp_path / "run") as writer:
        values = block(writer.rows(1))
        values[1, 3:, 2] = bad
        with pytest.raises(DataError, match=r"sample 2, first at sublayer 1\.mlp; 2 values in 1 of 2 samples"):
            writer.commit(1, values)
        assert 1 in writer.pending
    assert verify(tmp_path / "run").pending == tuple(range(6))


@pytest.mark.parametrize(
    "values",
    [np.zeros((2, 5, 7)), np.zeros((3, 5, 7), "f4"), np.zeros((2, 7, 5), "f4"), np.zeros((2, 5, 7), ">f4")],
)
def test_other_shapes_and_dtypes_are_refused(tmp_path, values):
    make(tmp_path / "run")
    with open_writer(tmp_path / "run") as writer, pytest.raises(DataError, match=r"shape \(2, 5, 7\) in float32"):
        writer.commit(0, values)


def test_a_committed_shard_is_not_written_again_unless_forgotten(run):
    with open_writer(run) as writer, pytest.raises(StoreError, match="is committed"):
        writer.commit(0, block(slice(0, 2)))
    forget(run, [0, 5])
    assert verify(run).pending == (0, 5)
    before = {name: content for name, content in numbers_on_disk(run).items() if "c.3" in name}
    capture(run)
    assert verify(run).ok
    assert before.items() <= numbers_on_disk(run).items()


def test_forgetting_a_shard_the_run_does_not_have_removes_nothing(run):
    with pytest.raises(StoreError, match=r"shards 0 to 5; got \[6\]"):
        forget(run, [0, 6])
    assert verify(run).n_valid == 6


def test_a_second_writer_is_refused_and_the_holder_named(run, processes):
    ready, release = processes.Event(), processes.Event()
    holder = processes.Process(target=hold, args=(run, ready, release))
    holder.start()
    assert ready.wait(30)
    try:
        for writing in (lambda: open_writer(run).__enter__(), lambda: forget(run, [0])):
            with pytest.raises(StoreError, match=f"process {holder.pid} on .* since 20") as caught:
                writing()
            assert caught.value.exit_code == 5
        assert open_states(run).shape == (11, 5, 7)  # readers need no lock
    finally:
        release.set()
        holder.join(30)
    with open_writer(run) as writer:
        assert writer.pending == []


def test_one_process_cannot_write_twice_either(run):
    with open_writer(run), pytest.raises(StoreError, match=f"process {os.getpid()}"), open_writer(run):
        pass


@pytest.mark.parametrize("content", [b'{"host": "other", "pid": 1, "since": "2020"}', b"garbage", b"[]"])
def test_what_a_dead_writer_left_in_the_lock_is_harmless(run, content):
    (run / "residyn.lock").write_bytes(content)
    with open_writer(run) as writer:
        assert writer.pending == []
    assert (run / "residyn.lock").read_bytes() == b""  # no host's name stays behind


@pytest.mark.parametrize("damage", ["missing", "truncated", "longer", "marker"])
def test_markers_without_their_shard_are_dropped_when_writing(run, damage):
    reference = numbers_on_disk(run)
    shard, marker = run / "states.zarr" / "states" / "c.2.0.0", run / "commits" / "000002.json"
    {
        "missing": shard.unlink,
        "truncated": lambda: os.truncate(shard, 10),
        "longer": lambda: shard.write_bytes(shard.read_bytes() + b"x"),
        "marker": lambda: marker.write_text("{}"),
    }[damage]()
    with open_writer(run) as writer:
        assert writer.pending == [2]
        assert not marker.exists()
    capture(run)
    assert numbers_on_disk(run) == reference


def test_a_limit_of_the_system_on_files_is_a_resource_error_and_the_run_goes_on(tmp_path, processes):
    make(tmp_path / "run", n=6, s=40, d=64)
    capture(tmp_path / "run", shards=[0], s=40, d=64)
    answers = processes.SimpleQueue()
    # Shards take about 18 kB; the manifest, samples and markers less than 8 kB.
    child = processes.Process(target=run_out_of_file_size, args=(tmp_path / "run", 8192, answers))
    child.start()
    name, message = answers.get()
    child.join(30)
    assert name == "ResourceError"
    assert "Writing shard 1" in message
    assert "finished before are valid" in message
    assert f"residyn capture {tmp_path / 'run'}" in message
    report = verify(tmp_path / "run")
    assert (report.pending, report.damaged, report.strangers) == ((1, 2), (), ())
    capture(tmp_path / "run", s=40, d=64)
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(complete(tmp_path / "whole", n=6, s=40, d=64))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", range(1, 8))
def test_a_full_disk_at_any_flush_of_a_commit_leaves_the_shard_pending(tmp_path, monkeypatch, code, call):
    path = tmp_path / "run"
    make(path)
    capture(path, shards=[0])
    calls = []
    fsync = os.fsync

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == call:
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    with open_writer(path) as writer, monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        if call < 7:
            with pytest.raises(ResourceError, match="Free some space"):
                writer.commit(1, block(writer.rows(1)))
            assert 1 in writer.pending
        else:
            writer.commit(1, block(writer.rows(1)))
            assert len(calls) == 6  # shard, receipt, their folder; the shards' folder, marker, its folder
    capture(path)
    assert numbers_on_disk(path) == numbers_on_disk(complete(tmp_path / "whole"))


def test_samples_without_finite_states_can_be_dropped(tmp_path):
    """Rows 2 and 10 of eleven: they leave the run by label, whatever else reads it."""
    run = tmp_path / "run"
    make(run)
    with open_writer(run) as writer:
        gone = []
        for shard in writer.pending:
            states = block(writer.rows(shard))
            if shard in (1, 5):
                states[0, 2, 3] = np.nan
            gone += writer.commit(shard, states, drop_nonfinite=True)
    stored = open_states(run)
    whole = np.concatenate([block(slice(i, min(i + 2, 11))) for i in range(0, 11, 2)])
    kept = [row for row in range(11) if row not in (2, 10)]
    assert stored.attrs["dropped"] == "2 of 11 samples: their states are not finite"
    assert gone == [sample["sample"] for sample in samples(11) if sample["sample"] not in stored.sample.values]
    np.testing.assert_array_equal(stored.values, whole[kept])
    assert list(stored.sample.values) == [samples(11)[row]["sample"] for row in kept]
    assert verify(run).ok
