"""Fixtures of the model room: every family as a tiny random model, without a download."""

from __future__ import annotations

import pytest
import torch

from families import FAMILIES, build, like_loaded


@pytest.fixture(params=sorted(FAMILIES))
def family(request) -> str:
    return request.param


@pytest.fixture
def loaded(family):
    """What the sites need of a loaded model: its base module and its name."""
    return like_loaded(build(family), family)


@pytest.fixture
def token_ids():
    return torch.randint(5, 90, (2, 11), generator=torch.Generator().manual_seed(3))
