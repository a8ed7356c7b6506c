"""`jacobians`: samples × sublayers → what each local map does, one sample at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from residyn.errors import ModelError, ResourceError, UsageError
from residyn.model import hooks
from residyn.model.attached import is_spread
from residyn.model.check import find_sites
from residyn.model.jacobians.labels import labelled
from residyn.model.jacobians.maps import local_maps
from residyn.model.jacobians.measure import measured
from residyn.model.jacobians.proof import LIMIT, Proof
from residyn.model.jacobians.step import token_step
from residyn.model.layout import Layout
from residyn.model.loading import GivenModel, LoadedModel, loaded
from residyn.model.loading.placement import Need, Wish, place
from residyn.model.parts import Parts, kept
from residyn.model.teleport.hosts import read_hosts
from residyn.model.texts import Sample, Samples, Texts
from residyn.progress import Progress, told
from residyn.settings import JacobianSettings
from residyn.sitemap import SiteMap
from residyn.store.manifest import fingerprint_of, residyn_version

_DEFAULT = JacobianSettings()
FORMAT = 1
"""What is kept of a sample: another number where it is no longer the same."""
MEMORY = 256 * 2**20
"""Bytes that the rows of one product may take."""
_SECOND = 10**6


def jacobians(
    model: GivenModel,
    texts: str | Iterable[str] | Texts | Samples,
    *,
    labels: Sequence[int] | None = None,
    exact_width: int = _DEFAULT.exact_width,
    span: int = _DEFAULT.span,
    seed: int = 0,
    layout: Layout | None = None,
    out: str | Path | None = None,
    progress: Progress | bool | None = None,
) -> xr.Dataset:
    """What each sublayer does to a small change of one token's stream, in each text: its Jacobian, in numbers.

    J_s = ∂h_{s+1}/∂h_s − I, where h_s is the state of the text's last token before sublayer s and h_{s+1} the one
    behind it; the tokens before it stay as they are. Exact: derivatives are the model's own, of one pass of one
    token. Behind the last sublayer stands the output of the last block.

    model: from `load_model`, or what that takes: a hub id, a folder, a built-in name. Weights in bfloat16 or
        float16 are widened to float32 for it.
    texts: one string or several, or what `read_texts` or `tokenize_texts` returned.
    labels: a label for each text; by default 0, 1, …
    exact_width: up to this many units matrices are made whole, a few layers at a time. In wider models the largest
        singular values and eigenvalues are found from products (randomised SVD, Arnoldi), norms and skew share
        from random probes, and what takes all of them (henrici, effective ranks) is NaN.
    span: over how many sublayers an exponent is a mean.
    seed: decides probes, directions of the proof and random matrices.
    layout: a map of sites of your own.
    out: a folder in which each text's numbers are kept; the same call goes on with the texts that it lacks.
    progress: a function that is called with (sublayers done, sublayers in all), or False for no bar, as
        `rd.capture` takes it.

    Returns a Dataset, float32, whose variables say what they are in their attributes `definition` and `units`:
    (sample, sublayer): frobenius, spectral_norm, skew_share, henrici, complex_share, rotation, effective_rank,
        log_norm_growth; with a further dimension singular_values, eigenvalue_real, eigenvalue_imag
        (by modulus, the largest first; NaN in the place of one whose conjugate is cut off), stretch, exponent,
        excess_exponent; what has ginibre_ in its name is the same of random matrices of the same Frobenius norms.
    (sample, layer): what begins with layer_: the same of whole layers, (I + J_mlp)(I + J_attn) − I; layer_coupling
        and layer_alignment with the layer that follows; layer_product_rank, of all maps up to the layer's end.
    Attributes: `proof_error`, the largest relative difference of J v from central finite differences at the best
    of six steps, over two directions at every sublayer of the first text; `paths`, why texts were read whole.

    Source: arXiv 2605.14258, whose code is not public; coupling: arXiv 2407.07810.

    Raises UsageError, DataError; ModelError where a model is spread over devices, or finite differences do not
    agree to 1e-3; ResourceError where memory is lacking; Interrupted, on Ctrl-C, after the text in hand, where
    results are stored.

    >>> maps = rd.jacobians(model, ["The Eiffel Tower is in the city of"])
    >>> maps.skew_share.dims
    ('sample', 'sublayer')
    """
    for name, number in (("exact_width", exact_width), ("span", span)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise UsageError(f"{name} is a whole number, at least 1; got {number!r}.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise UsageError(f"seed is a whole number, at least 0; got {seed!r}.")
    given = loaded(model)
    hosts = read_hosts(given, texts, "last")
    names = list(range(len(hosts))) if labels is None else [int(label) for label in labels]
    if len(names) != len(hosts):
        raise UsageError(f"There is a label for each of {len(hosts)} texts; got {len(names)} labels.")
    wide = _widened(given)
    sites = find_sites(wide, layout)
    samples = hosts.samples
    with told("Jacobians", "sublayers", progress) as tell:
        work = _Work(wide, sites, wide.n_units <= exact_width, int(seed), tell, samples)
        made = (
            [work.of(number) for number in range(len(samples))]
            if out is None
            else kept(
                Parts(Path(out), "Jacobians"),
                [sample.input_ids for sample in samples],
                work.fingerprint,
                work.of,
                lambda _: work.add(len(sites.sites)),
            )
        )
    errors = [float(part["proof_error"]) for part in made if np.isfinite(part["proof_error"])]
    attrs = {
        "quantity": "jacobians",
        "model": given.title,
        "texts": hosts.name,
        "computed_in": str(wide.dtype).removeprefix("torch."),
        "capture_dtype": str(given.dtype).removeprefix("torch."),
        "n_units": wide.n_units,
        "exact": int(work.exact),
        "span": int(span),
        "seed": int(seed),
        "proof_error": max(errors, default=np.nan),
        "proof_limit": LIMIT,
        "paths": json.dumps(sorted({str(part["reason"]) for part in made} - {""})),
        "sites": sites.to_json(),
        "residyn_version": residyn_version(),
    }
    numbers = [{name: part[name] for name in part if name not in ("proof_error", "reason")} for part in made]
    return labelled(list(zip(names, hosts.samples, strict=True)), numbers, sites, int(span), attrs)


@dataclass
class _Work:
    """What the samples of one model have in common; samples go by their numbers.

    The first of them is proved, whichever is computed first, so that a sample's file is the same bytes after an
    interruption.
    """

    model: LoadedModel
    sites: SiteMap
    exact: bool
    seed: int
    progress: Progress
    samples: Sequence[Sample]
    done: int = 0

    def fingerprint(self, number: int) -> str:
        """The sha256 of what decides a sample's numbers."""
        return fingerprint_of(
            {
                "format": FORMAT,
                "model": self.model.fingerprint(),
                "sites": self.sites.to_json(),
                "ids": list(self.samples[number].input_ids),
                "proved": self._is_proved(number),
                "exact": self.exact,
                "seed": self.seed,
                "residyn_version": residyn_version(),
            }
        )

    def _is_proved(self, number: int) -> bool:
        # By its tokens, after which its file is named: a text may be given twice.
        return self.samples[number].input_ids == self.samples[0].input_ids

    def of(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of one sample."""
        sample = self.samples[number]
        try:
            return self._of(sample, prove=self._is_proved(number))
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not hooks.out_of_memory(error):
                raise
            raise ResourceError(
                f"Memory ran out in the Jacobians of a text of {sample.n_tokens} tokens in {self.model.name}. "
                "Take shorter texts, or a smaller exact_width."
            ) from error

    def _of(self, sample: Sample, *, prove: bool) -> dict[str, np.ndarray]:
        step = token_step(self.model.module, self.sites, sample.input_ids)
        proof = Proof(step, self.model.name, self.seed) if prove else None
        # The text decides, not its place among others, so that more texts can be added.
        seed = [self.seed, *(number % _SECOND for number in sample.input_ids[-8:]), sample.n_tokens]
        seen = proof.add if proof is not None else lambda *_: None
        found = measured(step, local_maps(step, MEMORY), exact=self.exact, seed=seed, report=self.add, seen=seen)
        error = np.nan if proof is None else proof.error()
        return {**found, "proof_error": np.array(error), "reason": np.array(step.reason)}

    def add(self, sublayers: int) -> None:
        self.done += sublayers
        self.progress(self.done, len(self.samples) * len(self.sites.sites))


def check_whole(model: LoadedModel) -> None:
    """Raise ModelError for a model that is spread over devices, of which no Jacobians are taken."""
    if is_spread(model.module):
        raise ModelError(
            f"Jacobians are of a model that is on one device, and {model.name} is spread over several, or "
            "offloaded. Load it on one device, or go without them."
        )


def _widened(model: LoadedModel) -> LoadedModel:
    """The model in a number format of at least 32 bits, because derivatives of narrower ones say little.

    Raises ModelError for one that is spread over devices, ResourceError where there is no room for a wider copy.
    """
    check_whole(model)
    if model.dtype.itemsize >= 4:
        return model
    n = sum(parameter.numel() for parameter in model.module.parameters())
    place(Wish(torch.float32, model.device), Need(n, torch.float32))
    try:
        wide = copy.deepcopy(model.module).float().eval().requires_grad_(False)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ResourceError(
            f"Memory ran out while {model.name} was widened to float32 for its Jacobians. Go without them, or "
            "take a smaller model."
        ) from error
    return replace(model, module=wide, dtype=torch.float32)
