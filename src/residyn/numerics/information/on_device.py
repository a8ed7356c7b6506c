"""The estimators on an accelerator: the same definitions, every pair of samples compared at once.

Each function is the one of the same name beside this module, with a `device` that torch knows: see there for
definition, range, edge cases and errors. Results agree with those to 1e-10. They are computed in float64,
which not every device has (Apple's have not), in batches that hold at most `BATCH_VALUES` numbers in an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import digamma

from residyn.errors import UsageError
from residyn.numerics.information.copula import gaussian_bias, normal_scores
from residyn.numerics.information.kernels import COLLINEAR, EPSILON
from residyn.numerics.information.pairs import checked_orders, checked_paths

if TYPE_CHECKING:
    from torch import Tensor

BATCH_VALUES = 1 << 26
"""Numbers in one array of a batch: 512 MiB. An estimator holds up to four such arrays."""

PairEstimate = Callable[["Tensor", "Tensor"], "Tensor"]
"""Samples x and y of some pairs, (pair, N) each → their estimates (pair,)."""


def copula(paths: np.ndarray, orders: np.ndarray | None = None, *, device: str) -> np.ndarray:
    """Gaussian-copula mutual information, nats, (R, U, S − 1)."""
    import torch

    paths = checked_paths(paths)
    n = paths.shape[-1]
    table, bias = torch.as_tensor(normal_scores(n), device=device), gaussian_bias(n)
    scores = _each_sublayer(paths, lambda x: _standardised(x, table), n, device)

    def pair(x: Tensor, y: Tensor) -> Tensor:
        apart, together = ((x - y) ** 2).sum(-1), ((x + y) ** 2).sum(-1)
        return -torch.log(apart * together / 4) / 2 - bias

    return _estimate(pair, scores, orders, n)


def ksg(paths: np.ndarray, orders: np.ndarray | None = None, k: int = 3, *, device: str) -> np.ndarray:
    """KSG-1 mutual information of the values as given, nats, (R, U, S − 1)."""
    import torch

    if k < 1:
        raise UsageError(f"KSG measures the distance to the k-th nearest sample, k ≥ 1; k={k} was given.")
    paths = checked_paths(paths)
    n = paths.shape[-1]
    psi = torch.as_tensor(digamma(np.arange(1, n + 1)), device=device)

    def pair(x: Tensor, y: Tensor) -> Tensor:
        if n <= k:
            return torch.full_like(x[:, 0], torch.nan)
        total = torch.zeros_like(x[:, 0])
        for rows in _rows(n):
            total += _psi_of_counts(x, y, rows, k, psi).sum(-1)
        return psi[n - 1] + psi[k - 1] - total / n

    return _estimate(pair, torch.as_tensor(paths, device=device), orders, n * min(n, _height(n)))


def kde(paths: np.ndarray, orders: np.ndarray | None = None, *, device: str) -> np.ndarray:
    """Mutual information of kernel density estimates, nats, (R, U, S − 1)."""
    import torch

    paths = checked_paths(paths)
    n = paths.shape[-1]
    values = n * min(n, _height(n))
    deviation = _each_sublayer(paths, _deviation, n, device)
    density = _each_sublayer(deviation, _density, values, device)

    def pair(x: Tensor, y: Tensor) -> Tensor:
        (x, p_x), (y, p_y) = x.unbind(-2), y.unbind(-2)
        ratio = (_joint_density(x, y) + EPSILON) / (p_x * p_y + EPSILON)
        return torch.log(ratio).mean(-1)

    return _estimate(pair, torch.stack([deviation, density], dim=-2), orders, values)


def _estimate(pair: PairEstimate, columns: Tensor, orders: np.ndarray | None, values: int) -> np.ndarray:
    """`pair` of all neighbours among columns (U, S, …, N), in batches of pairs with `values` numbers each."""
    import torch

    n_units, n_sublayers, n = columns.shape[0], columns.shape[1], columns.shape[-1]
    rows = torch.as_tensor(checked_orders(orders, n), device=columns.device)
    estimates = torch.empty(
        (len(rows), n_units, max(n_sublayers - 1, 0)), dtype=columns.dtype, device=columns.device
    )
    batch = max(1, BATCH_VALUES // values)
    for row, order in enumerate(rows):
        for s in range(n_sublayers - 1):
            for start in range(0, n_units, batch):
                units = slice(start, start + batch)
                estimates[row, units, s] = pair(columns[units, s], columns[units, s + 1][..., order])
    return estimates.cpu().numpy()


def _each_sublayer(
    paths: np.ndarray | Tensor, work: Callable[[Tensor], Tensor], values: int, device: str
) -> Tensor:
    """`work` on the columns (column, N) of paths (U, S, N), in batches of columns with `values` numbers each."""
    import torch

    columns = torch.as_tensor(paths, device=device).reshape(-1, paths.shape[-1])
    result = torch.empty_like(columns)
    batch = max(1, BATCH_VALUES // values)
    for start in range(0, len(columns), batch):
        result[start : start + batch] = work(columns[start : start + batch])
    return result.reshape(tuple(paths.shape))


def _height(n: int) -> int:
    """How many samples are compared with all N at once."""
    return max(1, BATCH_VALUES // n)


def _rows(n: int) -> Iterator[slice]:
    height = _height(n)
    return (slice(start, start + height) for start in range(0, n, height))


def _standardised(x: Tensor, table: Tensor) -> Tensor:
    """Normal scores with mean 0 and length 1; summed so that equal or reversed ranks give the same bits."""
    import torch

    ascending = x.sort(dim=-1).values
    ranks = torch.searchsorted(ascending, x) + torch.searchsorted(ascending, x, right=True) + 1
    scores, in_order = table[ranks], table[ranks.sort(dim=-1).values]
    mean = (in_order + in_order.flip(-1)).sum(-1, keepdim=True) / 2 / x.shape[-1]
    square = (in_order - mean) ** 2
    # A constant sublayer has scores 0 and becomes 0/0, NaN.
    return (scores - mean) / torch.sqrt((square + square.flip(-1)).sum(-1, keepdim=True) / 2)


def _psi_of_counts(x: Tensor, y: Tensor, rows: slice, k: int, psi: Tensor) -> Tensor:
    """ψ(n_x + 1) + ψ(n_y + 1) of some samples of each pair, (pair, rows)."""
    import torch

    dx = (x[:, rows, None] - x[:, None, :]).abs()
    dy = (y[:, rows, None] - y[:, None, :]).abs()
    distance = torch.maximum(dx, dy)
    own = torch.arange(rows.start, rows.start + distance.shape[1], device=x.device)
    distance[:, own - rows.start, own] = torch.inf
    kth = distance.topk(k, dim=-1, largest=False).values.amax(dim=-1, keepdim=True)
    radius = torch.nextafter(kth, torch.zeros_like(kth))
    # The sample itself is among those counted, so a count n + 1 has its ψ at index n.
    return psi[(dx <= radius).sum(-1) - 1] + psi[(dy <= radius).sum(-1) - 1]


def _deviation(x: Tensor) -> Tensor:
    # Taken from the first sample first: equal values then leave exactly 0.
    shifted = x - x[:, :1]
    return shifted - shifted.mean(-1, keepdim=True)


def _density(deviation: Tensor) -> Tensor:
    """Kernel density at the samples, (column, N); NaN for equal values."""
    import torch

    n = deviation.shape[-1]
    width = deviation.std(-1, keepdim=True) * n ** (-1 / 5)
    u = deviation / width
    sums = [torch.exp(-((u[:, rows, None] - u[:, None, :]) ** 2) / 2).sum(-1) for rows in _rows(n)]
    return torch.cat(sums, dim=-1) / (n * width * (2 * torch.pi) ** 0.5)


def _joint_density(x: Tensor, y: Tensor) -> Tensor:
    """Kernel density at the samples of each pair, (pair, N); NaN for those on a line."""
    import torch

    n = x.shape[-1]
    factor = n ** (-1 / 6)
    square_y = (y * y).sum(-1, keepdim=True)
    residual = y - (x * y).sum(-1, keepdim=True) / (x * x).sum(-1, keepdim=True) * x
    square = (residual * residual).sum(-1, keepdim=True)
    square = torch.where(square > COLLINEAR * square_y, square, torch.nan)
    sd_x, sd_residual = (torch.sqrt(total / (n - 1)) for total in ((x * x).sum(-1, keepdim=True), square))
    u, v = x / (factor * sd_x), residual / (factor * sd_residual)
    sums = []
    for rows in _rows(n):
        power = (u[:, rows, None] - u[:, None, :]) ** 2
        power += (v[:, rows, None] - v[:, None, :]) ** 2
        sums.append(torch.exp(-power / 2).sum(-1))
    return torch.cat(sums, dim=-1) / (n * 2 * torch.pi * factor**2 * sd_x * sd_residual)
