"""What is told of distributions of the next token, beside the model's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

_RULED_OUT = -1e300
"""Stands for ln 0, so that 0 · ln 0 is 0."""
_INFINITE = 1e200


@dataclass(frozen=True)
class Final:
    """The model's own distribution of the next token, in float64: ln p (word,), p, and its entropy in nats.

    `next` is the token that came next, or None where that is not known.
    """

    log: torch.Tensor
    p: torch.Tensor
    entropy: float
    token: int
    next: int | None

    @property
    def loss(self) -> float:
        """−ln p of the token that came next; NaN where it is not known."""
        return np.nan if self.next is None else -float(self.log[self.next])


def final_of(logits: torch.Tensor, next_token: int | None) -> Final:
    """The distribution of the model's own logits (word,)."""
    log = _place(logits).double().log_softmax(dim=-1)
    p = log.exp()
    finite = log.clamp_min(_RULED_OUT)
    return Final(log, p, -float(p @ finite), int(log.argmax()), next_token)


def compared(
    final: Final, logits: Iterable[torch.Tensor], exchanged: torch.Tensor | None
) -> dict[str, np.ndarray]:
    """What rows of logits say of the next token, (row,) each, beside the model's own distribution p.

    kl         KL(p ‖ q) in nats; infinite where q rules out what p does not
    entropy    of q, in nats
    token      the most likely one of q, the first where several are
    loss       −ln q of the token that came next; NaN where it is not known
    other_kl   KL(p ‖ q) where q's words are `exchanged`: word i has the probability of word exchanged[i]
    """
    parts: dict[str, list[torch.Tensor]] = {}
    moved = None if exchanged is None else _moved(final.p, exchanged)
    for some in logits:
        q = _place(some).double().log_softmax(dim=-1).clamp_min_(_RULED_OUT)
        found = {
            "kl": _divergence(final, q, final.p),
            "entropy": -(q.exp() * q).sum(dim=-1),
            "token": q.argmax(dim=-1),
            "loss": torch.full_like(q[:, 0], torch.nan) if final.next is None else -q[:, final.next],
        }
        if moved is not None:
            found["other_kl"] = _divergence(final, q, moved)
        for name, values in found.items():
            parts.setdefault(name, []).append(values.cpu())
    made = {name: torch.cat(values).numpy() for name, values in parts.items()}
    made["loss"] = np.where(made["loss"] > _INFINITE, np.inf, made["loss"])
    return made


def _divergence(final: Final, q: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Σ p ln p − Σ p ln q of every row; p may have its words exchanged, which leaves its entropy."""
    found = -final.entropy - q @ p
    return torch.where(found > _INFINITE, torch.inf, found.clamp_min(0.0))


def _moved(p: torch.Tensor, exchanged: torch.Tensor) -> torch.Tensor:
    """Σ p[i] ln q[exchanged[i]] = Σ moved[j] ln q[j]."""
    moved = torch.empty_like(p)
    moved[exchanged.to(p.device)] = p
    return moved


def _place(logits: torch.Tensor) -> torch.Tensor:
    """Where double precision is to be had."""
    return logits.to("cpu") if logits.device.type == "mps" else logits
