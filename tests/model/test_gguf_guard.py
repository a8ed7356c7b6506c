"""Crafted GGUF headers are refused before a parser sees them; sound ones are read as they were written."""

from __future__ import annotations

import signal
import struct

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from residyn.errors import ModelError
from residyn.model.gguf_guard import check_header

STRING, ARRAY, UINT8, UINT32 = 8, 9, 0, 4


@pytest.fixture(autouse=True)
def _no_hang():
    """A test that hangs fails, instead of keeping the suite waiting."""

    def stop(*_):
        raise TimeoutError("the test hung")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def text(value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(value)) + value


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


LLAMA = entry("general.architecture", STRING, text("llama"))


def tensor(name: str = "t", dims=(32,), kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


TENSOR = tensor()


def build(
    entries=(LLAMA,), tensors=(TENSOR,), *, magic=b"GGUF", version=3, counts=None, data=128, align=32
) -> bytes:
    n_tensors, n_entries = counts or (len(tensors), len(entries))
    head = magic + struct.pack("<IQQ", version, n_tensors, n_entries) + b"".join(entries) + b"".join(tensors)
    return head + bytes(-len(head) % align + data)


HUGE = 2**62
CRAFTED = {
    "empty": (b"", "24 bytes"),
    "short": (b"GGUF" + bytes(8), "24 bytes"),
    "magic": (build(magic=b"GGML"), "starts with"),
    "version-1": (build(version=1), "version is 1"),
    "big-endian": (build(version=3 << 24), "big-endian"),
    "tensor-count": (build(counts=(HUGE, 1)), "count of tensors"),
    "tensor-count-beyond-file": (build(counts=(60_000, 1)), "count of tensors"),
    "no-tensor": (build(tensors=()), "no tensor"),
    "entry-count": (build(counts=(1, HUGE)), "count of metadata"),
    "key-length": (build((struct.pack("<Q", HUGE) + b"k" * 40,)), "metadata key"),
    "key-utf8": (build((entry("k", UINT8, b"\0").replace(b"k", b"\xff"),)), "UTF-8"),
    "key-twice": (build((LLAMA, LLAMA)), "twice"),
    "key-reserved": (build((LLAMA, entry("GGUF.version", UINT8, b"\0"))), "reserved"),
    "value-type": (build((LLAMA, entry("k", 77, b"\0"))), "type 77"),
    "string-length": (build((LLAMA, entry("k", STRING, struct.pack("<Q", HUGE)))), "length of"),
    "array-length": (build((LLAMA, entry("k", ARRAY, struct.pack("<IQ", UINT8, HUGE)))), "array 'k'"),
    "array-beyond-file": (build((LLAMA, entry("k", ARRAY, struct.pack("<IQ", STRING, 2000)))), "array 'k'"),
    "array-string": (
        build((LLAMA, entry("k", ARRAY, struct.pack("<IQQ", STRING, 1, HUGE)))),
        "strings of 'k'",
    ),
    "array-nested": (
        build((LLAMA, entry("k", ARRAY, struct.pack("<IQ", ARRAY, 1) * 50))),
        "array of arrays",
    ),
    "array-type": (build((LLAMA, entry("k", ARRAY, struct.pack("<IQ", 99, 1)))), "type 99"),
    "no-architecture": (build((entry("k", UINT8, b"\0"),)), "architecture"),
    "layers": (
        build((LLAMA, entry("llama.block_count", UINT32, struct.pack("<I", 4_000_000_000)))),
        "block_count",
    ),
    "context": (
        build((LLAMA, entry("llama.context_length", UINT32, struct.pack("<I", 4_000_000_000)))),
        "context_length",
    ),
    "alignment-zero": (
        build((LLAMA, entry("general.alignment", UINT32, struct.pack("<I", 0)))),
        "alignment is 0",
    ),
    "alignment-odd": (
        build((LLAMA, entry("general.alignment", UINT32, struct.pack("<I", 48)))),
        "alignment is 48",
    ),
    "alignment-type": (build((LLAMA, entry("general.alignment", UINT8, b"\x20"))), "32-bit"),
    "dimensions": (build(tensors=(text("t") + struct.pack("<I", 2**31) + bytes(40),)), "dimensions of 't'"),
    "no-dimension": (build(tensors=(tensor(dims=()) + bytes(40),)), "shape"),
    "dimension-zero": (build(tensors=(tensor(dims=(32, 0)),)), "shape"),
    "product-overflow": (build(tensors=(tensor(dims=(2**32, 2**32)),)), "ends after the file"),
    "data-beyond-file": (build(tensors=(tensor(dims=(64,)),)), "ends after the file"),
    "offset-overflow": (build(tensors=(tensor(offset=2**64 - 32),)), "ends after the file"),
    "offset-unaligned": (build(tensors=(tensor(offset=8),)), "alignment"),
    "tensor-type": (build(tensors=(tensor(kind=4),)), "type 4"),
    "tensor-block": (build(tensors=(tensor(dims=(33,), kind=2),)), "whole number of 32"),
    "tensor-twice": (build(tensors=(tensor(), tensor())), "twice"),
    "tensor-overlap": (build(tensors=(tensor("a"), tensor("b"))), "share"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_file_is_refused_with_the_reason(name, tmp_path):
    content, reason = CRAFTED[name]
    path = tmp_path / "crafted.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=reason):
        check_header(path)


def test_the_smallest_sound_file_is_accepted(tmp_path):
    # The same builder that makes the crafted files: each is refused for its own flaw, not the builder's.
    path = tmp_path / "sound.gguf"
    path.write_bytes(build(tensors=(tensor("a"), tensor("b", offset=128)), data=256))
    header = check_header(path)
    assert (header.architecture, header.version, header.n_tensors, header.n_elements) == ("llama", 3, 2, 64)
    assert header.tensor_types == {"F32": 2}


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "absent.gguf", tmp_path):
        with pytest.raises(ModelError):
            check_header(path)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file by the format's own writer, with every kind of entry and three storage types."""
    path = tmp_path_factory.mktemp("written") / "written.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_rope_freq_base(1e4)
    writer.add_bool("flag", True)
    writer.add_token_list(["a", "ä", "→"])
    writer.add_token_scores([0.0, 1.0, 2.0])
    draw = np.random.default_rng(0)
    writer.add_tensor("full", draw.normal(size=(3, 32)).astype(np.float32))
    writer.add_tensor("half", draw.normal(size=(5,)).astype(np.float16))
    packed = gguf.quants.quantize(draw.normal(size=(2, 64)).astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("packed", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_header_agrees_with_the_reference_reader(written):
    header, reference = check_header(written), gguf.GGUFReader(written)
    assert header.n_tensors == len(reference.tensors) == 3
    assert header.n_elements == sum(tensor.n_elements for tensor in reference.tensors) == 3 * 32 + 5 + 2 * 64
    assert header.tensor_types == {"F32": 1, "F16": 1, "Q8_0": 1}


def test_every_truncation_is_refused(written, tmp_path):
    content = written.read_bytes()
    path = tmp_path / "cut.gguf"
    # The writer pads the last tensor to the alignment of 32 bytes: what is cut off there holds nothing.
    for length in range(0, len(content) - 32, 7):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError):
            check_header(path)


_EDIT = st.tuples(
    st.integers(0, 10**4),
    st.one_of(
        st.binary(min_size=1, max_size=4),
        st.sampled_from([0, 1, 8, 9, 2**31, 2**32 - 1, 2**62, 2**64 - 1]).map(
            lambda value: struct.pack("<Q", value)
        ),
    ),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(_EDIT, min_size=1, max_size=4))
def test_random_damage_is_refused_or_harmless_to_the_parser(edits, written, tmp_path):
    content = bytearray(written.read_bytes())
    for place, patch in edits:
        start = place % len(content)
        content[start : start + len(patch)] = patch
    path = tmp_path / "fuzzed.gguf"
    path.write_bytes(content)
    try:
        header = check_header(path)
    except ModelError:
        return
    # What the guard lets through, the parser finishes with.
    try:
        reference = gguf.GGUFReader(path)
    except (ValueError, KeyError, UnicodeDecodeError):
        return
    assert header.n_tensors == len(reference.tensors)
