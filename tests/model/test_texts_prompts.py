"""Prompts as a model reads them: special tokens, chat templates, white space, ready ids; texts that are alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers as tf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from residyn import capture, load_model
from residyn.errors import DataError, ModelError, UsageError
from residyn.model.teleport.hosts import read_hosts
from residyn.model.texts import read_texts, tokenize_texts

LINES = ["How do I prune an old apple tree?", "What is the tallest mountain, and who climbed it?"]
PROMPTS = [f"<|im_start|>user\n{line}<|im_end|>\n<|im_start|>assistant\n" for line in LINES]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build(template: str | None = None, **how: str) -> tf.PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = tf.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", **how
    )
    tokenizer.add_special_tokens({"additional_special_tokens": special[3:]})
    tokenizer.chat_template = template
    return tokenizer


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = tf.LlamaConfig(
        vocab_size=320,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    return load_model(tf.AutoModelForCausalLM.from_config(config).float().eval(), build())


def kept(rows, **how):
    return read_texts(rows, **{"n": None, "min_chars": 0, "max_chars": None, "white_space": "keep", **how})


def ids(tokenizer, text):
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("bos", ["auto", "never"])
def test_prompts_are_read_as_the_model_reads_them(bos):
    tokenizer = build()
    samples = tokenize_texts(kept(PROMPTS), tokenizer, bos=bos, special_tokens="read")
    assert [sample.input_ids for sample in samples] == [ids(tokenizer, prompt) for prompt in PROMPTS]
    assert tokenizer.decode(samples.samples[0].input_ids[-1:]) == "\n"
    assert samples.warnings == ()
    assert samples.counts["holds_special"] == 2
    assert samples.settings["special_tokens"] == "read"


@pytest.mark.parametrize(("bos", "count"), [("never", 1), ("auto", 1), ("always", 1)])
def test_a_prompt_that_begins_with_bos_keeps_one(bos, count):
    samples = tokenize_texts(kept([f"<s>{prompt}" for prompt in PROMPTS]), build(), bos=bos, special_tokens="read")
    assert [sample.input_ids.count(1) for sample in samples] == [count] * 2
    assert all(sample.input_ids[0] == 1 for sample in samples)


def test_the_tokenizers_own_template_is_rendered():
    tokenizer = build(TEMPLATE)
    samples = tokenize_texts(kept(LINES), tokenizer, chat=True)
    for line, sample in zip(LINES, samples, strict=True):
        chat = [{"role": "user", "content": line}]
        own = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        assert sample.input_ids == ids(tokenizer, own)
        assert sample.input_ids[0] == 1
        assert sample.input_ids.count(1) == 1
    assert samples.settings["chat"] is True


def test_a_template_without_the_beginning_of_an_answer_is_told():
    assert tokenize_texts(kept(LINES), build(TEMPLATE), chat=True).warnings == ()
    closed = TEMPLATE.replace("add_generation_prompt", "false")
    warnings = tokenize_texts(kept(LINES), build(closed), chat=True).warnings
    assert len(warnings) == 1
    assert "no words that begin the model's answer" in warnings[0]


@pytest.mark.parametrize(
    ("template", "error", "message"),
    [
        (None, UsageError, r"no chat template.*--special-tokens read"),
        ("{{ raise_exception('no user') }}", ModelError, "cannot be rendered .*no user"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", ModelError, "cannot be rendered .*SecurityError"),
        ("{{ messages.append(1) }}", ModelError, "cannot be rendered .*SecurityError"),
        ("hello", ModelError, "leaves out the user's message"),
    ],
)
def test_templates_that_cannot_be_used_are_told(template, error, message):
    with pytest.raises(error, match=message):
        tokenize_texts(kept(LINES), build(template), chat=True)


def test_a_chat_takes_no_rule_for_bos():
    with pytest.raises(UsageError, match="says itself what stands in front"):
        tokenize_texts(kept(LINES), build(TEMPLATE), chat=True, bos="never")
    with pytest.raises(UsageError, match="'spell' or 'read'"):
        tokenize_texts(kept(LINES), build(), special_tokens="drop")


def test_white_space_is_kept_where_asked_and_never_lost_in_silence(tmp_path):
    rows = [" a", "b\n", "c"]
    assert [row.text for row in kept(rows).rows] == rows
    assert kept(rows).warnings == ()
    stripped = kept(rows, white_space="strip")
    assert [row.text for row in stripped.rows] == ["a", "b", "c"]
    assert stripped.counts["stripped"] == 2
    assert stripped.warnings[0].startswith("2 of the 3 texts of list that pass begin or end in white space")
    assert kept(["  ", "a"]).counts["blank"] == 1
    (tmp_path / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    for how in ("keep", "strip"):
        read = kept(tmp_path / "windows.txt", white_space=how)
        assert [row.text for row in read.rows] == ["one", "two"]
        assert read.warnings == ()
    with pytest.raises(UsageError, match="'strip' or 'keep'"):
        kept(rows, white_space="no")


def test_strings_and_hosts_are_the_texts_that_were_given(model):
    given = [" The stream", "The stream", "The stream\n"]
    states = capture(model, given).sortby("sample")
    own = [ids(model.tokenizer, text) for text in given]
    assert states["n_tokens"].values.tolist() == [len(row) for row in own]
    with torch.no_grad():
        hidden = [
            model.module(torch.tensor([row]), output_hidden_states=True).hidden_states[1][0, -1] for row in own
        ]
    np.testing.assert_allclose(states.sel(sublayer="1.attn"), torch.stack(hidden).numpy(), atol=1e-5)
    hosts = read_hosts(model, given, "last")
    assert [sample.input_ids for sample in hosts.samples] == own


@pytest.mark.parametrize(
    "wrap",
    [list, np.array, torch.tensor, lambda rows: {"input_ids": rows}, lambda rows: [np.array(r) for r in rows]],
)
def test_ready_ids_are_read_as_they_are(model, wrap):
    rows = [[1, 60, 70], [5, 9, 8]]
    samples = tokenize_texts(wrap(rows), model.tokenizer)
    assert [sample.input_ids for sample in samples] == [tuple(row) for row in rows]
    states = capture(model, wrap(rows)).sortby("sample")
    with torch.no_grad():
        hidden = model.module(torch.tensor(rows), output_hidden_states=True).hidden_states[1][:, -1]
    np.testing.assert_allclose(states.sel(sublayer="1.attn"), hidden.numpy(), atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_of_ready_ids_is_left_out(side):
    tokenizer = build()
    batch = tokenizer(LINES, padding=True, padding_side=side, return_tensors="pt")
    assert [sample.input_ids for sample in tokenize_texts(batch, tokenizer)] == [
        tuple(tokenizer(line)["input_ids"]) for line in LINES
    ]


def test_ready_ids_survive_a_run_directory(model, tmp_path):
    rows = [[1, 60, 70], [5, 9], [1, 61, 70]]
    first = capture(model, rows, out=tmp_path / "run").sortby("sample")
    again = capture(model, rows, out=tmp_path / "run").sortby("sample")
    np.testing.assert_array_equal(first, again)
    assert first["n_tokens"].values.tolist() == [3, 2, 3]


@pytest.mark.parametrize(
    ("given", "how", "error", "message"),
    [
        ([[1, 2]], {"position": 0}, UsageError, "taken as they are; got position=0"),
        ([[1, 2]], {"chat": True}, UsageError, "got chat=True"),
        ([[1, 2]], {"context": 1}, DataError, "Sample 0 has 2 ids, and the model reads at most 1"),
        ([[1], []], {}, DataError, "Sample 1 is a list of ids, at least one"),
        ([1, 2], {}, DataError, r"shape \(\)\. Give one list for each sample"),
        ([[0.5]], {}, DataError, "holds float64"),
        ([[-1]], {}, DataError, "from -1 to -1"),
        ([], {}, DataError, "the list of ids is empty"),
        (["a text"], {}, UsageError, "sample 0 is a str. Read texts by read_texts"),
        (3, {}, UsageError, "got int"),
    ],
)
def test_what_are_no_ids_is_told(given, how, error, message):
    with pytest.raises(error, match=message):
        tokenize_texts(given, build(), **how)


def test_texts_that_come_out_alike_are_counted():
    same = tokenize_texts(kept(["How do I?"] * 60), build())
    assert same.warnings[0].startswith("All 60 texts have the same tokens")
    some = tokenize_texts(kept(["a", "b", "a", "a"]), build())
    assert some.warnings == ("2 of 4 texts (50%) have the same tokens as another one: their states are copies.",)
    assert tokenize_texts(kept(LINES), build()).warnings == ()


def test_texts_that_the_tokenizer_does_not_know_are_counted():
    words = Tokenizer(models.WordLevel({"<unk>": 0, "the": 1, "stream": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = tf.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")
    samples = tokenize_texts(kept(["река течёт", "вода идёт", "the stream", "the река"]), tokenizer)
    assert samples.counts["unknown"] == 2
    assert samples.warnings[0].startswith(
        "2 of 4 texts (50%) are more than half tokens that the tokenizer does not"
    )
    assert "1 of 4 texts (25%) have the same tokens" in samples.warnings[1]
