"""How a GGUF header says that text becomes tokens, held against the tokenizer that transformers made of it.

llama.cpp splits a text before its merges by a rule that the header only names. transformers knows some of the
names, and takes GPT-2's rule for every other. Here a rule is put into the tokenizer, or the file is refused.
"""

from __future__ import annotations

from typing import Any

from tokenizers import Regex, pre_tokenizers
from transformers import PreTrainedTokenizerBase

from residyn.errors import ModelError
from residyn.model.gguf_guard import GgufHeader

_PRE, _SPACE = "tokenizer.ggml.pre", "tokenizer.ggml.add_space_prefix"
# GPT-2's rule, which transformers takes for every name that it does not know.
_AS_GPT2 = frozenset({"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling"})
# Each digit alone, then GPT-2's rule.
_DIGITS = frozenset({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"})
_AS_OTHERS = {"stablelm2": "qwen2", "hunyuan": "qwen2"}
_WORD = "▁"


def complete_tokenizer(name: str, header: GgufHeader, tokenizer: PreTrainedTokenizerBase) -> None:
    """Make a tokenizer split texts as the header says.

    Raises ModelError, naming the key, where it says what is not known.
    """
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    kind = header.values.get("tokenizer.ggml.model")
    if backend is None or kind not in ("gpt2", "llama"):
        return
    if kind == "llama":
        _check_space(name, header, backend)
        return
    rule = header.values.get(_PRE)
    if rule is None or rule in _AS_GPT2:
        return
    known = _known_splits()
    if rule in _DIGITS:
        first: Any = pre_tokenizers.Digits(individual_digits=True)
        second = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    elif split := known.get(_AS_OTHERS.get(str(rule), str(rule))):
        first = pre_tokenizers.Split(Regex(split), behavior="isolated")
        second = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    else:
        raise _refusal(name, _PRE, rule)
    backend.pre_tokenizer = pre_tokenizers.Sequence([first, second])


def _known_splits() -> dict[str, str]:
    try:
        from transformers.integrations.gguf import gguf_tokenizer_mapping as tables
    except ImportError:  # earlier versions have no such table
        return {}
    return dict(getattr(tables, "GGUF_PRE_TOKENIZER_SPLITS", {}))


def _check_space(name: str, header: GgufHeader, backend: Any) -> None:
    """Whether a space is put in front of a text: as the header says, or the file is refused."""
    stated = header.values.get(_SPACE)
    if not isinstance(stated, bool):
        return
    if not stated and _puts_space(backend):
        backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_WORD, prepend_scheme="never", split=False)
    if _puts_space(backend) != stated:
        raise _refusal(name, _SPACE, stated)


def _puts_space(backend: Any) -> bool:
    text = backend.normalizer.normalize_str("a") if backend.normalizer else "a"
    pieces = backend.pre_tokenizer.pre_tokenize_str(text) if backend.pre_tokenizer else [(text, None)]
    return pieces[0][0].startswith(_WORD)


def _refusal(name: str, key: str, value: object) -> ModelError:
    return ModelError(
        f"{name} says {key} = {str(value)[:60]}, which decides the tokens of a text, and no such rule is known "
        "here. Take the model's safetensors release instead."
    )
