"""Ready token ids, in the forms in which people have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from residyn.errors import DataError, UsageError


def are_ids(texts: Any) -> bool:
    """Whether these are ids and not texts: arrays, what a tokenizer returned, or lists of whole numbers."""
    if hasattr(texts, "input_ids") or isinstance(texts, Mapping):
        return True
    if hasattr(texts, "ndim"):
        return getattr(getattr(texts, "dtype", None), "kind", "i") not in "OUST"
    return isinstance(texts, list | tuple) and bool(texts) and not any(isinstance(row, str) for row in texts)


def read_ids(ids: Any) -> Iterator[tuple[int, ...]]:
    """The ids of each sample; of what a tokenizer returned, without those that its attention mask leaves out.

    Raises UsageError for what are no ids, DataError for a sample without ids, or with numbers that are none.
    """
    mask: Any = None
    if isinstance(ids, Mapping) or hasattr(ids, "input_ids"):
        fields = ids if isinstance(ids, Mapping) else vars(ids)
        ids, mask = fields.get("input_ids"), fields.get("attention_mask")
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise UsageError(
            "Texts as read_texts gives them, or a list of ids for each sample, were wanted; got "
            f"{type(ids).__name__}. Read texts by read_texts first."
        )
    rows = list(ids)
    if not rows:
        raise DataError("There is no sample: the list of ids is empty. Give ids of one text or more.")
    masks = [None] * len(rows) if mask is None else list(mask)
    for number, (row, kept) in enumerate(zip(rows, masks, strict=True)):
        yield _row(row, kept, number)


def _row(row: Any, kept: Any, number: int) -> tuple[int, ...]:
    if isinstance(row, str):
        raise UsageError(
            f"Texts as read_texts gives them, or a list of ids for each sample, were wanted; sample {number} is a "
            "str. Read texts by read_texts(texts, n=None) first."
        )
    array = _array(row)
    if kept is not None:
        array = array[_array(kept).astype(bool)]
    if array.ndim != 1 or not len(array):
        raise DataError(
            f"Sample {number} is a list of ids, at least one; got an array of shape {array.shape}. "
            "Give one list for each sample."
        )
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= 2**31:
        raise DataError(
            f"Ids are whole numbers from 0; sample {number} holds {array.dtype} from {array.min()} to "
            f"{array.max()}. Give the ids that the tokenizer makes."
        )
    return tuple(array.tolist())


def _array(row: Any) -> np.ndarray:
    """A row as an array; of a tensor, the values."""
    return np.asarray(row.detach().cpu() if hasattr(row, "detach") else row)
