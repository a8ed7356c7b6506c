"""Files of strangers cost neither time nor memory: what no record of residyn's is, is refused in seconds."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import zipfile
from contextlib import contextmanager

import pyarrow
import pytest
import xarray as xr
import zarr
from numcodecs.zstd import Zstd

from residyn.errors import StoreError
from residyn.model.teleport.folder import open_teleports
from residyn.runs.results import open_if_whole, open_results, save_results
from residyn.runs.stages import read_stage
from residyn.runs.verdicts import read_verdicts
from residyn.store import info, open_states, open_writer, read_json, read_manifest, read_run, update_run, verify
from store.producer import open_results_of_a_stranger

PIPE = "a named pipe stands there, where a file is wanted"


@contextmanager
def soon(seconds: float = 20):
    """It ends in seconds, on a machine that others use too."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def pipe(path):
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("manifest.json", info),
        ("run.json", read_run),
        ("samples.jsonl", open_states),
        ("states.zarr/zarr.json", open_states),
        ("states.zarr/states/zarr.json", open_states),
        ("claims.json", lambda run: read_verdicts(run / "claims.json")),
    ],
)
def test_a_pipe_in_the_place_of_a_record_is_never_waited_for(run, name, read):
    pipe(run / name)
    with soon(), pytest.raises(StoreError, match=PIPE):
        read(run)


def test_a_pipe_in_the_place_of_a_marker_or_a_shard_is_damage(run):
    pipe(run / "commits" / "000001.json")
    pipe(run / "states.zarr" / "states" / "c.3.0.0")
    with soon():
        assert {(one.shard, one.reason) for one in verify(run).damaged} == {(1, "marker damaged"), (3, "missing")}
        with pytest.raises(StoreError, match="damaged: 2 of 6 shards"):
            open_states(run)
        with open_writer(run) as writer:
            assert writer.pending == [1, 3]


def test_a_stage_whose_record_is_a_pipe_is_not_done(run):
    pipe(run / "stages" / "analysis.json")
    with soon():
        assert read_stage(run, "analysis") is None


@pytest.mark.parametrize("name", ["zarr.json", "x/zarr.json", "x/c/0"])
def test_a_pipe_inside_results_is_damage_or_nobodys(tmp_path, name):
    save_results(xr.Dataset({"x": ("t", [1.0, 2.0])}), tmp_path / "results.zarr")
    pipe(tmp_path / "results.zarr" / name)
    with soon():
        with pytest.raises(StoreError, match=r"a named pipe stands there|did not write what is there"):
            open_results(tmp_path / "results.zarr")
        if name != "zarr.json":
            assert open_if_whole(tmp_path / "results.zarr") is None


@pytest.mark.parametrize("name", ["run.json", "manifest.json", "samples.jsonl", "commits/000000.json"])
def test_a_file_of_200_gb_of_nothing_is_refused(run, name):
    with (run / name).open("r+b") as file:
        file.truncate(200 * 10**9)
    with soon(), pytest.raises(StoreError, match=r"200,000,000,000 bytes; (a record|at most)|is damaged"):
        {"run.json": read_run, "manifest.json": info}.get(name, open_states)(run)


def test_many_values_in_few_bytes_are_refused(tmp_path):
    (tmp_path / "run.json").write_bytes(b"[" + b"[]," * 3_000_000 + b"[]]")
    with soon(), pytest.raises(StoreError, match="more than the 4,000,000 values"):
        read_json(tmp_path / "run.json")


@pytest.mark.parametrize("depth", [100, 800, 100_000])
def test_deep_records_are_damage(run, depth):
    (run / "run.json").write_text('{"model": ' + "[" * depth + "]" * depth + "}")
    for read in (info, lambda run: update_run(run, note="x")):
        with soon(), pytest.raises(StoreError, match=r"run\.json is damaged: not a JSON record"):
            read(run)


def test_records_of_the_usual_depth_are_read(tmp_path):
    (tmp_path / "x.json").write_text("[" * 64 + "]" * 64)
    assert read_json(tmp_path / "x.json")


def test_a_manifest_that_claims_two_thousand_million_shards_costs_no_time(run):
    manifest = dataclasses.replace(read_manifest(run), n_samples=2**31, rows_per_shard=1)
    (run / "manifest.json").write_text(json.dumps(manifest.to_record()))
    with soon():
        assert info(run)["shards_total"] == 2**31
        assert info(run)["complete"] is False
        for read in (open_states, verify):
            with pytest.raises(StoreError, match="holds 11 samples, the manifest names 2147483648"):
                read(run)


def test_foreign_variables_are_never_opened(tmp_path):
    path = tmp_path / "results.zarr"
    save_results(xr.Dataset({"x": ("t", [1.0, 2.0])}), path)
    zarr.create_array(path / "huge", shape=(2**40,), chunks=(2**20,), dtype="float64", dimension_names=("huge",))
    with soon():
        assert list(open_results(path).variables) == ["x"]


@pytest.mark.parametrize("shape", [[2**40], [-1], ["2"]])
def test_results_that_claim_to_be_huge_are_damage(tmp_path, shape):
    path = tmp_path / "results.zarr"
    save_results(xr.Dataset({"x": ("t", [1.0, 2.0])}), path)
    record = json.loads((path / "x" / "zarr.json").read_text())
    (path / "x" / "zarr.json").write_text(json.dumps({**record, "shape": shape}))
    with soon(), pytest.raises(StoreError, match="cannot be read"):
        open_results(path)


def test_results_of_a_small_run_are_not_large(run):
    save_results(xr.Dataset({"x": ("t", [1.0, 2.0])}), run / "results.zarr")
    record = json.loads((run / "results.zarr" / "x" / "zarr.json").read_text())
    (run / "results.zarr" / "x" / "zarr.json").write_text(json.dumps({**record, "shape": [2**28]}))
    with soon(), pytest.raises(StoreError, match=r"claims the shape \[268435456\]"):
        open_results(run / "results.zarr")


def _packed(n: int) -> bytes:
    return Zstd().encode(bytes(n))


BOMBS = {
    "one frame": lambda: _packed(2**28),
    "after a small frame": lambda: _packed(16) + _packed(2**28),
    "after what is skipped": lambda: bytes.fromhex("502a4d1800000000") + _packed(2**28),
    "of an unknown size": lambda: _streamed(2**28),
}
"""Small files that unpack to a quarter of a gigabyte, where two numbers are wanted."""


def _streamed(n: int) -> bytes:
    """A frame that does not say what it unpacks to."""
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        for _ in range(n >> 20):
            stream.write(bytes(1 << 20))
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("name", ["x/c/0", "label/c/0"])
def test_a_chunk_of_results_that_unpacks_to_more_is_refused_before_it_does(tmp_path, processes, name, bomb):
    path = tmp_path / "results.zarr"
    save_results(xr.Dataset({"x": ("t", [1.0, 2.0])}, {"label": ("t", ["a", "b"])}), path)
    open_results(path)
    content = BOMBS[bomb]()
    assert len(content) < 2**16
    (path / name).write_bytes(content)
    answers = processes.Queue()
    child = processes.Process(target=open_results_of_a_stranger, args=(path, answers))
    child.start()
    said, most = answers.get(timeout=60)
    child.join(60)
    assert f"{name}: it unpacks to more than the" in said
    assert most < 2**26


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codecs": [{"name": "bytes"}, {"name": "gzip"}]}, "packed by"),
        ({"codecs": [{"name": "transpose"}, {"name": "bytes"}, {"name": "zstd"}]}, "packed by"),
        ({"codecs": [{"name": "vlen-utf8"}, {"name": "zstd"}]}, "float64 packed by"),
        ({"data_type": "r8000000"}, "cannot be read"),
    ],
)
def test_results_packed_by_what_residyn_does_not_write_with_are_refused(tmp_path, change, said):
    path = tmp_path / "results.zarr"
    save_results(xr.Dataset({"x": ("t", [1.0, 2.0])}), path)
    record = json.loads((path / "x" / "zarr.json").read_text())
    (path / "x" / "zarr.json").write_text(json.dumps({**record, **change}))
    with pytest.raises(StoreError, match=said):
        open_results(path)


def test_a_chunk_of_results_that_is_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "results.zarr"
    save_results(xr.Dataset({"x": ("t", [1.0, 2.0])}), path)
    os.truncate(path / "x" / "c" / "0", 2**37)
    with soon(), pytest.raises(StoreError, match=r"x/c/0: it has 137,438,953,472 bytes for the 16 of its shape"):
        open_results(path)


@pytest.mark.parametrize("bomb", ["packed", "pipe", "shape", "hosts"])
def test_hosts_of_teleports_that_would_unpack_to_more_are_not_whole(tmp_path, bomb):
    group = tmp_path / "teleport.zarr"
    group.mkdir()
    described = {"at": ["0.attn"], "targets": {"n": 2}, "steps": 3, "sites": [[0]] * 4}
    manifest = {
        "format": "residyn teleports",
        "format_version": 1,
        "n_hosts": 2**31 if bomb == "hosts" else 1,
        "description": described,
    }
    (group / "teleport.json").write_text(json.dumps(manifest))
    host = group / "host-00000.zip"
    if bomb == "pipe":
        os.mkfifo(host)
    elif bomb == "packed":
        with zipfile.ZipFile(host, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("states/c/0", b"\0" * 2**24)
    elif bomb == "shape":
        arrays = {"states": [1, 1, 2, 4, 8], "control": [1, 2**40]}
        with zipfile.ZipFile(host, "w") as archive:
            for name, shape in arrays.items():
                archive.writestr(f"{name}/zarr.json", json.dumps({"shape": shape}))
    with soon(), pytest.raises(StoreError, match=r"host 0|cannot be read.*control has the shape"):
        open_teleports(tmp_path)
