import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
import zarr

from residyn import massive_ratio, norm, velocity
from residyn.errors import StoreError
from residyn.schema import check_states, documents_of
from residyn.store import forget, open_states, open_writer, read_manifest
from residyn.store.array import open_array
from residyn.store.reader import StoredStates
from store.producer import block, capture, complete, make, samples


def stored(n=11, s=5, d=7):
    return block(slice(0, n), s, d)


@pytest.mark.parametrize(
    ("n", "s", "d", "rows"),
    [(11, 5, 7, 2), (8, 8, 64, 4), (9, 9, 127, 4), (3, 1, 1, 16), (17, 17, 1031, 16), (5, 16, 1030, 2)],
)
def test_what_is_read_is_what_was_written(tmp_path, n, s, d, rows):
    run = complete(tmp_path / "run", n=n, s=s, d=d, rows_per_shard=rows)
    states = open_states(run)
    assert states.dtype == np.float32
    assert states.chunks == (tuple(min(rows, n - at) for at in range(0, n, rows)), (s,), (d,))
    np.testing.assert_array_equal(states.values, stored(n, s, d))


def test_states_are_labelled_and_lazy(run):
    states = open_states(run)
    check_states(states)
    rows = samples()
    assert states["sample"].values.tolist() == [row["sample"] for row in rows]
    for name in ("text_id", "n_tokens", "last_token"):
        assert states[name].values.tolist() == [row[name] for row in rows]
    assert states["sublayer"].values.tolist() == ["0.attn", "0.mlp", "1.attn", "1.mlp", "2.attn"]
    assert states.chunks is not None


def test_selection_by_label_is_right_whatever_the_order_of_storage(run):
    states = open_states(run)
    order = [row["sample"] for row in samples()]
    assert order != sorted(order)
    for row, sample in enumerate(order):
        np.testing.assert_array_equal(states.sel(sample=sample).values, stored()[row])
    np.testing.assert_array_equal(states.sortby("sample").values, stored()[np.argsort(order)])


@pytest.mark.filterwarnings(
    "ignore::zarr.errors.ZarrUserWarning", "ignore::zarr.errors.UnstableSpecificationWarning"
)
@pytest.mark.parametrize("chosen", ["sorted", "as stored", "some", "some units"])
@pytest.mark.parametrize(("n", "rows"), [(11, 2), (40, 16), (72, 16)])
def test_what_xarray_saves_of_states_is_analysed_as_they_are(tmp_path, n, rows, chosen):
    states = open_states(complete(tmp_path / "run", n=n, s=5, d=7, rows_per_shard=rows))
    states = {
        "sorted": lambda: states.sortby("sample"),
        "as stored": lambda: states,
        "some": lambda: states[states["last_token"].values != 101].sortby("sample"),
        "some units": lambda: states.sortby("sample").isel(unit=[0, 2, 5]),
    }[chosen]()
    states.to_dataset(name="states").to_zarr(tmp_path / "saved.zarr")
    back = xr.open_zarr(tmp_path / "saved.zarr").states
    xr.testing.assert_equal(norm(back), norm(states))
    xr.testing.assert_equal(velocity(back).drop_attrs(), velocity(states).drop_attrs())
    xr.testing.assert_equal(massive_ratio(back), massive_ratio(states))
    assert documents_of(back).tolist() == documents_of(states).tolist()


def test_attributes_come_from_the_manifest_the_samples_and_the_ledger(tmp_path):
    make(tmp_path / "run", sites_json='{"family": "x"}')
    capture(tmp_path / "run")
    attrs = open_states(tmp_path / "run").attrs
    assert attrs["model"] == "tiny/model"
    assert attrs["capture_dtype"] == "float32"
    assert attrs["sites"] == '{"family": "x"}'
    assert attrs["n_samples"] == 11
    assert attrs["distinct_last_tokens"] == 3
    assert attrs["tie_fraction"] == 1.0
    assert "partial" not in attrs
    json.dumps(attrs)


def test_the_tie_fraction_counts_samples_that_share_their_last_token(tmp_path):
    run = complete(tmp_path / "run", n=4)  # last tokens 100, 101, 102, 100
    attrs = open_states(run).attrs
    assert (attrs["distinct_last_tokens"], attrs["tie_fraction"]) == (3, 0.5)


def test_the_states_hash_follows_content_and_settings_and_nothing_else(tmp_path):
    one = open_states(complete(tmp_path / "a")).attrs["states_hash"]
    assert open_states(complete(tmp_path / "b")).attrs["states_hash"] == one
    assert open_states(complete(tmp_path / "c", dtype="x")).attrs["states_hash"] != one
    make(tmp_path / "d")
    with open_writer(tmp_path / "d") as writer:
        for shard in writer.pending:
            writer.commit(shard, block(writer.rows(shard)) + np.float32(shard == 3))
    assert open_states(tmp_path / "d").attrs["states_hash"] != one


SELECTIONS = [
    {"sample": 3},
    {"sample": slice(3, 9)},
    {"sample": [10, 0, 3]},
    {"sample": slice(None, None, -1)},
    {"sublayer": -1, "unit": 2},
    {"sublayer": [3, 1], "sample": slice(1, None, 3)},
    {"unit": slice(None, None, -2), "sublayer": slice(1, 3)},
    {"sample": [], "unit": [1]},
    {"sample": np.arange(11) % 2 == 0, "sublayer": [0, 0]},
]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_selections_agree_with_numpy(run, selection):
    whole = xr.DataArray(stored(), dims=("sample", "sublayer", "unit"))
    np.testing.assert_array_equal(open_states(run).isel(selection).values, whole.isel(selection).values)


def test_each_dimension_is_indexed_on_its_own(run):
    manifest = read_manifest(run)
    block = StoredStates(run, manifest, open_array(run, manifest))[np.array([0, 9]), slice(1, 4), np.array([2, 5])]
    np.testing.assert_array_equal(block, stored()[[0, 9], 1:4][:, :, [2, 5]])


def test_one_sublayer_is_read_without_decoding_the_others(tmp_path):
    run = complete(tmp_path / "run", n=4, s=24, d=64, rows_per_shard=4)
    states = open_states(run)
    file = run / "states.zarr" / "states" / "c.0.0.0"
    content = bytearray(file.read_bytes())
    index = np.frombuffer(content[-4 - 16 * 3 : -4], "<u8").reshape(3, 2)
    content[int(index[2, 0]) + 100] ^= 1  # in the chunk of sublayers 16 to 23
    file.write_bytes(content)
    np.testing.assert_array_equal(states.isel(sublayer=15).values, stored(4, 24, 64)[:, 15])
    with pytest.raises(StoreError, match="Shard 0"):
        states.isel(sublayer=16).compute()


def test_an_unfinished_run_is_refused_and_the_way_on_is_said(tmp_path):
    make(tmp_path / "run")
    with pytest.raises(StoreError, match=r"0 of 6 shards.*residyn capture"):
        open_states(tmp_path / "run")
    with pytest.raises(StoreError, match="no committed shard"):
        open_states(tmp_path / "run", allow_partial=True)
    capture(tmp_path / "run", shards=[1, 4, 5])
    with pytest.raises(StoreError, match=r"3 of 6 shards.*residyn capture .*allow_partial") as caught:
        open_states(tmp_path / "run")
    assert caught.value.exit_code == 5


def test_partial_states_are_the_committed_rows_and_say_so(tmp_path):
    make(tmp_path / "run")
    capture(tmp_path / "run", shards=[1, 4, 5])
    states = open_states(tmp_path / "run", allow_partial=True)
    rows = [2, 3, 8, 9, 10]
    np.testing.assert_array_equal(states.values, stored()[rows])
    assert states["sample"].values.tolist() == [samples()[row]["sample"] for row in rows]
    assert states.attrs["n_samples"] == 5
    assert states.attrs["partial"] == "5 of 11 samples: 3 of 6 shards are committed"
    capture(tmp_path / "run")
    assert open_states(tmp_path / "run").attrs["states_hash"] != states.attrs["states_hash"]


@pytest.mark.parametrize("allow_partial", [False, True])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "marker"])
def test_a_marked_shard_that_is_not_there_in_full_is_an_error_at_once(run, damage, allow_partial):
    file = run / "states.zarr" / "states" / "c.3.0.0"
    {
        "missing": file.unlink,
        "empty": lambda: file.write_bytes(b""),
        "truncated": lambda: os.truncate(file, 20),
        "marker": lambda: (run / "commits" / "000003.json").write_text('{"shard": 3}'),
    }[damage]()
    with pytest.raises(StoreError, match=r"shard 3: .*residyn verify .* --repair"):
        open_states(run, allow_partial=allow_partial)


@pytest.mark.parametrize("at", [0, 40, -20, -2])
def test_a_bit_flip_met_while_reading_names_the_shard_and_the_way_out(run, at):
    file = run / "states.zarr" / "states" / "c.3.0.0"
    content = bytearray(file.read_bytes())
    content[at] ^= 4
    file.write_bytes(content)
    states = open_states(run)
    with pytest.raises(StoreError, match=r"Shard 3 of .* is damaged.*residyn verify .* --repair"):
        states.compute()
    np.testing.assert_array_equal(states.isel(sample=slice(0, 6)).values, stored()[:6])


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, None])
def test_a_shard_lost_after_opening_is_never_read_as_fill_values(run, content):
    states = open_states(run)
    file = run / "states.zarr" / "states" / "c.3.0.0"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StoreError, match="Shard 3"):
        states.isel(sample=6, unit=0).compute()
    with pytest.raises(StoreError, match="Shard 3"):
        states.compute()


def test_a_shard_whose_index_denies_a_chunk_is_damaged(run):
    # A valid shard in which no chunk was ever written: its checksum is right, and zarr gives the fill value.
    import google_crc32c

    index = b"\xff" * 16
    (run / "states.zarr" / "states" / "c.3.0.0").write_bytes(
        index + google_crc32c.value(index).to_bytes(4, "little")
    )
    marker = json.loads((run / "commits" / "000003.json").read_text())
    (run / "commits" / "000003.json").write_text(json.dumps(marker | {"bytes": 20}))
    with pytest.raises(StoreError, match=r"Shard 3 .* is missing, or lacks a part"):
        open_states(run).compute()


def test_states_travel_to_other_processes(run):
    states = pickle.loads(pickle.dumps(open_states(run)))
    np.testing.assert_array_equal(states.values, stored())


def test_two_runs_in_one_graph_stay_apart(tmp_path):
    a, b = complete(tmp_path / "a"), complete(tmp_path / "b")
    forget(b, [0])
    make(b)
    capture(b)
    both = open_states(a) - open_states(b)
    assert (both == 0).all()


def test_plain_zarr_and_xarray_read_the_states_without_residyn(run):
    array = zarr.open_array(run / "states.zarr" / "states", mode="r")
    np.testing.assert_array_equal(array[:], stored())
    assert array.metadata.dimension_names == ("sample", "sublayer", "unit")
    dataset = xr.open_zarr(run / "states.zarr", consolidated=False)
    assert dataset["states"].dims == ("sample", "sublayer", "unit")
    np.testing.assert_array_equal(dataset["states"].values, stored())


def test_labels_become_attributes_of_the_states(tmp_path):
    make(tmp_path / "run", labels={"texts": "wikitext-2 train", "position": "end"})
    capture(tmp_path / "run")
    states = open_states(tmp_path / "run")
    assert (states.attrs["texts"], states.attrs["position"]) == ("wikitext-2 train", "end")


def test_states_are_read_where_there_are_no_file_locks_and_only_writing_says_so(run):
    program = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from residyn.errors import ResourceError\n"
        "from residyn.store import open_states, open_writer\n"
        f"print(open_states({str(run)!r}).shape)\n"
        f"try: open_writer({str(run)!r}).__enter__()\n"
        "except ResourceError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    shape, said = done.stdout.splitlines()
    assert shape == str(stored().shape)
    assert "takes file locks of a POSIX system" in said
