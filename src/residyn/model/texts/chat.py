"""Texts as a chat model reads them: a user's message in the tokenizer's own template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from residyn.errors import ModelError, UsageError


def as_chats(tokenizer: Any, texts: Sequence[str]) -> list[str]:
    """Each text as the only message of a chat, up to where the model begins to answer.

    The template is rendered by transformers, in its sandbox. Raises UsageError for a tokenizer without a template,
    ModelError where the template cannot be rendered or leaves the text out.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(
            "A chat was asked for, and this model's tokenizer has no chat template. Leave chat out, or write the "
            "prompts yourself and read their special tokens: special_tokens='read' (--special-tokens read)."
        )
    return [_rendered(tokenizer, text) for text in texts]


def check_opening(tokenizer: Any) -> list[str]:
    """A warning where nothing in the template begins the model's answer: texts then end in the user's turn."""
    if _rendered(tokenizer, "a") != _rendered(tokenizer, "a", answered=False):
        return []
    return [
        "The chat template has no words that begin the model's answer (add_generation_prompt changes nothing): "
        "states are those at the end of the user's message."
    ]


def _rendered(tokenizer: Any, text: str, *, answered: bool = True) -> str:
    chat = [{"role": "user", "content": text}]
    try:
        made = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=answered)
    except Exception as error:  # a template raises what it likes
        raise ModelError(
            f"The tokenizer's chat template cannot be rendered for a user's message: {type(error).__name__}: "
            f"{str(error)[:200]} Write the prompts yourself, with special_tokens='read'."
        ) from error
    if text.strip() not in made:
        raise ModelError(
            "The tokenizer's chat template leaves out the user's message, or changes it. Write the prompts "
            "yourself, with special_tokens='read'."
        )
    return made
