"""The head of a model that was loaded without one gives the logits of the whole model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, Gemma3Config, Gemma3ForConditionalGeneration

import residyn as rd
from families import FAMILIES, spelling_tokenizer
from residyn.errors import DataError
from residyn.model.loading import language_model, load_model

IDS = torch.tensor([[5, 17, 8, 40]])


def whole_model(name: str, **options):
    entry = FAMILIES[name]
    torch.manual_seed(0)
    config = AutoConfig.for_model(entry.model_type, **{**entry.options, **options})
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def saved(model, folder):
    model.save_pretrained(folder)
    spelling_tokenizer().save_pretrained(folder)
    return folder


def logits(model) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS, use_cache=False).logits


# Tied and untied, with a bias, with a scale, with a soft cap, under an older name in the file.
NAMES = ["llama", "gpt2", "gptj", "cohere", "granite", "gemma2", "gpt-neox", "opt", "bloom", "phi", "codegen"]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_gives_the_head_it_holds(name, tied, tmp_path):
    model = whole_model(name, tie_word_embeddings=tied)
    loaded = rd.load_model(saved(model, tmp_path))
    module = loaded.module
    whole, reason = language_model(loaded)
    assert reason == ""
    assert whole is not None
    assert torch.equal(logits(whole), logits(model))
    assert whole.base_model is module
    shared = whole.get_output_embeddings().weight is module.get_input_embeddings().weight
    assert shared == tied


@pytest.mark.parametrize("name", ["llama", "gpt-neox"])
def test_a_model_in_memory_brings_its_own(name):
    model = whole_model(name, tie_word_embeddings=False)
    loaded = rd.load_model(model, spelling_tokenizer())
    assert language_model(loaded) == (model, "")


def test_a_base_model_in_memory_has_a_head_only_where_it_is_tied():
    tied, untied = (
        rd.load_model(whole_model("llama", tie_word_embeddings=tie).model, spelling_tokenizer())
        for tie in (True, False)
    )
    whole, _ = language_model(tied)
    assert whole is not None
    assert whole.base_model is tied.module
    assert language_model(untied) == (None, "the model's files hold no lm_head.weight")


def test_a_folder_without_a_head_says_so(tmp_path):
    model = whole_model("llama", tie_word_embeddings=False)
    loaded = rd.load_model(saved(model.model, tmp_path))
    assert language_model(loaded) == (None, "the model's files hold no lm_head.weight")


def test_no_source_and_no_class_are_reasons(tmp_path):
    loaded = rd.load_model(whole_model("llama"), spelling_tokenizer())
    assert language_model(replace(loaded, head=None))[1] == "it is not known where the model's head lies"


def test_a_head_of_another_shape_is_a_reason(tmp_path):
    model = whole_model("llama", tie_word_embeddings=False)
    model.lm_head = torch.nn.Linear(32, 90, bias=False)
    loaded = rd.load_model(saved(model, tmp_path))
    assert "torch.float32 (90, 32), not as (96, 32)" in language_model(loaded)[1]


def test_a_head_that_is_not_finite_is_refused(tmp_path):
    model = whole_model("llama", tie_word_embeddings=False)
    with torch.no_grad():
        model.lm_head.weight[3, 4] = float("nan")
    loaded = rd.load_model(saved(model, tmp_path))
    with pytest.raises(DataError, match=r"lm_head\.weight, in the model's head"):
        language_model(loaded)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("text_says", [True, False])
def test_a_model_that_also_reads_images_ties_its_head_as_the_whole_says(tied, text_says, tmp_path, tokenizer):
    """transformers obeys the whole model's config, which that of its text tower may contradict."""
    sizes = {
        "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
    }  # fmt: skip
    sight = {
        "model_type": "siglip_vision_model", "image_size": 28, "patch_size": 14, "num_hidden_layers": 1,
        "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 24,
    }  # fmt: skip
    config = Gemma3Config(text_config=sizes, vision_config=sight, mm_tokens_per_image=4)
    config.tie_word_embeddings, config.text_config.tie_word_embeddings = tied, text_says
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(tmp_path / "vlm")
    tokenizer.save_pretrained(tmp_path / "vlm")
    saved = Gemma3ForConditionalGeneration.from_pretrained(tmp_path / "vlm").float().eval()
    ids = torch.tensor([[5, 9, 40, 7]])
    for loaded, whole in ((load_model(tmp_path / "vlm"), saved), (load_model(model, tokenizer), model)):
        head, reason = language_model(loaded)
        assert head is not None, reason
        with torch.no_grad():
            assert torch.allclose(head(ids).logits, whole(input_ids=ids).logits, atol=1e-5)
