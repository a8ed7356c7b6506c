"""Models that a worker makes for itself, from recipes: once a process, with its sites proved there."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from transformers import PreTrainedModel

from residyn.errors import ModelError
from residyn.model.attached import own_hooks
from residyn.model.check import find_sites
from residyn.model.loading import LoadedModel, Recipe, language_model, load_model, permuted, untrained
from residyn.model.sites import Layout
from residyn.sitemap import SiteMap


def recipe_of(model: LoadedModel, gpus: int = 1) -> Recipe:
    """How workers make a model, over so many GPUs each. Raises ModelError for one that only this process has."""
    hooked = own_hooks(model.module)
    if model.recipe is not None and not hooked:
        return replace(model.recipe, gpus=gpus)
    reason = "it was given in memory, or with a tokenizer in memory"
    if hooked:
        reason = f"hooks of your own are on {', '.join(path or 'the model' for path in list(hooked)[:3])}"
    raise ModelError(
        f"Workers make a model for themselves, from a name or a folder, and {model.name} cannot travel to them: "
        f"{reason}. Save it to a shared folder (model.save_pretrained and tokenizer.save_pretrained) and load it "
        "from there, or do without workers."
    )


@lru_cache(maxsize=1)
def _trained(recipe: Recipe) -> LoadedModel:
    return load_model(
        recipe.model,
        revision=recipe.revision,
        dtype=recipe.dtype,
        device=recipe.device,
        attn=recipe.attention,
        gpus=recipe.gpus,
        offline=recipe.offline,
        allow_pickle=recipe.allow_pickle,
        trust_remote_code=recipe.trust_remote_code,
    )


@lru_cache(maxsize=1)
def _other(recipe: Recipe) -> LoadedModel:
    make = untrained if recipe.weights == "untrained" else permuted
    return make(_trained(_base(recipe)), recipe.seed)


def model_of(recipe: Recipe) -> LoadedModel:
    """The model of a recipe, made once a process; at most one with other weights beside the trained one."""
    return _trained(recipe) if recipe.weights == "trained" else _other(recipe)


@lru_cache(maxsize=1)
def head_of(recipe: Recipe) -> tuple[PreTrainedModel | None, str]:
    """The language model around a recipe's model, read once a process; or None and the reason."""
    return language_model(model_of(recipe))


@lru_cache(maxsize=2)
def sites_of(recipe: Recipe, layout: Layout | None) -> SiteMap:
    """The sites of a recipe's model, proved on its weights once a process.

    Those of a model whose weights are permuted are the trained one's, where alone they can be proved.
    """
    return find_sites(model_of(_base(recipe) if recipe.weights == "permuted" else recipe), layout)


def _base(recipe: Recipe) -> Recipe:
    return replace(recipe, weights="trained", seed=0)
