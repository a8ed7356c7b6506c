"""A GGUF file's header, read with bounds before any parser sees it.

GGUF parsers trust the counts and lengths that a file states, so 150 crafted bytes can keep one busy for hours
or make it ask for all the memory there is. Here every count is held against the file's size before it is used,
and the work is bounded by constants. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import functools
import math
import mmap
import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from residyn.errors import ModelError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS: Mapping[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_UINT32, _STRING, _ARRAY = 4, 8, 9
_DEFAULT_ALIGNMENT = 32

# The largest that published models need, times two or more. Parsers take milliseconds for an entry, however small.
_MOST_ENTRIES = 512
_MOST_TENSORS = 65_536
_MOST_ARRAY_ELEMENTS = 2_097_152
_LONGEST_NAME = 65_535
_LONGEST_STRING = 16 * 1024 * 1024
_MOST_DIMENSIONS = 4
_LARGEST_SIZE = 2**24
# What a parser or a model makes one object each of.
_LARGEST = {"expert_count": 4_096, "attention.head_count": 65_536, "attention.head_count_kv": 65_536}
_LARGEST_ALIGNMENT = 65_536
# Longer arrays are vocabularies; the others say something of each layer, or of each part of a head.
_LONGEST_KEPT = 4_096

Value = str | int | float | bool | tuple[int | float | bool, ...] | None


@dataclass(frozen=True)
class GgufTensor:
    """A tensor of a GGUF file: its shape, fastest dimension first, how it is stored, and where in the file."""

    shape: tuple[int, ...]
    type_name: str
    offset: int
    n_bytes: int

    @property
    def n_elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says of itself, after every count, length and offset was held against its size.

    `tensor_types` counts the tensors of each storage type ("Q4_1": 181, "F32": 61); `n_elements` is the number
    of weights in all of them. `values` holds each entry by its key, an array of numbers as a tuple, and None for
    an array of strings or of thousands; `tensors` each tensor by its name.
    """

    architecture: str
    version: int
    n_tensors: int
    n_elements: int
    tensor_types: Mapping[str, int]
    values: Mapping[str, Value]
    tensors: Mapping[str, GgufTensor]

    def computing(self) -> dict[str, Value]:
        """The entries of the file's architecture, which say how it computes, without the architecture's name."""
        start = f"{self.architecture}."
        return {key.removeprefix(start): value for key, value in self.values.items() if key.startswith(start)}


def check_header(path: Path) -> GgufHeader:
    """Read a GGUF file's header; refuse what a parser could hang, overflow or run out of memory on.

    Checked: magic, version (2 or 3, little-endian), the counts of entries and tensors, the length of every
    string and array, no array within an array, names unique and in UTF-8, sizes of the architecture in sane
    bounds, no number that is not finite among them, alignment, each tensor's type, dimensions and place in the
    file, none overlapping another, no layer beyond the last, and that it is one whole model.
    Raises ModelError, saying at which byte what was wrong.
    """
    try:
        with _mapped(path) as blob:
            return _read(_Cursor(blob))
    except _Refusal as refusal:
        raise ModelError(
            f"{path} is not a GGUF file that can be read safely: {refusal.reason} (at byte {refusal.offset}). "
            "Fetch the file again from its publisher, or give the model as safetensors."
        ) from None
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}. Give the path of a .gguf file."
        ) from error


def _mapped(path: Path) -> mmap.mmap:
    # An empty file cannot be mapped, and opening a pipe would wait for its other end.
    if not path.is_file() or path.stat().st_size < 24:
        raise _Refusal(0, "it is not a file of at least 24 bytes, the length of a GGUF header")
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


class _Refusal(Exception):
    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


class _Cursor:
    """A place in the file that moves forward and never past the end."""

    def __init__(self, blob: mmap.mmap) -> None:
        self.blob = blob
        self.size = len(blob)
        self.offset = 0

    @property
    def left(self) -> int:
        return self.size - self.offset

    def skip(self, n_bytes: int, what: str) -> None:
        if n_bytes > self.left:
            raise _Refusal(self.offset, f"{what} needs {n_bytes} bytes and {self.left} are left")
        self.offset += n_bytes

    def number(self, form: str, what: str) -> int | float | bool:
        start = self.offset
        self.skip(struct.calcsize(form), what)
        return struct.unpack_from(form, self.blob, start)[0]

    def count(self, form: str, what: str, most: int, each: int = 0) -> int:
        """A count of things of at least `each` bytes: at most `most`, and no more than the file can hold."""
        start = self.offset
        n = int(self.number(form, what))
        if n > most:
            raise _Refusal(start, f"{what} is {n}; at most {most} is accepted")
        if n * each > self.left:
            raise _Refusal(start, f"{what} is {n}, more than the {self.left} bytes left can hold")
        return n

    def string(self, what: str, longest: int = _LONGEST_STRING) -> str:
        n = self.count("<Q", f"the length of {what}", longest, each=1)
        start = self.offset
        self.offset += n
        try:
            return self.blob[start : self.offset].decode("utf-8")
        except UnicodeDecodeError:
            raise _Refusal(start, f"{what} is not UTF-8") from None

    def skip_strings(self, n: int, what: str) -> None:
        """Walk over `n` strings: a vocabulary and its merges are half a million of them."""
        length = struct.Struct("<Q").unpack_from
        blob, size, offset = self.blob, self.size, self.offset
        for _ in range(n):
            if offset + 8 > size:
                break
            offset += 8 + length(blob, offset)[0]
        else:
            if offset <= size:
                self.offset = offset
                return
        raise _Refusal(self.offset, f"the strings of {what} end after the file does")


def _read(cursor: _Cursor) -> GgufHeader:
    if (magic := cursor.blob[:4]) != _MAGIC:
        raise _Refusal(0, f"it starts with {magic!r}, not with {_MAGIC!r}")
    cursor.skip(4, "the magic")
    version = int(cursor.number("<I", "the version"))
    if version not in _VERSIONS:
        big_endian = int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS
        raise _Refusal(4, "it is big-endian" if big_endian else f"its version is {version}; 2 or 3 was wanted")
    # A name of one letter, a type and one byte of value; a tensor's name, dimensions, type and offset.
    n_tensors = cursor.count("<Q", "the count of tensors", _MOST_TENSORS, each=8 + 1 + 4 + 8 + 4 + 8)
    n_entries = cursor.count("<Q", "the count of metadata entries", _MOST_ENTRIES, each=8 + 1 + 4 + 1)
    if n_tensors == 0:
        raise _Refusal(8, "it holds no tensor")
    values = _metadata(cursor, n_entries)
    alignment = values.get("general.alignment", _DEFAULT_ALIGNMENT)
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise _Refusal(24, "it does not name its architecture (general.architecture)")
    _check_whole(values)
    _check_sizes(values, architecture, n_tensors)
    if not isinstance(alignment, int) or not 0 < alignment <= _LARGEST_ALIGNMENT or alignment & (alignment - 1):
        raise _Refusal(24, f"its alignment is {alignment!r}; a power of two up to {_LARGEST_ALIGNMENT} was wanted")
    tensors = _tensors(cursor, n_tensors, alignment)
    _check_layers(tensors, values.get(f"{architecture}.block_count"))
    return GgufHeader(
        architecture=architecture,
        version=version,
        n_tensors=n_tensors,
        n_elements=sum(tensor.n_elements for tensor in tensors.values()),
        tensor_types=dict(Counter(tensor.type_name for tensor in tensors.values()).most_common()),
        values=values,
        tensors=tensors,
    )


def _metadata(cursor: _Cursor, n_entries: int) -> dict[str, Value]:
    """Every entry by its key; None for an array of strings or of thousands, which is only walked over."""
    values: dict[str, Value] = {}
    elements = 0
    for _ in range(n_entries):
        start = cursor.offset
        key = cursor.string("a metadata key", _LONGEST_NAME)
        if not key or key in values or key.startswith("GGUF."):
            raise _Refusal(start, f"the metadata key {key[:80]!r} is empty, reserved or there twice")
        kind = int(cursor.number("<I", f"the type of {key[:80]!r}"))
        if kind == _ARRAY:
            n, values[key] = _array(cursor, key[:80], _MOST_ARRAY_ELEMENTS - elements)
            elements += n
        elif kind == _STRING:
            values[key] = cursor.string(f"the value of {key[:80]!r}")
        elif kind in _SCALARS:
            values[key] = cursor.number(_SCALARS[kind], f"the value of {key[:80]!r}")
            if key == "general.alignment" and kind != _UINT32:
                raise _Refusal(start, "its alignment is not an unsigned 32-bit integer")
        else:
            raise _Refusal(start, f"{key[:80]!r} is of type {kind}, which GGUF does not have")
    return values


def _array(cursor: _Cursor, key: str, most: int) -> tuple[int, Value]:
    """The length of an array, and its numbers where they are few."""
    start = cursor.offset
    kind = int(cursor.number("<I", f"the element type of {key!r}"))
    if kind == _ARRAY:
        raise _Refusal(start, f"{key!r} is an array of arrays, which no model uses")
    if kind != _STRING and kind not in _SCALARS:
        raise _Refusal(start, f"the elements of {key!r} are of type {kind}, which GGUF does not have")
    width = 8 if kind == _STRING else struct.calcsize(_SCALARS[kind])
    n = cursor.count("<Q", f"the length of the array {key!r}", most, each=width)
    if kind == _STRING:
        cursor.skip_strings(n, repr(key))
        return n, None
    first = cursor.offset
    cursor.skip(n * width, f"the array {key!r}")
    if n > _LONGEST_KEPT:
        return n, None
    return n, struct.unpack_from(f"<{n}{_SCALARS[kind][1]}", cursor.blob, first)


def _check_whole(values: Mapping[str, Value]) -> None:
    """Refuse what is no model by itself: an adapter, a projector, a part of a model in several files."""
    kind = values.get("general.type", "model")
    if kind != "model":
        raise _Refusal(24, f"it holds a part of another kind (general.type is {str(kind)[:40]!r}), not a model")
    parts = values.get("split.count", 0)
    if isinstance(parts, int) and parts > 1:
        raise _Refusal(24, f"it is one of {parts} parts of a model; join them with llama-gguf-split --merge")


def _check_sizes(values: Mapping[str, Value], architecture: str, n_tensors: int) -> None:
    """Refuse sizes for which a model would be built that is larger than anything the file can fill.

    And numbers that are not finite: with one, every state would be none.
    """
    for key, value in values.items():
        if not key.startswith(f"{architecture}."):
            continue
        name = key.removeprefix(f"{architecture}.")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise _Refusal(24, f"{key[:80]!r} is {number}; a finite number was wanted")
            most = n_tensors if name == "block_count" else _LARGEST.get(name, _LARGEST_SIZE)
            if isinstance(number, int) and not (0 <= number <= most or isinstance(value, tuple)):
                raise _Refusal(24, f"{key[:80]!r} is {number}; 0 to {most} was expected of a file of this size")


def _check_layers(tensors: Mapping[str, GgufTensor], depth: Value) -> None:
    """Refuse layers beyond those that the header counts: they would be left out."""
    if not isinstance(depth, int):
        return
    beyond = [
        name for name in tensors if (found := re.match(r"blk\.(\d{1,9})\.", name)) and int(found[1]) >= depth
    ]
    if beyond:
        raise _Refusal(
            24, f"it holds {len(beyond)} tensors of layers beyond its {depth} ({beyond[0][:80]}), wrongly left out"
        )


def _tensors(cursor: _Cursor, n_tensors: int, alignment: int) -> dict[str, GgufTensor]:
    tensors: dict[str, GgufTensor] = {}
    for _ in range(n_tensors):
        start = cursor.offset
        name = cursor.string("a tensor's name", _LONGEST_NAME)
        if not name or name in tensors:
            raise _Refusal(start, f"the tensor name {name[:80]!r} is empty or there twice")
        tensors[name] = _tensor(cursor, name[:80], alignment)
    data = cursor.offset + -cursor.offset % alignment
    end = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor.offset):
        if tensor.offset < end:
            raise _Refusal(data + tensor.offset, "two tensors share the same bytes")
        end = tensor.offset + tensor.n_bytes
        if data + end > cursor.size:
            raise _Refusal(data + tensor.offset, f"a tensor of {tensor.n_bytes} bytes ends after the file does")
    return {name: replace(tensor, offset=data + tensor.offset) for name, tensor in tensors.items()}


def _tensor(cursor: _Cursor, name: str, alignment: int) -> GgufTensor:
    start = cursor.offset
    n_dimensions = cursor.count("<I", f"the count of dimensions of {name!r}", _MOST_DIMENSIONS, each=8)
    shape = [int(cursor.number("<Q", f"a dimension of {name!r}")) for _ in range(n_dimensions)]
    n_elements = 1
    for size in shape:
        n_elements *= size
    kind = int(cursor.number("<I", f"the type of {name!r}"))
    offset = int(cursor.number("<Q", f"the offset of {name!r}"))
    if kind not in _storage_types():
        raise _Refusal(start, f"the tensor {name!r} is stored as type {kind}, which is unknown")
    type_name, block, block_bytes = _storage_types()[kind]
    if not shape or n_elements == 0 or shape[0] % block:
        raise _Refusal(start, f"the tensor {name!r} has shape {shape}, which is no whole number of {block}")
    if offset % alignment:
        raise _Refusal(start, f"the tensor {name!r} starts at {offset}, off the alignment of {alignment}")
    n_bytes = n_elements // block * block_bytes
    return GgufTensor(tuple(shape), type_name, offset, n_bytes)


@functools.cache
def _storage_types() -> dict[int, tuple[str, int, int]]:
    """Type number → its name, the weights in a block, the bytes of a block: llama.cpp's own table."""
    from gguf.constants import GGML_QUANT_SIZES

    return {int(member): (member.name, *sizes) for member, sizes in GGML_QUANT_SIZES.items()}
