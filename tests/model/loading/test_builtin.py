"""The built-in model, as everybody gets it."""

from __future__ import annotations

import pytest
import torch

from residyn.errors import ModelError
from residyn.model.assets import asset_path
from residyn.model.loading import load_model


def test_offline_and_never_fetched_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDYN_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="smollm2-135m"):
        load_model(offline=True)


@pytest.mark.assets
def test_the_built_in_model_is_smollm2_and_speaks_english():
    asset_path("smollm2-135m")
    loaded = load_model()
    assert (loaded.source, loaded.model_type, loaded.n_layers, loaded.n_units) == ("builtin", "llama", 30, 576)
    assert (loaded.context, loaded.name) == (8192, "smollm2-135m")
    assert sum(parameter.numel() for parameter in loaded.module.parameters()) == 134_515_008
    assert loaded.tokenizer("Hello world.")["input_ids"] == [19556, 905, 30]
    # Digits are split off before anything else is, so that two line ends in front of one are one token.
    assert loaded.tokenizer.tokenize("a\n\n1 km²") == ["a", "ĊĊ", "1", "Ġkm", "Â²"]
    # The embedding is tied to the head: the next word of a sentence tells right weights from scrambled ones.
    ids = torch.tensor([loaded.tokenizer("The capital of France is")["input_ids"]])
    with torch.no_grad():
        last = loaded.module(ids).last_hidden_state[0, -1]
    assert loaded.tokenizer.decode(int((loaded.module.get_input_embeddings().weight @ last).argmax())) == " Paris"
