"""A batch of texts through the model: the states of the tokens that are asked for, at every site, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from residyn.errors import ResourceError
from residyn.model.attached import device_of
from residyn.model.hooks import Tap, out_of_memory, read, run


class Asked(NamedTuple):
    """The ids of a text, and the places among them of the tokens whose states are asked for."""

    ids: np.ndarray
    places: np.ndarray


class Reader:
    """Runs batches through a model whose hooks stay on it; from `reading`."""

    def __init__(self, root: nn.Module, taps: Sequence[Tap]) -> None:
        self.device = device_of(root)
        self._root = root
        self._n_taps = len(taps)
        self._at: dict[torch.device, torch.Tensor] = {}
        self._kept: torch.Tensor | None = None
        self._ready: Callable[[], None] = lambda: None
        self.is_reading = False

    def states(self, texts: Sequence[Asked]) -> torch.Tensor:
        """The states (tap, place, unit) of all places of the texts, in order, where the model computes them.

        Texts are padded on the right to one length, without a mask: in a causal model no token sees what
        follows it. On a device that computes while the program goes on, the states may not be there yet.
        """
        longest = max(len(text.ids) for text in texts)
        ids = np.empty((len(texts), longest), dtype=np.int64)
        for row, text in zip(ids, texts, strict=True):
            row[: len(text.ids)] = text.ids
            # Its own last token: an id that the model knows, and no sign of padding to it.
            row[len(text.ids) :] = text.ids[-1]
        at = np.concatenate([row * longest + text.places for row, text in enumerate(texts)])
        self._at = {self.device: torch.from_numpy(at).to(self.device)}
        self._ready()
        self.is_reading = True
        try:
            run(self._root, torch.from_numpy(ids).to(self.device))
            assert self._kept is not None
            return self._kept
        finally:
            self.is_reading, self._kept = False, None

    def keep(self, index: int, tensor: torch.Tensor) -> None:
        """Copy the rows that are asked for out of what passes a tap."""
        at = self._at.get(tensor.device)
        if at is None:
            at = self._at[tensor.device] = self._at[self.device].to(tensor.device)
        # Some blocks flatten batch and token for their MLP.
        rows = tensor.reshape(-1, tensor.shape[-1])
        if self._kept is None:
            shape = (self._n_taps, len(at), tensor.shape[-1])
            self._kept = torch.empty(shape, dtype=tensor.dtype, device=tensor.device)
        if tensor.device == self._kept.device and tensor.dtype == self._kept.dtype:
            torch.index_select(rows, 0, at, out=self._kept[index])
        else:
            self._kept[index] = rows.index_select(0, at).to(self._kept.device)


@contextmanager
def reading(root: nn.Module, taps: Sequence[Tap]) -> Iterator[Reader]:
    """A reader of the states at the taps, as long as the context is open; each pass ends at the last tap.

    Passes that others make meanwhile, and not the reader, are whole.
    """
    reader = Reader(root, taps)
    with read(root, taps, reader.keep, stop=True, heeded=lambda: reader.is_reading) as reader._ready:
        yield reader


def in_halves_if_needed(reader: Reader, texts: Sequence[Asked]) -> tuple[torch.Tensor, bool]:
    """`Reader.states`, halving the batch as often as the memory asks for; and whether it was halved.

    Raises ResourceError where a single text does not fit.
    """
    try:
        return reader.states(texts), False
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        if len(texts) == 1:
            raise ResourceError(
                f"One text of {len(texts[0].ids)} tokens does not fit into the memory of {reader.device} "
                "beside the model. Lower --max-tokens, use --dtype bfloat16, or take a device with more memory."
            ) from error
    # Outside the handler, so that the failed pass's tensors, which its traceback holds, are gone.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    half = len(texts) // 2
    parts = [in_halves_if_needed(reader, part)[0] for part in (texts[:half], texts[half:])]
    return torch.cat(parts, dim=1), True


def last_token_states(root: nn.Module, taps: Sequence[Tap], texts: Sequence[np.ndarray]) -> np.ndarray:
    """States (text, tap, unit), float32, of the last token of each of some texts' ids."""
    with reading(root, taps) as reader:
        asked = [Asked(ids, np.array([len(ids) - 1])) for ids in texts]
        return in_halves_if_needed(reader, asked)[0].transpose(0, 1).float().cpu().numpy()
