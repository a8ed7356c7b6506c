"""What one sample's maps do: each sublayer's, each layer's, and their product over depth."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch

from residyn.model.jacobians.chain import Chain
from residyn.model.jacobians.linear import Linear, Matrix, joined
from residyn.model.jacobians.maps import LocalMap
from residyn.model.jacobians.step import TokenStep
from residyn.numerics import linear_maps as of
from residyn.numerics.matrix_free import estimated, largest_eigenvalues
from residyn.numerics.pca import one_thread
from residyn.numerics.threads import results_of

SINGULAR_VALUES = 32
"""How many singular values are kept of each map."""
EIGENVALUES = 32
"""How many eigenvalues are kept where not all are known."""
COUPLED = 10
"""Singular vectors of neighbouring layers that are compared."""
_TOGETHER = 8
"""Layers whose matrices are in memory at once, for the cores to share."""

Report = Callable[[int], None]
Seen = Callable[[int, Linear], None]


class MapNumbers(NamedTuple):
    """What is known of one map; NaN where its products alone do not tell. Eigenvalues are sorted by modulus.

    `vectors` are the leading left singular vectors, values and right ones, of layers alone.
    """

    frobenius: float
    spectral_norm: float
    skew_share: float
    henrici: float
    complex_share: float
    rotation: float
    effective_rank: float
    singular_values: np.ndarray
    eigenvalues: np.ndarray
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray] | None


def measured(
    step: TokenStep, maps: Sequence[LocalMap], *, exact: bool, seed: Sequence[int], report: Report, seen: Seen
) -> dict[str, np.ndarray]:
    """The arrays of one sample: along sublayers (S, …), and along layers (L, …) under names with layer_ in front.

    `exact` has every matrix made whole, a few layers at a time; else maps are known by their products, and what
    takes all eigenvalues or singular values is NaN. `report` is told how many sublayers are done; `seen` is given
    the number and the map of each sublayer.
    """
    layers = [site.layer for site in step.sites.sites]
    alone: list[MapNumbers] = []
    together: list[MapNumbers] = []
    couplings: list[tuple[float, float]] = []
    chain = Chain(step.states.shape[1], exact, seed)
    before: tuple[Linear, MapNumbers] | None = None
    # All cores where matrices are made; torch shares out products by itself.
    threads = None if exact else 1
    # On a device, one matrix after another: its memory is what limits.
    turn = nullcontext() if maps[0].entering.device.type == "cpu" else Lock()
    with one_thread(), _one_thread_of_torch(exact), warnings.catch_warnings():
        # Operators that are done row by row are slower, and as right.
        warnings.simplefilter("ignore")
        for own in _groups(layers, _TOGETHER if exact else 1):
            seeds = [[*seed, own[0], number] for number in range(2 * len(own))]
            making = [partial(_made, maps[s], turn if exact else None, seeds[n]) for n, s in enumerate(own)]
            found = results_of(making, threads)
            parts, alone_now = [part for part, _ in found], [said for _, said in found]
            for s, part in zip(own, parts, strict=True):
                seen(s, part)
            ends = [layers[s : s + 1] != layers[s + 1 : s + 2] for s in own]
            whole = [
                joined([part for part, s in zip(parts, own, strict=True) if layers[s] == layer])
                for layer in dict.fromkeys(layers[s] for s in own)
            ]
            chained = [
                partial(_carried, chain.carry, parts, ends),
                partial(_carried, chain.carry_random, [said.frobenius for said in alone_now], ends),
            ]
            measures = [partial(_numbers, one, True, seeds[len(own) + n]) for n, one in enumerate(whole)]
            together_now = [said for said in results_of([*chained, *measures], threads) if said is not None]
            for layer, said in zip(whole, together_now, strict=True):
                if before is not None:
                    couplings.append(_coupled(before, said))
                before = (layer, said)
            alone += alone_now
            together += together_now
            report(len(own))
    couplings.append((np.nan, np.nan))
    norms = np.array([float(state.double().norm()) for state in (*step.states, maps[-1].leaving.detach())])
    arrays = {
        **_stacked(alone),
        **{f"layer_{name}": values for name, values in _stacked(together).items()},
        "layer_coupling": np.array([one[0] for one in couplings]),
        "layer_alignment": np.array([one[1] for one in couplings]),
        "log_norm_growth": np.diff(np.log(norms)),
        **chain.arrays(),
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()}


@contextmanager
def _one_thread_of_torch(wanted: bool) -> Iterator[None]:
    """Where matrices are made, threads of their own share them out, and torch's would compete with these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if wanted else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _groups(layers: Sequence[int], n: int) -> Iterator[list[int]]:
    """The sublayers' numbers, `n` layers at a time."""
    names = list(dict.fromkeys(layers))
    for start in range(0, len(names), n):
        chosen = set(names[start : start + n])
        yield [s for s, layer in enumerate(layers) if layer in chosen]


def _made(
    one: LocalMap, turn: AbstractContextManager[object] | None, seed: Sequence[int]
) -> tuple[Linear, MapNumbers]:
    """A sublayer's map, as a matrix that is made in its `turn` where these are made, and what is found of it."""
    made: Linear = one
    if turn is not None:
        with turn:
            made = Matrix(one.matrix())
    return made, _numbers(made, False, seed)


def _carried(carry: Callable[..., None], chosen: Sequence[Linear | float], ends: Sequence[bool]) -> None:
    for one, end in zip(chosen, ends, strict=True):
        carry(one, ends=end)


def _numbers(one: Linear, vectors: bool, seed: Sequence[int]) -> MapNumbers:
    if isinstance(one, Matrix):
        return _of_matrix(one.values, vectors)
    return _of_products(one, vectors, np.random.default_rng(seed))


def _of_matrix(matrix: np.ndarray, vectors: bool) -> MapNumbers:
    # In float32, as the products are, and by torch, whose LAPACK takes a third of numpy's time for it.
    single = torch.from_numpy(matrix.astype(np.float32))
    eigenvalues = torch.linalg.eigvals(single).numpy().astype(np.complex128)
    eigenvalues = eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]
    if vectors:
        squares, leading = of.squares_and_leading(matrix, min(COUPLED, len(matrix)))
    else:
        squares, leading = of.squares_of(matrix), None
    return MapNumbers(
        frobenius=float(np.linalg.norm(matrix)),
        spectral_norm=float(np.sqrt(squares[0])),
        skew_share=float(of.skew_share(matrix)),
        henrici=of.henrici(matrix, eigenvalues),
        complex_share=of.complex_share(eigenvalues),
        rotation=of.rotation(eigenvalues),
        effective_rank=of.effective_rank(squares),
        singular_values=np.sqrt(squares[:SINGULAR_VALUES]),
        eigenvalues=eigenvalues,
        vectors=leading,
    )


def _of_products(one: Linear, vectors: bool, rng: np.random.Generator) -> MapNumbers:
    found = estimated(one.forward, one.backward, one.width, SINGULAR_VALUES, rng)
    eigenvalues = largest_eigenvalues(one.forward, one.width, EIGENVALUES, rng)
    known = eigenvalues[np.isfinite(eigenvalues)]
    return MapNumbers(
        frobenius=float(np.sqrt(found.square)),
        spectral_norm=float(found.values[0]),
        skew_share=found.skew_square / found.square if found.square else np.nan,
        henrici=np.nan,
        complex_share=of.complex_share(known),
        rotation=of.rotation(known),
        effective_rank=np.nan,
        singular_values=found.values,
        eigenvalues=eigenvalues,
        vectors=(found.left[:, :COUPLED], found.values[:COUPLED], found.right[:, :COUPLED]) if vectors else None,
    )


def _coupled(before: tuple[Linear, MapNumbers], after: MapNumbers) -> tuple[float, float]:
    """The misfit of a layer's map to the next one's singular vectors, and the overlap of the two bases."""
    layer, own = before
    assert own.vectors is not None
    assert after.vectors is not None
    left, _, right = after.vectors
    through = left.T @ layer.forward(right.T).T
    return of.misfit(through, own.vectors[1]), of.overlap(own.vectors[0], right)


def _stacked(found: Sequence[MapNumbers]) -> dict[str, np.ndarray]:
    arrays = {name: np.array([getattr(one, name) for one in found]) for name in MapNumbers._fields[:8]}
    eigenvalues = np.array([one.eigenvalues for one in found])
    return {**arrays, "eigenvalue_real": np.real(eigenvalues), "eigenvalue_imag": np.imag(eigenvalues)}
