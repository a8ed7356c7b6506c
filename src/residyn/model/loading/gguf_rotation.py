"""The rotations (RoPE) that a GGUF header describes, as llama.cpp makes them: put into a config, and compared.

Frequencies and their scaling are those of ggml's `rope_yarn`; the tensors of factors that Llama 3.1 and Phi-3 have
are read as llama.cpp's converter writes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from residyn.model.loading.gguf_file import GgufFile

ROPE_FACTORS = "rope_freqs.weight"
LONG_FACTORS, SHORT_FACTORS = "rope_factors_long.weight", "rope_factors_short.weight"
_CLOSE = 2e-5
_BASE = _LOCAL_BASE = 10_000.0


@dataclass(frozen=True)
class _Rotation:
    """The rotations that a header describes: what the config has to say, the frequencies, the factor on both."""

    parameters: Mapping[str, Any]
    frequencies: np.ndarray
    scaling: float


def put_rotation(file: GgufFile, config: Any) -> None:
    """Put the header's rotations into the config. Raises ModelError where it has no place for them."""
    known = getattr(config, "rope_parameters", None)
    if not isinstance(known, dict):
        if any(key.startswith("rope.scaling") for key in file.stated) or _factors_of(file):
            raise file.refusal(next((key for key in file.stated if key.startswith("rope.scaling")), ROPE_FACTORS))
        return
    by_kind = "full_attention" in known
    own = known["full_attention"] if by_kind else known
    sections = file.stated.get("rope.dimension_sections")
    if isinstance(sections, tuple) and [n for n in sections if n] != list(own.get("mrope_section", ())):
        raise file.refusal("rope.dimension_sections")
    rotation = _rotation(file, config, own)
    kept = {name: value for name, value in own.items() if name.startswith("mrope") or name == "truncate"}
    made = {**kept, **rotation.parameters}
    if by_kind:
        if own.get("rope_type") != "proportional":
            known = {**known, "full_attention": made}
        local: dict[str, Any] = {"rope_type": "default", **(known.get("sliding_attention") or {})}
        local["rope_theta"] = file.number("rope.freq_base_swa", _LOCAL_BASE)
        made = {**known, "sliding_attention": local}
    file.put(config, "rope.scaling.type", "rope_parameters", made)
    if rotation.parameters["rope_type"] == "longrope" and hasattr(config, "original_max_position_embeddings"):
        config.original_max_position_embeddings = rotation.parameters["original_max_position_embeddings"]


def _rotation(file: GgufFile, config: Any, own: Mapping[str, Any]) -> _Rotation:
    """The rotations of the header, as llama.cpp makes them. Raises ModelError for what it cannot be told."""
    width = int(getattr(config, "global_head_dim", None) or getattr(config, "head_dim", None) or 0)
    width = width or config.hidden_size // config.num_attention_heads
    n = int(file.number("rope.dimension_count", width))
    if not 0 < n <= width or n % 2:
        raise file.refusal("rope.dimension_count", f"a head has {width} units")
    base = file.number("rope.freq_base", _BASE)
    if base <= 1.0:
        raise file.refusal("rope.freq_base")
    for key, neutral in (("yarn_ext_factor", (1.0,)), ("yarn_log_multiplier", (0.0,)), ("alpha", (0.0, 1.0))):
        if file.number(f"rope.scaling.{key}", neutral[0]) not in neutral:
            raise file.refusal(f"rope.scaling.{key}")
    bare = base ** (-np.arange(0, n, 2) / n)
    parameters: dict[str, Any] = {"rope_type": "default", "rope_theta": base}
    if n != width or "partial_rotary_factor" in own:
        # The least above the quotient, so that its product with the width is not rounded below n.
        parameters["partial_rotary_factor"] = n / width if int(width * (n / width)) == n else n / width + 1e-9
    if own.get("truncate") is False:
        parameters["truncate"] = False
    return _scaled(file, parameters, bare)


def _scaled(file: GgufFile, parameters: dict[str, Any], bare: np.ndarray) -> _Rotation:
    """The rotations, scaled by the method that the header names."""
    factors = _factors_of(file)
    method = str(file.stated.get("rope.scaling.type", "linear"))
    factor = file.number("rope.scaling.factor", file.number("rope.scale_linear", 0.0)) or 1.0
    factor = 1.0 if method == "none" else factor
    attention = file.number("rope.scaling.attn_factor", 1.0) * file.number("rope.scaling.yarn_attn_factor", 1.0)
    original = int(file.number("rope.scaling.original_context_length", file.number("context_length", 0)))
    if method in ("linear", "none"):
        if attention != 1.0:
            raise file.refusal("rope.scaling.attn_factor")
        if ROPE_FACTORS in factors:
            if factor != 1.0:
                raise file.refusal("rope.scaling.factor", f"beside {ROPE_FACTORS}")
            return _with_factors(file, parameters, bare, factors[ROPE_FACTORS])
        if factors:
            raise file.refusal(next(iter(factors)), "without rope.scaling.type = longrope")
        if factor == 1.0:
            return _Rotation(parameters, bare, 1.0)
        return _Rotation({**parameters, "rope_type": "linear", "factor": factor}, bare / factor, 1.0)
    if method == "longrope" and {*factors} == {LONG_FACTORS, SHORT_FACTORS} and factor == 1.0 and original:
        if any(len(values) != len(bare) for values in factors.values()):
            raise file.refusal("rope.scaling.type", "as many factors as rotations were wanted")
        made = {
            **parameters,
            "rope_type": "longrope",
            "short_factor": factors[SHORT_FACTORS].tolist(),
            "long_factor": factors[LONG_FACTORS].tolist(),
            "original_max_position_embeddings": original,
            "attention_factor": attention,
        }
        return _Rotation(made, bare / factors[SHORT_FACTORS], attention)
    if method == "yarn" and not factors and original:
        stretched = {**parameters, "factor": factor, "original_max_position_embeddings": original}
        return _yarn(file, stretched, bare, attention)
    raise file.refusal("rope.scaling.type")


def _yarn(file: GgufFile, stretched: dict[str, Any], bare: np.ndarray, attention: float) -> _Rotation:
    """YaRN: slow rotations are stretched by the factor, fast ones are not, with a ramp between."""
    fast = file.number("rope.scaling.yarn_beta_fast", 32.0)
    slow = file.number("rope.scaling.yarn_beta_slow", 1.0)
    n, factor = 2 * len(bare), stretched["factor"]
    whole, length = 2 * math.log(stretched["rope_theta"]), stretched["original_max_position_embeddings"]
    low, high = (n * math.log(length / (turns * 2 * math.pi)) / whole for turns in (fast, slow))
    if stretched.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, n - 1)
    ramp = np.clip((np.arange(n // 2) - low) / max(high - low, 0.001), 0.0, 1.0)
    scaling = attention * (1.0 + 0.1 * math.log(factor) if factor > 1 else 1.0)
    made = {
        **stretched,
        "rope_type": "yarn",
        "beta_fast": fast,
        "beta_slow": slow,
        "attention_factor": scaling,
    }
    return _Rotation(made, bare / factor * ramp + bare * (1 - ramp), scaling)


def _with_factors(file: GgufFile, parameters: dict[str, Any], bare: np.ndarray, factors: np.ndarray) -> _Rotation:
    """Rotations divided by the factors that the file holds: those of Llama 3.1, of which the config has the law.

    The law has one factor for slow rotations, none for fast ones, and a straight line between, in turns over the
    original context; the line is found from the factors on it.
    """
    if len(factors) != len(bare) or not bool((np.isfinite(factors) & (factors > 0)).all()):
        raise file.refusal(ROPE_FACTORS, "one finite factor for each rotation was wanted")
    rotation = _Rotation(parameters, bare / factors, 1.0)
    if np.allclose(factors, 1.0, rtol=1e-6):
        return rotation
    most = float(factors.max())
    if most > 1e6:
        # Rotations that are switched off, as Gemma-4 has them: its config says so itself, and is checked.
        return rotation
    turns = bare / (2 * math.pi)
    share = (1 / factors - 1 / most) / (1 - 1 / most)
    between = (share > 1e-4) & (share < 1 - 1e-4)
    laws = [(1.0, 4.0, 8192.0)]
    if between.sum() >= 2:
        slope, start = np.polyfit(turns[between], share[between], 1)
        if start < 0:
            laws.append((1.0, 1.0 - 1.0 / start, -slope / start))
    for low, high, original in laws:
        line = np.clip((original * turns - low) / (high - low), 0.0, 1.0)
        if np.allclose(1 / ((1 - line) / most + line), factors, rtol=_CLOSE):
            made = {
                **parameters,
                "rope_type": "llama3",
                "factor": most,
                "low_freq_factor": low,
                "high_freq_factor": high,
                "original_max_position_embeddings": round(original),
            }
            return _Rotation(made, bare / factors, 1.0)
    raise file.refusal(ROPE_FACTORS, "its factors follow no law that a config can state")


def _factors_of(file: GgufFile) -> dict[str, np.ndarray]:
    """The tensors of the file by which rotations are divided."""
    found = {}
    for name in (ROPE_FACTORS, LONG_FACTORS, SHORT_FACTORS):
        tensor = file.header.tensors.get(name)
        if tensor is None:
            continue
        kind = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}.get(tensor.type_name)
        if kind is None or len(tensor.shape) != 1:
            raise file.refusal(name, f"stored as {tensor.type_name} {list(tensor.shape)}")
        values = np.fromfile(file.path, kind, tensor.n_elements, offset=tensor.offset)
        found[name] = values.astype(np.float64)
    return found


def check_rotation(file: GgufFile, model: PreTrainedModel) -> None:
    """Raise ModelError where the rotations of the model that was built are not those of the header."""
    config: Any = model.config
    known = getattr(config, "rope_parameters", None)
    found = {
        name.rpartition(".")[2]: (part, buffer)
        for path, part in model.named_modules()
        for name, buffer in part.named_buffers(prefix=path, recurse=False)
        if name.endswith("inv_freq") and "original" not in name
    }
    if not isinstance(known, dict):
        return
    by_kind = "full_attention" in known
    full = known["full_attention"] if by_kind else known
    wanted = {"full_attention_inv_freq" if by_kind else "inv_freq": _rotation(file, config, full)}
    if by_kind and "sliding_attention_inv_freq" in found:
        n = 2 * len(found["sliding_attention_inv_freq"][1])
        base = file.number("rope.freq_base_swa", _LOCAL_BASE)
        wanted["sliding_attention_inv_freq"] = _Rotation({}, base ** (-np.arange(0, n, 2) / n), 1.0)
    for name, rotation in wanted.items():
        part, buffer = found.get(name, (None, torch.empty(0)))
        came = buffer.detach().double().cpu().numpy()
        if came.shape != rotation.frequencies.shape:
            raise file.refusal(
                "rope.dimension_count", f"{2 * len(came)} units of a head are rotated in the model built"
            )
        if not np.allclose(came, rotation.frequencies, rtol=_CLOSE, atol=1e-12):
            key = "rope.scaling.type" if "rope.scaling.type" in file.stated else "rope.freq_base"
            raise file.refusal(key, "the model built rotates otherwise")
        scaling = getattr(part, name.replace("inv_freq", "attention_scaling"), 1.0)
        if not math.isclose(scaling, rotation.scaling, rel_tol=1e-5):
            raise file.refusal("rope.scaling.attn_factor", f"the model built has {scaling:.6g}")
