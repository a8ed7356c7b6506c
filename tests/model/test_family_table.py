"""docs/models.md says of each family what is found of it today."""

from __future__ import annotations

import pytest

from families import BY_STRUCTURE, FAMILIES, HYBRIDS, REFUSED, known
from proved_families import PAGE, page
from residyn.model.sites import FAMILIES as TABLE

EVERY = [*FAMILIES.values(), *HYBRIDS.values(), *BY_STRUCTURE.values(), *(entry for entry, _ in REFUSED.values())]


@pytest.mark.slow
@pytest.mark.skipif(not all(map(known, EVERY)), reason="not every family is in this transformers")
def test_the_page_of_models_is_that_of_today():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: python -m proved_families"


def test_every_family_of_the_table_is_tried():
    tried = {entry.model_type for entry in EVERY}
    # Their blocks are those of a family that is tried.
    alike = {"lfm2_moe": "lfm2", "qwen3_5_moe_text": "qwen3_5_text"}
    assert set(alike.values()) <= tried
    assert TABLE.keys() - alike.keys() <= tried
    assert all(TABLE[name] is TABLE[of] for name, of in alike.items())
