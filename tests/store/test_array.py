import json
import resource

import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from residyn.errors import StoreError
from residyn.store import open_states, open_writer, verify


def test_the_metadata_on_disk_is_what_the_format_page_says(run):
    array = zarr.open_array(run / "states.zarr" / "states", mode="r")
    assert array.dtype == "float32"
    assert array.fill_value != array.fill_value
    assert array.shards == (2, 8, 7)
    assert array.chunks == (2, 8, 7)
    assert array.compressors == (
        BloscCodec(typesize=4, cname="lz4", clevel=5, shuffle="shuffle", blocksize=0),
        Crc32cCodec(),
    )


def crafted(run, change, file="states/zarr.json"):
    path = run / "states.zarr" / file
    metadata = json.loads(path.read_text())
    change(metadata)
    path.write_text(json.dumps(metadata))


def inner(metadata):
    return metadata["codecs"][0]["configuration"]


CRAFTED = {
    "huge shape": lambda m: m.update(shape=[2**60, 5, 7]),
    "another shape": lambda m: m.update(shape=[12, 5, 7]),
    "shape of text": lambda m: m.update(shape="11"),
    "object dtype": lambda m: m.update(data_type={"name": "object", "configuration": {}}),
    "pickle dtype": lambda m: m.update(data_type="|O"),
    "float64": lambda m: m.update(data_type="float64"),
    "version 2": lambda m: m.update(zarr_format=2),
    "no version": lambda m: m.pop("zarr_format"),
    "group": lambda m: m.update(node_type="group"),
    "unknown codec": lambda m: m["codecs"].append({"name": "os.system", "configuration": {"cmd": "x"}}),
    "no sharding": lambda m: m.update(codecs=[{"name": "bytes"}]),
    "codecs of text": lambda m: m.update(codecs="blosc"),
    "numcodecs codec": lambda m: inner(m)["codecs"].__setitem__(1, {"name": "numcodecs.pickle"}),
    "missing checksum": lambda m: inner(m)["codecs"].pop(),
    "index codec": lambda m: inner(m)["index_codecs"].append({"name": "gzip"}),
    "other compressor": lambda m: inner(m)["codecs"][1]["configuration"].update(cname="snappy"),
    "big endian": lambda m: inner(m)["codecs"][0]["configuration"].update(endian="big"),
    "configuration of text": lambda m: m["codecs"][0].update(configuration="x"),
    "huge chunk": lambda m: inner(m).update(chunk_shape=[2**40, 8, 7]),
    "huge shard": lambda m: m["chunk_grid"]["configuration"].update(chunk_shape=[2**40, 8, 7]),
    "other grid": lambda m: m["chunk_grid"].update(name="rectangular"),
    "other keys": lambda m: m["chunk_key_encoding"].update(name="../../{}"),
    "fill value": lambda m: m.update(fill_value=0.0),
    "transformer": lambda m: m.update(storage_transformers=[{"name": "x"}]),
    "unknown key": lambda m: m.update(must_understand={"name": "x"}),
}


@pytest.fixture
def zarr_is_not_reached(monkeypatch):
    def reached(*_, **__):
        raise AssertionError("crafted metadata got as far as zarr")

    for name in ("open", "open_array", "open_group"):
        monkeypatch.setattr(zarr, name, reached)


@pytest.mark.parametrize("name", CRAFTED)
@pytest.mark.parametrize("opener", [open_states, verify, lambda path: open_writer(path).__enter__()])
def test_crafted_metadata_never_reaches_zarr(run, name, opener, zarr_is_not_reached):
    crafted(run, CRAFTED[name])
    with pytest.raises(StoreError, match=r"zarr\.json does not describe the states of this run") as caught:
        opener(run)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(zarr_format=2),
        lambda m: m.update(consolidated_metadata={"metadata": {"states": {}}}),
        lambda m: m.update(node_type="array"),
    ],
)
def test_a_crafted_group_never_reaches_zarr(run, change, zarr_is_not_reached):
    crafted(run, change, "zarr.json")
    with pytest.raises(StoreError, match="does not describe"):
        open_states(run)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 200_000, b"\x00" * 10])
def test_damaged_metadata_is_a_store_error(run, content, zarr_is_not_reached):
    (run / "states.zarr" / "states" / "zarr.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"zarr\.json"):
        open_states(run)


def test_a_record_larger_than_any_of_ours_is_not_read(run):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (run / "states.zarr" / "states" / "zarr.json").open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(StoreError, match="a record of residyn's is at most"):
        open_states(run)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kilobytes


def test_attributes_that_others_added_are_tolerated(run):
    crafted(run, lambda m: m.update(attributes={"note": "mine"}))
    assert open_states(run).notnull().all()
