import os
import shutil

import pytest

from residyn.errors import DataError, ResourceError, StoreError
from residyn.schema import Sublayer
from residyn.store import check_target, create, info, open_states, open_writer, read_manifest, verify
from store.producer import capture, complete, description, make, numbers_on_disk, samples, sublayers


def tree(folder):
    return sorted((str(p.relative_to(folder)), p.read_bytes() if p.is_file() else None) for p in folder.rglob("*"))


def test_the_same_settings_go_on_with_the_run(tmp_path):
    path = tmp_path / "run"
    first = make(path)
    capture(path, shards=[0, 3])
    assert make(path) == first
    with open_writer(path) as writer:
        assert writer.pending == [1, 2, 4, 5]
    capture(path)
    assert numbers_on_disk(path) == numbers_on_disk(complete(tmp_path / "whole"))


def test_the_fingerprint_follows_the_description_and_not_its_spelling(tmp_path):
    one = make(tmp_path / "a").fingerprint
    ordered = dict(reversed(description().items())) | {"batches": ((0, 1, 2), (3, 4))}
    assert make(tmp_path / "b", **ordered).fingerprint == one
    assert make(tmp_path / "c", dtype="bfloat16").fingerprint != one


def test_other_settings_are_refused_with_each_key_and_both_values(tmp_path):
    path = tmp_path / "run"
    make(path)
    before = tree(path)
    changes = {
        "dtype": "bfloat16",
        "model": {"id": "tiny/model", "revision": "x" * 200},
        "batches": [[0, 1, 2], [3, 5]],
        "attention": "sdpa",
    }
    with pytest.raises(StoreError) as caught:
        make(path, **changes)
    message = str(caught.value)
    assert 'dtype: stored "float32", wanted "bfloat16"' in message
    assert 'model.revision: stored "abc123", wanted "xxx' in message
    assert "x" * 100 not in message
    assert "batches[1][1]: stored 4, wanted 5" in message
    assert 'attention: stored nothing, wanted "sdpa"' in message
    assert "tokenizer" not in message
    assert "model.id" not in message
    assert tree(path) == before


@pytest.mark.parametrize(
    ("stored", "wanted"), [(1, True), (1, 1.0), ([1], [1, 1]), ([1], [True]), (None, "absent")]
)
def test_values_that_python_finds_equal_differ_where_their_json_does(tmp_path, stored, wanted):
    make(tmp_path / "run", x=stored)
    make(tmp_path / "run", x=stored)
    with pytest.raises(StoreError, match=r"x(\[0\])?: stored"):
        make(tmp_path / "run", x=wanted)


def test_other_samples_or_axes_under_the_same_description_are_refused(tmp_path):
    path = tmp_path / "run"
    make(path)
    with pytest.raises(StoreError, match="n_samples: stored 11, wanted 10"):
        make(path, n=10)
    with pytest.raises(StoreError, match="n_units: stored 7, wanted 8"):
        make(path, d=8)
    with pytest.raises(StoreError, match="rows_per_shard: stored 2, wanted 4"):
        make(path, rows_per_shard=4)
    assert make(path, rows_per_shard=None).rows_per_shard == 2


def test_a_foreign_folder_is_refused_and_left_untouched(tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.tex").write_text("x")
    for again in (check_target, make):
        with pytest.raises(StoreError, match=r"chapter\.tex.*Nothing was written") as caught:
            again(folder)
        assert caught.value.exit_code == 5
    assert tree(folder) == [("chapter.tex", b"x")]


def test_files_with_our_names_do_not_make_a_folder_ours(tmp_path):
    (tmp_path / "samples.jsonl").write_text("mine")
    with pytest.raises(StoreError, match=r"samples\.jsonl"):
        make(tmp_path)
    assert tree(tmp_path) == [("samples.jsonl", b"mine")]


def test_states_whose_manifest_is_lost_are_not_taken_over(run):
    (run / "manifest.json").unlink()
    before = tree(run)
    with pytest.raises(StoreError, match=r"holds states but no manifest\.json"):
        make(run)
    assert tree(run) == before


def test_a_corrupt_manifest_is_never_recreated(run):
    (run / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        make(run)
    assert (run / "manifest.json").read_text() == "{"


def test_a_file_in_the_way_is_refused_before_work(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(StoreError, match="is a file, where a folder is wanted"):
            check_target(path)
        with pytest.raises(StoreError, match="is a file, where a folder is wanted"):
            make(path)


def test_a_folder_without_write_permission_is_refused_before_work(tmp_path, monkeypatch):
    # Root may write anywhere, so the answer of the system is given here.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(StoreError, match="cannot be written to"):
        make(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_read_only_file_system_met_late_is_a_store_error(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(StoreError, match="Read-only file system"):
        make(tmp_path / "run")


def test_a_full_disk_at_creation_is_a_resource_error_and_creation_can_be_repeated(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("residyn.store.files.os.fsync", full)
        with pytest.raises(ResourceError, match="No space left"):
            make(tmp_path / "run")
    complete(tmp_path / "run")
    assert verify(tmp_path / "run").ok


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_impossible_paths_are_store_errors(tmp_path, name):
    with pytest.raises(StoreError):
        make(tmp_path / name)


def test_unicode_long_and_spaced_paths_work(tmp_path):
    path = tmp_path / "прогон 运行 'ü'" / ("n" * 200) / ("m" * 200) / "run"
    complete(path)
    assert verify(path).ok
    assert open_states(path).shape == (11, 5, 7)
    with pytest.raises(StoreError, match="other settings"):
        make(path, dtype="bfloat16")


def test_a_linked_run_directory_works_and_a_dead_link_is_refused(tmp_path):
    complete(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link")
    assert verify(tmp_path / "link").ok
    (tmp_path / "dead").symlink_to("nowhere")
    with pytest.raises(StoreError, match="link to nowhere"):
        make(tmp_path / "dead")


def test_nothing_is_written_through_a_link_inside_a_run(tmp_path):
    other = complete(tmp_path / "other")
    mine = tmp_path / "mine"
    make(mine)
    shutil.rmtree(mine / "states.zarr")
    (mine / "states.zarr").symlink_to(other / "states.zarr")
    before = tree(other)
    with pytest.raises(StoreError, match="is a link"):
        capture(mine)
    assert tree(other) == before


def test_the_home_folder_is_not_in_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/alice")
    run = complete(tmp_path / "run", source="/home/alice/models/x", other="/home/alicent/y")
    assert read_manifest(run).description["source"] == "~/models/x"
    assert read_manifest(run).description["other"] == "/home/alicent/y"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("sample", "3", '"sample" must be int, got str'),
        ("text_id", None, '"text_id" must be int, got NoneType'),
        ("n_tokens", True, '"n_tokens" must be int, got bool'),
        ("sha256", "abc", "64 hexadecimal digits"),
        ("input_ids", [], "at least one whole number"),
        ("input_ids", [1.5], "at least one whole number"),
        ("last_token", 2**63, "64 bits"),
        ("sample", samples()[1]["sample"], "came twice"),
    ],
)
def test_samples_that_cannot_be_labelled_are_refused(tmp_path, field, value, message):
    rows = samples()
    rows[0] |= {field: value}
    with pytest.raises(DataError, match=message):
        create(tmp_path / "run", {}, rows, sublayers(), 7, model="m", capture_dtype="float32")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("places", "units", "rows"),
    [
        ([], 7, None),
        ([Sublayer(0, "attn")] * 2, 7, None),
        ([Sublayer(0, "x")], 7, None),
        (sublayers(), 0, None),
        (sublayers(), 7, 0),
        (sublayers(), 7, 2**40),
    ],
)
def test_axes_that_no_array_has_are_refused(tmp_path, places, units, rows):
    with pytest.raises(DataError):
        create(
            tmp_path / "run", {}, samples(), places, units, model="m", capture_dtype="float32", rows_per_shard=rows
        )
    assert not (tmp_path / "run").exists()


def test_no_samples_are_refused(tmp_path):
    with pytest.raises(DataError, match="at least one sample"):
        make(tmp_path / "run", n=0)


def test_shards_follow_the_rule_when_none_are_asked_for(tmp_path):
    make(tmp_path / "run", n=600, rows_per_shard=None)
    assert info(tmp_path / "run")["shards_total"] == 19
