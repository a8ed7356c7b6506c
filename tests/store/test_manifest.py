import json

import pytest

from residyn.errors import StoreError
from residyn.schema import Sublayer
from residyn.store import open_states, open_writer, read_manifest, verify
from residyn.store.records import sha256_of_record

OPENERS = (read_manifest, open_states, verify, lambda path: open_writer(path).__enter__())


def rewrite(run, checksum=True, **changes):
    """Change fields of a manifest; with a checksum that fits, as somebody who crafts one would."""
    file = run / "manifest.json"
    record = json.loads(file.read_text()) | changes
    if checksum:
        del record["checksum"]
        record["checksum"] = sha256_of_record(record)
    file.write_text(json.dumps(record))


def test_a_manifest_says_what_was_created(run):
    manifest = read_manifest(run)
    assert manifest.shape == (11, 5, 7)
    assert manifest.n_shards == 6
    assert manifest.rows(5) == slice(10, 11)
    assert manifest.sublayers[1] == Sublayer(0, "mlp")
    assert manifest.description["tokenizer"] == {"bos": True, "max_tokens": 256}


def test_a_rewritten_but_unchanged_manifest_is_accepted(run):
    before = read_manifest(run)
    rewrite(run)
    assert read_manifest(run) == before


@pytest.mark.parametrize("opener", OPENERS)
def test_a_newer_format_names_the_residyn_that_is_needed(run, opener):
    rewrite(run, format_version=2, written_by="0.9.3")
    with pytest.raises(
        StoreError, match=r"format 2, written by residyn 0\.9\.3;.*Install residyn 0\.9\.3 or newer"
    ):
        opener(run)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"format": "other"}', b"[" * 99_999])
def test_a_corrupt_manifest_is_a_store_error_everywhere(run, opener, content):
    (run / "manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"manifest\.json is") as caught:
        opener(run)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    "change",
    [
        {"n_samples": 0},
        {"n_samples": 2**40},
        {"n_samples": "11"},
        {"n_units": True},
        {"n_units": 2**30},
        {"rows_per_shard": 0},
        {"rows_per_shard": 2**31},
        {"sublayers": []},
        {"sublayers": [[0, "attn"], [0, "attn"]]},
        {"sublayers": [[0, "brain"]]},
        {"sublayers": [[0]]},
        {"description": []},
        {"fingerprint": "xyz"},
        {"samples_sha256": None},
        {"model": 3},
        {"sites": 3},
        {"format_version": "1"},
    ],
)
def test_wrong_fields_are_named(run, change):
    rewrite(run, **change)
    with pytest.raises(StoreError, match="damaged") as caught:
        read_manifest(run)
    assert next(iter(change)) in str(caught.value)


def test_an_edited_manifest_is_noticed_by_its_checksum_or_fingerprint(run):
    rewrite(run, checksum=False, capture_dtype="bfloat16")
    with pytest.raises(StoreError, match="checksum"):
        read_manifest(run)
    rewrite(run, description={"dtype": "float64"})
    with pytest.raises(StoreError, match="fingerprint"):
        read_manifest(run)


def test_a_folder_without_a_manifest_is_not_a_run(tmp_path):
    for opener in OPENERS:
        with pytest.raises(StoreError, match="not a run directory"):
            opener(tmp_path)


@pytest.mark.parametrize("opener", OPENERS[1:])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"text_id": 1000', '"text_id": 1001'),
        lambda text: text.split("\n", 1)[1],
        lambda _: "",
        lambda text: text + "x",
    ],
)
def test_damaged_samples_are_a_store_error(run, opener, change):
    file = run / "samples.jsonl"
    file.write_text(change(file.read_text()))
    with pytest.raises(StoreError, match=r"samples\.jsonl is damaged"):
        opener(run)


def test_samples_that_fit_a_crafted_manifest_are_still_parsed_with_care(run):
    import hashlib

    line = (run / "samples.jsonl").read_text().split("\n")[0]
    for content in ("[1]\n" * 11, "{\n" * 11, '{"sample": 1e999}\n' * 11, "[" * 99_999 + "\n", f"{line}\n" * 11):
        (run / "samples.jsonl").write_text(content)
        rewrite(run, samples_sha256=hashlib.sha256(content.encode()).hexdigest())
        with pytest.raises(StoreError, match=r"samples\.jsonl"):
            open_states(run)


def test_missing_samples_are_a_store_error(run):
    (run / "samples.jsonl").unlink()
    with pytest.raises(StoreError, match="No such file"):
        open_states(run)
