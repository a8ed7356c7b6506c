"""The inner loops of kernel density estimates: densities at the samples, from sums of Gaussian kernels.

The kernel is a power of two, 2^−(distance²), computed without a branch, so that the compiler puts several
into one instruction: a call of the system's exp would be made for one pair at a time. Those of pairs in the plane,
which are nearly all the work, can be taken in float32, twice as many in an instruction.

Compiled functions that call each other share a file: numba's cache of a caller does not see another file change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.polynomial import Chebyshev, Polynomial

from residyn.numerics.compiled import compiled
from residyn.numerics.information.pairs import Found

EPSILON = 1e-10
"""Added to both densities inside the logarithm, as the paper does."""

COLLINEAR = 1e-12
"""Unexplained share of a variance below which rounding, not the data, would shape the joint density."""

PER_SIGMA = np.sqrt(0.5 / np.log(2))
"""Coordinates in units of σ times this: then 2^−(distance²) is exp(−distance² / 2σ²)."""

_TWICE_LN_2 = 2 * np.log(2.0)

_ROUND = 1.5 * 2.0**52
"""Adding this to a number below 2^51 in size rounds it to an integer, which stands in the lowest bits."""

_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8 = (
    Chebyshev.interpolate(np.exp2, 8, domain=[-0.5, 0.5]).convert(kind=Polynomial).coef.tolist()
)
"""A polynomial for 2^f, |f| ≤ ½, to 2e-12 of the value."""

_S0, _S1, _S2, _S3, _S4, _S5 = (
    np.float32(c)
    for c in Chebyshev.interpolate(np.exp2, 5, domain=[-0.5, 0.5]).convert(kind=Polynomial).coef.tolist()
)
"""The same in float32, to 2e-7 of the value."""

_ROUND_SINGLE = np.float32(1.5 * 2.0**23)
_LEAST_POWER_SINGLE = np.float32(-120.0)
_ZERO_SINGLE, _ONE_SINGLE = np.float32(0.0), np.float32(1.0)
_MANTISSA_SINGLE = np.int32(23)
"""As for float64: what rounds to an integer, the least power, and where an exponent's bits begin."""

_MOMENTS = 22
"""Moments of a cell; that many bound the error at the distance where it is largest, √(11 / ln 2) ≈ 4."""

_REACH = 7.8
"""How far from its centre a cell counts: to those beyond it is further than 7.3, where a kernel is below 2^−53."""

_LEAST_POWER = -1000.0
"""Smaller powers of two count as this one: the bits of an exponent end at −1022."""


@compiled(error_model="numpy")
def estimate_unit(path: np.ndarray, order: np.ndarray, orders: np.ndarray, single: bool, found: Found) -> None:
    """The estimates of one unit and of its samples, as far as `found` has room.

    `order` (S, N) is what sorts each sublayer of its path; kernels of pairs are in float32 where `single`.
    """
    n_sublayers, n = path.shape
    deviation, density = np.empty((n_sublayers, n)), np.empty((n_sublayers, n))
    spread = np.empty(n_sublayers)
    y, y_density, joint, ratios = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for s in range(n_sublayers):
        spread[s] = _deviate(path[s], deviation[s])
        if spread[s] > 0:
            _density(deviation[s], order[s], spread[s], density[s])
    for row in range(len(orders)):
        for s in range(n_sublayers - 1):
            for i in range(n):
                y[i] = deviation[s + 1, orders[row, i]]
                y_density[i] = density[s + 1, orders[row, i]]
            defined = spread[s] > 0 and spread[s + 1] > 0
            if defined and _joint_density(deviation[s], y, spread[s], single, joint):
                found.mean[row, s] = _mean_log_ratio(joint, density[s], y_density, ratios)
            else:
                found.mean[row, s], ratios[:] = np.nan, np.nan
            if len(found.local):
                found.local[row, s] = ratios


@compiled(error_model="numpy")
def _deviate(values: np.ndarray, deviation: np.ndarray) -> float:
    """Deviations from the mean, and their standard deviation: exactly 0 for equal values."""
    n = len(values)
    total = 0.0
    for i in range(n):
        deviation[i] = values[i] - values[0]
        total += deviation[i]
    square = 0.0
    for i in range(n):
        deviation[i] -= total / n
        square += deviation[i] ** 2
    return np.sqrt(square / (n - 1))


@compiled()
def _density(deviation: np.ndarray, order: np.ndarray, sd: float, density: np.ndarray) -> None:
    n = len(deviation)
    width = sd * n ** (-1 / 5)
    sums = np.empty(n)
    kernel_sums(deviation[order] * (PER_SIGMA / width), sums)
    sums /= n * width * np.sqrt(2 * np.pi)
    for j in range(n):
        density[order[j]] = sums[j]


@compiled()
def _joint_density(x: np.ndarray, y: np.ndarray, sd_x: float, single: bool, density: np.ndarray) -> bool:
    """The density at each sample; False where the samples lie on a line.

    Along x and along what x does not explain of y the kernel is round: no inverse of a covariance is needed,
    which cancels where the two are strongly correlated.
    """
    n = len(x)
    slope = 0.0
    for i in range(n):
        slope += x[i] * y[i]
    slope /= (n - 1) * sd_x**2
    residual = y - slope * x
    unexplained = total = 0.0
    for i in range(n):
        unexplained += residual[i] ** 2
        total += y[i] ** 2
    if not unexplained > COLLINEAR * total:
        return False
    sd_residual = np.sqrt(unexplained / (n - 1))
    factor = n ** (-1 / 6)
    u, v = x * (PER_SIGMA / (factor * sd_x)), residual * (PER_SIGMA / (factor * sd_residual))
    if single:
        sums = np.empty(n, dtype=np.float32)
        joint_kernel_sums_single(u.astype(np.float32), v.astype(np.float32), sums)
        density[:] = sums
    else:
        joint_kernel_sums(u, v, density)
    density /= n * 2 * np.pi * factor**2 * sd_x * sd_residual
    return True


@compiled()
def _mean_log_ratio(joint: np.ndarray, x_density: np.ndarray, y_density: np.ndarray, ratios: np.ndarray) -> float:
    """The mean over samples of the logarithms that `ratios` (N,) is filled with."""
    total = 0.0
    for i in range(len(joint)):
        ratios[i] = np.log((joint[i] + EPSILON) / (x_density[i] * y_density[i] + EPSILON))
        total += ratios[i]
    return total / len(joint)


@compiled()
def kernel_sums(ascending: np.ndarray, sums: np.ndarray) -> None:
    """sums[i] = Σ_j 2^−(u_i − u_j)² of values u in ascending order, the sample itself included; arrays (N,).

    Samples within a cell of width 1 act through the moments of their distances b from its centre: with t the
    distance of another sample from there, 2^−(t − b)² = 2^−t² Σ_m t^m · 2^−b² (2b ln 2)^m / m!. Greengard &
    Strain 1991; the error of a kernel is below 1e-15.
    """
    sums[:] = 0.0
    moments = np.empty(_MOMENTS)
    start, n = 0, len(ascending)
    low = high = 0
    while start < n:
        stop = start + 1
        while stop < n and ascending[stop] - ascending[start] <= 1:
            stop += 1
        centre = (ascending[start] + ascending[stop - 1]) / 2
        while ascending[low] < centre - _REACH:
            low += 1
        while high < n and ascending[high] <= centre + _REACH:
            high += 1
        _set_moments(ascending[start:stop] - centre, moments)
        _add_cell(ascending[low:high], centre, moments, sums[low:high])
        start = stop


@compiled()
def joint_kernel_sums(u: np.ndarray, v: np.ndarray, sums: np.ndarray) -> None:
    """sums[i] = Σ_j 2^−((u_i − u_j)² + (v_i − v_j)²), the sample itself included. All arrays (N,)."""
    n = len(u)
    sums[:] = 1.0
    scratch = np.empty((2, n))
    for i in range(0, n - 1, 2):
        _add_joint_kernels(u, v, i, sums, scratch)
        _add_rows(scratch, i, sums)


@compiled()
def joint_kernel_sums_single(u: np.ndarray, v: np.ndarray, sums: np.ndarray) -> None:
    """`joint_kernel_sums` in float32, all arrays (N,)."""
    n = len(u)
    sums[:] = _ONE_SINGLE
    scratch = np.empty((2, n), dtype=np.float32)
    for i in range(0, n - 1, 2):
        _add_joint_kernels_single(u, v, i, sums, scratch)
        _add_rows_single(scratch, i, sums)


def _reinterpreted(source: Any, target: Any) -> Any:
    """What numba makes of a call that keeps a number's bits and changes its type."""

    def convert(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return intrinsic(convert)


_bits: Any = _reinterpreted(types.float64, types.int64)
_from_bits: Any = _reinterpreted(types.int64, types.float64)
_bits_single: Any = _reinterpreted(types.float32, types.int32)
_from_bits_single: Any = _reinterpreted(types.int32, types.float32)


@compiled(fastmath={"contract"})
def _power_of_two(t: float) -> float:
    """2^t for t ≤ 0: the integer part goes into the exponent's bits, the rest into the polynomial."""
    t = t if t > _LEAST_POWER else _LEAST_POWER
    shifted = t + _ROUND
    f = t - (shifted - _ROUND)
    f2 = f * f
    f4 = f2 * f2
    # In pairs and not term by term: a processor then works at several terms at once.
    low = (_C3 * f + _C2) * f2 + (_C1 * f + _C0)
    high = (_C7 * f + _C6) * f2 + (_C5 * f + _C4)
    fraction = (_C8 * f4 + high) * f4 + low
    return _from_bits(_bits(fraction) + (_bits(shifted) << 52))


@compiled()
def _set_moments(b: np.ndarray, moments: np.ndarray) -> None:
    moments[:] = 0.0
    for j in range(len(b)):
        term = _power_of_two(-(b[j] * b[j]))
        for m in range(_MOMENTS):
            moments[m] += term
            term *= _TWICE_LN_2 * b[j] / (m + 1)


@compiled(fastmath={"contract"})
def _add_cell(u: np.ndarray, centre: float, moments: np.ndarray, sums: np.ndarray) -> None:
    """Onto the sums of the samples u, the kernels of the samples of a cell."""
    for i in range(len(u)):
        t = u[i] - centre
        t2 = t * t
        even = odd = 0.0
        for pair in range(_MOMENTS // 2):
            even = even * t2 + moments[_MOMENTS - 2 - 2 * pair]
            odd = odd * t2 + moments[_MOMENTS - 1 - 2 * pair]
        sums[i] += _power_of_two(-t2) * (odd * t + even)


@compiled(fastmath={"contract"})
def _add_joint_kernels(u: np.ndarray, v: np.ndarray, i: int, sums: np.ndarray, kernels: np.ndarray) -> None:
    """Kernels of samples i and i + 1 with later ones: onto the later ones' sums, and into two rows of `kernels`.

    Two samples at a time, so that every sum is loaded and stored half as often. The kernel of the two
    themselves stands at place 0 of both rows, that of sample j at place j − i − 1.
    """
    one_u, other_u, one_v, other_v = u[i], u[i + 1], v[i], v[i + 1]
    kernels[:, 0] = _power_of_two(-((one_u - other_u) ** 2 + (one_v - other_v) ** 2))
    later_u, later_v, later_sums, first, second = (
        u[i + 2 :],
        v[i + 2 :],
        sums[i + 2 :],
        kernels[0, 1:],
        kernels[1, 1:],
    )
    for j in range(len(later_u)):
        du, du_other = later_u[j] - one_u, later_u[j] - other_u
        dv, dv_other = later_v[j] - one_v, later_v[j] - other_v
        kernel = _power_of_two(-(du * du + dv * dv))
        kernel_other = _power_of_two(-(du_other * du_other + dv_other * dv_other))
        first[j], second[j] = kernel, kernel_other
        later_sums[j] += kernel + kernel_other


@compiled(fastmath={"reassoc"})
def _add_rows(kernels: np.ndarray, i: int, sums: np.ndarray) -> None:
    """What `_add_joint_kernels` left in its two rows, onto the sums of samples i and i + 1."""
    for row in range(2):
        total = 0.0
        for j in range(len(sums) - 1 - i):
            total += kernels[row, j]
        sums[i + row] += total


# In float32 the same loops stand once more: constants and casts of one width would widen the other's.
@compiled(fastmath={"contract"})
def _power_of_two_single(t: np.float32) -> np.float32:
    t = t if t > _LEAST_POWER_SINGLE else _LEAST_POWER_SINGLE
    shifted = t + _ROUND_SINGLE
    f = t - (shifted - _ROUND_SINGLE)
    f2 = f * f
    low = (_S3 * f + _S2) * f2 + (_S1 * f + _S0)
    fraction = (_S5 * f + _S4) * f2 * f2 + low
    exponent = types.int32(_bits_single(shifted) << _MANTISSA_SINGLE)
    return _from_bits_single(types.int32(_bits_single(fraction) + exponent))


@compiled(fastmath={"contract"})
def _add_joint_kernels_single(u: np.ndarray, v: np.ndarray, i: int, sums: np.ndarray, kernels: np.ndarray) -> None:
    one_u, other_u, one_v, other_v = u[i], u[i + 1], v[i], v[i + 1]
    apart_u, apart_v = one_u - other_u, one_v - other_v
    kernels[:, 0] = _power_of_two_single(-(apart_u * apart_u + apart_v * apart_v))
    later_u, later_v, later_sums, first, second = (
        u[i + 2 :],
        v[i + 2 :],
        sums[i + 2 :],
        kernels[0, 1:],
        kernels[1, 1:],
    )
    for j in range(len(later_u)):
        du, du_other = later_u[j] - one_u, later_u[j] - other_u
        dv, dv_other = later_v[j] - one_v, later_v[j] - other_v
        kernel = _power_of_two_single(-(du * du + dv * dv))
        kernel_other = _power_of_two_single(-(du_other * du_other + dv_other * dv_other))
        first[j], second[j] = kernel, kernel_other
        later_sums[j] += kernel + kernel_other


@compiled(fastmath={"reassoc"})
def _add_rows_single(kernels: np.ndarray, i: int, sums: np.ndarray) -> None:
    for row in range(2):
        total = _ZERO_SINGLE
        for j in range(len(sums) - 1 - i):
            total += kernels[row, j]
        sums[i + row] += total
