"""Every family as a tiny random model, built from its config: no download."""

from __future__ import annotations

import pytest
import torch
from families import FAMILIES, build


@pytest.fixture(params=sorted(FAMILIES))
def family(request) -> str:
    return request.param


@pytest.fixture
def base_model(family):
    return build(family)


@pytest.fixture
def token_ids():
    return torch.randint(5, 90, (1, 11), generator=torch.Generator().manual_seed(3))
