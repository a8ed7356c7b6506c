"""Estimators beside their peers, on the same numbers in one run: time, ratio, agreement, and how the cost grows.

    python benchmarks/estimators.py
    python benchmarks/estimators.py --n 1000 --units 128 --sublayers 30 --json estimators.json
    python benchmarks/estimators.py --only ksg ksg-tied --threads 1

Prints Markdown tables. Every section is one quantity on one kind of data (`SECTIONS`, which `--only` chooses
among), with residyn's function and the libraries that people use for it:

    ksg, ksg-tied    scikit-learn's estimator behind mutual_info_regression, on the same jittered data
    kde              scipy's gaussian_kde, joint and marginal densities at the samples
    copula           frites' gcmi_1d_cc
    binned           infomeasure's miller_madow, on the same labels; cutting into bins is on residyn's clock only

The peers are no dependencies of residyn; what is absent is said in the table. To install them:

    pip install frites==0.4.6 infomeasure==0.6.3

residyn estimates all pairs of neighbouring sublayers of a random walk at once, on `--threads` threads; a peer is
called pair by pair, as it is made to be, on the first `--peer-pairs` of them. Both run in this process, after one
call to warm up, round robin; the fastest round counts. Agreement is the largest difference on those pairs. In
"tied" data 98 % of the samples share one value at the first of two sublayers, as the embedding of a repeated
token does. The tables after that are the global space of `fit_space` beside scikit-learn's PCA of the same states,
all of them in memory, and the seven spaces of an analysis fitted one by one beside `fit_spaces`. Run it on a quiet
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn import Space, explained_variance, fit_space, from_array, pc_scores
from residyn.numerics.information import binned, copula, default_bins, jittered, kde, ksg
from residyn.numerics.information.ranks import doubled_ranks, sorting
from residyn.numerics.threads import cores
from residyn.spaces import fit_spaces

Pair = Callable[[np.ndarray, np.ndarray], float]
"""A peer's estimate of one pair."""


@dataclass(frozen=True)
class Section:
    """A quantity of pairs: residyn's function of paths (U, S, N), the peer's of one pair, and the data of both."""

    ours: Callable[..., np.ndarray]
    peer: str
    package: str
    load: Callable[[], Pair]
    paths: Callable[[argparse.Namespace], np.ndarray]
    peer_paths: Callable[[np.ndarray], np.ndarray] = lambda paths: paths


def main() -> None:
    """Measure every section, then how residyn's cost grows; print the tables."""
    options = _parse()
    rows = {name: _measure(name, SECTIONS[name], options) for name in options.only}
    growth = [] if options.no_growth else _growth(options)
    spaces = [] if options.no_space else _spaces(options)
    together = [] if options.no_space else _spaces_together(options)
    tables = [_pairs_table(rows), _growth_table(growth), _spaces_table(spaces), _together_table(together)]
    print("\n\n".join(["\n".join(_aligned(table)) for table in tables if len(table) > 1] + [_conditions(options)]))
    if options.json:
        record = {
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "versions": _versions(),
            "options": {key: value for key, value in vars(options).items() if key != "json"},
            "rows": rows,
            "growth": growth,
            "spaces": spaces,
            "spaces_together": together,
        }
        options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000, help="samples")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--sublayers", type=int, default=30)
    parser.add_argument("--peer-pairs", type=int, default=20, help="pairs that a peer is timed on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=cores(), help="residyn's threads (default: all cores)")
    parser.add_argument("--only", nargs="+", choices=tuple(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--no-growth", action="store_true", help="leave out how the cost grows with N, units, S")
    parser.add_argument("--no-space", action="store_true", help="leave out the principal components")
    parser.add_argument("--space-sublayers", type=int, default=60)
    parser.add_argument("--space-units", type=int, default=576)
    parser.add_argument("--json", type=Path, help="write every number into this file")
    options = parser.parse_args()
    counts = (options.units, options.peer_pairs, options.rounds, options.threads, options.sublayers - 1)
    if min(counts) < 1 or options.n < 20:
        parser.error("--n is at least 20, --sublayers at least 2, and every other number at least 1")
    return options


def _walks(options: argparse.Namespace) -> np.ndarray:
    """Random walks over the sublayers: the correlation of neighbours rises from 0.7 towards 1."""
    shape = (options.units, options.sublayers, options.n)
    return np.cumsum(np.random.default_rng(0).standard_normal(shape), axis=1)


def _jittered_walks(options: argparse.Namespace) -> np.ndarray:
    return jittered(_walks(options), 0, range(options.units))


def _tied_walks(options: argparse.Namespace) -> np.ndarray:
    walks = _walks(options)
    walks[:, ::2, : int(0.98 * options.n)] = 0.3
    return jittered(walks, 0, range(options.units))


def _scikit_learn() -> Pair:
    from sklearn.feature_selection import _mutual_info

    # It replaces negative values by 0 at the end; they are wanted for the comparison.
    setattr(_mutual_info, "max", lambda zero, value: value)  # noqa: B010
    return partial(_mutual_info._compute_mi_cc, n_neighbors=3)


def _scipy() -> Pair:
    from scipy.stats import gaussian_kde

    def pair(x: np.ndarray, y: np.ndarray) -> float:
        both = np.stack([x, y])
        single = gaussian_kde(x)(x) * gaussian_kde(y)(y)
        return float(np.mean(np.log((gaussian_kde(both)(both) + 1e-10) / (single + 1e-10))))

    return pair


def _frites() -> Pair:
    from frites.core import gcmi_1d_cc  # type: ignore[import-not-found]

    return lambda x, y: float(gcmi_1d_cc(x, y)) * np.log(2)


def _infomeasure() -> Pair:
    import infomeasure  # type: ignore[import-not-found]

    return partial(infomeasure.mutual_information, approach="miller_madow", base="e")


def _labels(paths: np.ndarray) -> np.ndarray:
    """The bins that `binned` puts the samples into."""
    n = paths.shape[-1]
    ranks = np.stack([doubled_ranks(path, sorting(path)) for path in paths])
    return (ranks - 1) * default_bins(n) // (2 * n)


SECTIONS: dict[str, Section] = {
    "ksg": Section(ksg, "scikit-learn", "scikit-learn", _scikit_learn, _jittered_walks),
    "ksg-tied": Section(ksg, "scikit-learn", "scikit-learn", _scikit_learn, _tied_walks),
    "kde": Section(kde, "scipy", "scipy", _scipy, _walks),
    "copula": Section(copula, "frites", "frites", _frites, _walks),
    "binned": Section(binned, "infomeasure", "infomeasure", _infomeasure, _walks, _labels),
}
"""The quantities of pairs, in the order of their table. What is no quantity of a pair has a table of its own."""


def _measure(name: str, section: Section, options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a pair of residyn and of the peer, and their largest difference; or why there is no peer."""
    print(name, file=sys.stderr, flush=True)
    paths = section.paths(options)
    n_pairs = paths.shape[0] * (paths.shape[1] - 1)
    some = [(unit, s) for unit in range(paths.shape[0]) for s in range(paths.shape[1] - 1)][: options.peer_pairs]
    estimates = section.ours(paths[:1], threads=1)
    row: dict[str, Any] = {"pairs": n_pairs, "peer": section.peer, "peer_pairs": len(some)}
    columns = section.peer_paths(paths)
    try:
        peer = section.load()
        peer(columns[0, 0], columns[0, 1])
    except Exception as error:  # whatever a peer raises belongs into the table
        missing = isinstance(error, ModuleNotFoundError)
        row["reason"] = f"{error.name} is not installed" if missing else f"{type(error).__name__}: {error}"
        peer = None
    ours, theirs, expected = [], [], np.empty(0)
    for _ in range(options.rounds):
        start = time.perf_counter()
        estimates = section.ours(paths, threads=options.threads)
        ours.append((time.perf_counter() - start) / n_pairs)
        if peer:
            start = time.perf_counter()
            expected = np.array([peer(columns[unit, s], columns[unit, s + 1]) for unit, s in some])
            theirs.append((time.perf_counter() - start) / len(some))
    row["ms"] = 1e3 * min(ours)
    if peer:
        got = np.array([estimates[0, unit, s] for unit, s in some])
        row |= {"peer_ms": 1e3 * min(theirs), "ratio": min(theirs) / min(ours)}
        row["largest_difference"] = float(np.abs(got - expected).max())
    return row


def _growth(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Milliseconds for all of a block, by estimator, as one of its sizes is doubled twice."""
    shape = {"n": options.n, "units": 4, "sublayers": 9}
    rows = []
    for size, start in (("n", max(20, options.n // 2)), ("units", 4), ("sublayers", 9)):
        for factor in (1, 2, 4):
            # Twice as many sublayers are twice as many transitions.
            value = (start - 1) * factor + 1 if size == "sublayers" else start * factor
            given = argparse.Namespace(**{**shape, size: value})
            paths, row = _jittered_walks(given), {"size": size, **vars(given)}
            for estimator in (copula, binned, ksg, kde):
                times = []
                for _ in range(options.rounds):
                    begin = time.perf_counter()
                    estimator(paths, threads=options.threads)
                    times.append(time.perf_counter() - begin)
                row[estimator.__name__] = 1e3 * min(times)
            rows.append(row)
    return rows


def _pairs_table(rows: dict[str, dict[str, Any]]) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = [("", "residyn, ms a pair", "peer", "ms a pair", "ratio", "largest difference")]
    for name, row in rows.items():
        if "reason" in row:
            lines.append((name, f"{row['ms']:.3f}", row["peer"], "not run", "", row["reason"]))
            continue
        numbers = (f"{row['peer_ms']:.2f}", f"{row['ratio']:.0f}", f"{row['largest_difference']:.1e}")
        lines.append((name, f"{row['ms']:.3f}", row["peer"], *numbers))
    return lines


def _growth_table(rows: list[dict[str, Any]]) -> list[Sequence[str]]:
    names = ("copula", "binned", "ksg", "kde")
    lines: list[Sequence[str]] = [("doubled", "N", "units", "sublayers", *(f"{name}, ms" for name in names))]
    for row in rows:
        shape = (str(row[size]) for size in ("n", "units", "sublayers"))
        lines.append((row["size"], *shape, *(f"{row[name]:.1f}" for name in names)))
    return lines


def _spaces(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The first 100 components of all states: residyn's streamed fit beside scikit-learn's solvers."""
    try:
        from sklearn.decomposition import PCA
    except ImportError:
        return []
    states = _space_states(options)
    k = min(100, states.shape[2])
    flat = states.values.reshape(-1, states.shape[2]).astype(np.float64)
    solvers: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
        "residyn, fit_space": lambda: _fitted(fit_space(states, k)),
        **{
            f"scikit-learn, {solver}": partial(_sklearn_fit, PCA(k, svd_solver=solver), flat)
            for solver in ("full", "covariance_eigh")
        },
    }
    rows: list[dict[str, Any]] = []
    reference: tuple[np.ndarray, np.ndarray] | None = None
    for name, fit in solvers.items():
        seconds = []
        for _ in range(options.rounds):
            started = time.perf_counter()
            found = fit()
            seconds.append(time.perf_counter() - started)
        reference = reference or found
        apart = 1 - np.abs((reference[0] * found[0]).sum(axis=1))
        rows.append(
            {
                "name": name,
                "seconds": min(seconds),
                "largest_difference_of_variance": float(np.abs(found[1] / reference[1] - 1).max()),
                "largest_difference_of_axes": float(apart.max()),
            }
        )
    return rows


def _space_states(options: argparse.Namespace) -> xr.DataArray:
    """Random walks over the sublayers, whose units differ in size."""
    rng = np.random.default_rng(0)
    shape = (options.n, options.space_sublayers, options.space_units)
    steps = rng.standard_normal(shape, dtype=np.float32) * np.geomspace(0.1, 3, shape[2], dtype=np.float32)
    layers, sites = [s // 2 for s in range(shape[1])], [("attn", "mlp")[s % 2] for s in range(shape[1])]
    return from_array(np.cumsum(steps, axis=1), layers, sites)


def _spaces_together(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The seven spaces of an analysis and what they explain: a fit of each beside one of all."""
    states = _space_states(options)
    largest = np.argsort(np.abs(states.values).mean(axis=(0, 1)))[::-1]
    variants: dict[str, dict[str, Any]] = {
        "global": {},
        "held out": {"hold_out": 0.5},
        "equalised": {"equalize": True},
        "z-scored": {"standardize": True},
        **{f"without {n}": {"without": largest[:n]} for n in (1, 3, 10)},
    }

    def each() -> list[np.ndarray]:
        made = []
        for name, variant in variants.items():
            space = fit_space(states, **variant)
            samples: Any = "held_out" if "hold_out" in variant else None
            made.append(explained_variance(states, space, samples=samples).values)
            if name == "global":
                pc_scores(states, space)
        return made

    def together() -> list[np.ndarray]:
        return [fit.explained.values for fit in fit_spaces(states, variants).values()]

    ways = {"fit_space of each": each, "fit_spaces": together}
    rows: list[dict[str, Any]] = []
    reference: list[np.ndarray] | None = None
    for name, way in ways.items():
        seconds = []
        for _ in range(options.rounds):
            started = time.perf_counter()
            found = way()
            seconds.append(time.perf_counter() - started)
        reference = reference or found
        apart = max(float(np.abs(a / b - 1).max()) for a, b in zip(found, reference, strict=True))
        rows.append({"name": name, "seconds": min(seconds), "largest_relative_difference": apart})
    return rows


def _together_table(rows: list[dict[str, Any]]) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = [("seven spaces", "seconds", "times fit_spaces", "largest difference: explained")]
    for row in rows:
        ratio = f"{row['seconds'] / rows[-1]['seconds']:.1f}"
        lines.append((row["name"], f"{row['seconds']:.2f}", ratio, f"{row['largest_relative_difference']:.1e}"))
    return lines


def _fitted(space: Space) -> tuple[np.ndarray, np.ndarray]:
    return space.axes.values, space.variance.values


def _sklearn_fit(pca: Any, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pca.fit(rows)
    return pca.components_, pca.explained_variance_


def _spaces_table(rows: list[dict[str, Any]]) -> list[Sequence[str]]:
    lines: list[Sequence[str]] = [
        ("100 components of all states", "seconds", "times residyn", "largest difference: variance", "of axes"),
    ]
    for row in rows:
        lines.append(
            (
                row["name"],
                f"{row['seconds']:.2f}",
                f"{row['seconds'] / rows[0]['seconds']:.1f}",
                f"{row['largest_difference_of_variance']:.1e}",
                f"{row['largest_difference_of_axes']:.1e}",
            )
        )
    return lines


def _aligned(lines: list[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    cells = [
        "| " + " | ".join([f"{line[0]:<{widths[0]}}", *map(str.rjust, line[1:], widths[1:])]) + " |"
        for line in lines
    ]
    rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:]), ""])
    return [cells[0], rule, *cells[1:]]


def _conditions(options: argparse.Namespace) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in _versions().items())
    return (
        f"{options.units} units, {options.sublayers} sublayers, {options.n} samples; residyn on {options.threads} "
        f"threads, peers on one; fastest of {options.rounds}. {versions}."
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in sorted({"numba", "numpy", *(section.package for section in SECTIONS.values())}):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
