import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from residyn.errors import DataError, ModelError, UsageError
from residyn.model.texts import Samples, read_texts, tokenize_texts
from residyn.model.texts.encoding import make_encoder

LINES = [
    "The residual stream of a transformer is a trajectory over depth .",
    "Attention writes into the stream , and the perceptron writes into it again .",
    "A dynamical system has states , and a rule that takes one state to the next .",
    "Some rows end in the same full stop , others in a question ?",
    "Naïve façades : ümlauts and 音楽 need several bytes a character",
]
UNKNOWN, BOS, EOS = 0, 1, 2


def build(template: str = "$A", bos_token: str | None = "<s>", **options) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on LINES, which puts special tokens around a text by `template`."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    core.train_from_iterator(LINES, trainer)
    core.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=bos_token, eos_token="</s>", unk_token="<unk>", **options
    )
    tokenizer.chat_template = "{{ raise_exception('the chat template was rendered') }}"
    return tokenizer


@pytest.fixture(scope="module")
def plain():
    return build()


@pytest.fixture(scope="module")
def with_bos():
    return build("<s> $A")


class ExecutesSpecials:
    """A tokenizer that cannot spell its special tokens out, like those of other makers."""

    def __init__(self, inner: PreTrainedTokenizerFast) -> None:
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __call__(self, *args, **kwargs):
        if "split_special_tokens" in kwargs:
            raise ValueError("split_special_tokens is not supported")
        return self.inner(*args, **kwargs)


def texts_of(rows):
    return read_texts(rows, n=None, min_chars=0, max_chars=None)


def own_ids(tokenizer, text):
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("template", ["$A", "<s> $A", "$A </s>", "<s> $A </s>"])
def test_each_sample_is_the_texts_own_ids_behind_what_the_tokenizer_puts_in_front(template):
    tokenizer = build(template)
    front = (BOS,) if template.startswith("<s>") else ()
    samples = tokenize_texts(texts_of(LINES), tokenizer)
    for sample, line in zip(samples, LINES, strict=True):
        ids = own_ids(tokenizer, line)
        assert sample.input_ids == front + ids
        assert sample.last_token == ids[-1]
        assert sample.n_tokens == len(front) + len(ids)
        whole = tuple(tokenizer(line)["input_ids"])
        assert whole[: sample.n_tokens] == sample.input_ids
    rule = samples.settings["bos_rule"]
    assert rule == {
        "put": list(front),
        "before": list(front),
        "after": [EOS] if template.endswith("</s>") else [],
    }


@pytest.mark.parametrize(
    ("template", "bos", "front"),
    [
        ("$A", "auto", []),
        ("$A", "always", [BOS]),
        ("$A", "never", []),
        ("<s> $A", "auto", [BOS]),
        ("<s> $A", "always", [BOS]),
        ("<s> $A", "never", []),
    ],
)
def test_bos_is_put_once_or_never(template, bos, front):
    tokenizer = build(template)
    samples = tokenize_texts(texts_of(LINES), tokenizer, bos=bos)
    assert [list(s.input_ids) for s in samples] == [[*front, *own_ids(tokenizer, line)] for line in LINES]
    assert samples.settings["bos_rule"]["put"] == front


def test_bos_always_needs_a_bos():
    with pytest.raises(UsageError, match="no BOS token"):
        tokenize_texts(texts_of(LINES), build(bos_token=None), bos="always")
    assert tokenize_texts(texts_of(LINES), build(bos_token=None)).samples[0].input_ids[0] > EOS


@pytest.mark.parametrize("wrap", [ExecutesSpecials, lambda tokenizer: tokenizer])
@pytest.mark.parametrize("bos", ["auto", "always", "never"])
def test_a_text_that_brings_its_own_bos_never_gets_two(with_bos, wrap, bos):
    rows = ["<s>The stream", "<s><s>The stream", "The stream"]
    samples = tokenize_texts(texts_of(rows), wrap(with_bos), bos=bos)
    assert [sample.input_ids.count(BOS) for sample in samples] == [0 if bos == "never" else 1] * 3
    assert samples.counts["begins_with_bos"] == 2
    assert any("begin with the BOS string '<s>'" in warning for warning in samples.warnings)


def test_special_tokens_inside_a_text_are_spelt_out_and_counted(with_bos):
    rows = ["The stream </s> ends here", "A system has states", "two </s></s>"]
    samples = tokenize_texts(texts_of(rows), with_bos)
    assert all(EOS not in sample.input_ids for sample in samples)
    assert with_bos.decode(samples.samples[0].input_ids[1:]) == rows[0]
    assert samples.counts["holds_special"] == 2
    assert samples.settings["split_special_tokens"] is True
    assert samples.warnings == (
        "2 of 3 texts hold the string of a special token, spelt out as ordinary characters; read them by "
        "special_tokens='read' (--special-tokens read).",
    )


def test_where_they_cannot_be_spelt_out_it_is_said(with_bos):
    samples = tokenize_texts(texts_of(["The stream </s> ends"]), ExecutesSpecials(with_bos))
    assert EOS in samples.samples[0].input_ids
    assert samples.settings["split_special_tokens"] is False
    assert "1 of 1 texts hold the string of a special token, read as special tokens." in samples.warnings


def test_texts_without_special_strings_are_tokenized_as_by_default(with_bos):
    spelt = []

    class Watches(ExecutesSpecials):
        def __call__(self, batch, split_special_tokens=False, **kwargs):
            spelt.extend(batch if split_special_tokens else ())
            return self.inner(batch, split_special_tokens=split_special_tokens, **kwargs)

    samples = tokenize_texts(texts_of([LINES[0], "</s> here"]), Watches(with_bos))
    assert "</s> here" in spelt
    assert LINES[0] not in spelt
    assert samples.samples[0].input_ids == tuple(with_bos(LINES[0])["input_ids"])


@pytest.mark.parametrize("position", [0, 3, -1, -4])
def test_an_integer_position_is_that_token_of_the_text(with_bos, position):
    samples = tokenize_texts(texts_of(LINES), with_bos, position=position)
    for sample, line in zip(samples, LINES, strict=True):
        ids = own_ids(with_bos, line)
        assert sample.last_token == ids[position]
        assert sample.input_ids == (BOS, *ids[: len(ids) + position + 1 if position < 0 else position + 1])


def test_texts_too_short_for_the_position_are_left_out_and_counted(plain):
    rows = ["the", LINES[0], LINES[1]]
    lengths = [len(own_ids(plain, row)) for row in rows]
    for position, needed in ((lengths[0], lengths[0] + 1), (-lengths[0] - 1, lengths[0] + 1)):
        samples = tokenize_texts(texts_of(rows), plain, position=position)
        assert (
            [sample.text_id for sample in samples] == [i for i, n in enumerate(lengths) if n >= needed] == [1, 2]
        )
        assert samples.counts["too_short"] == 1
        assert samples.counts["texts"] == samples.counts["samples"] + samples.counts["too_short"]
        assert f"1 of 3 texts have no token at position {position} and are left out." in samples.warnings
    with pytest.raises(DataError, match="3 have no token at position 999"):
        tokenize_texts(texts_of(rows), plain, position=999)


def test_random_positions_are_uniform_and_depend_on_seed_and_text_alone(plain):
    rows = [f"{line} {i}" for i in range(200) for line in LINES]
    texts = texts_of(rows)
    samples = tokenize_texts(texts, plain, position="random", seed=5)
    by_text = {sample.sha256: sample.input_ids for sample in samples}
    backwards = replace(texts, rows=tuple(row._replace(text_id=0) for row in reversed(texts.rows[::3])))
    again = tokenize_texts(backwards, plain, position="random", seed=5)
    assert all(by_text[sample.sha256] == sample.input_ids for sample in again)
    assert samples.sha256 != tokenize_texts(texts, plain, position="random", seed=6).sha256

    lengths = {row.sha256: len(own_ids(plain, row.text)) for row in texts.rows}
    for row, sample in zip(texts.rows, samples, strict=True):
        assert 1 <= sample.n_tokens <= lengths[row.sha256]
        assert own_ids(plain, row.text)[: sample.n_tokens] == sample.input_ids
    # Of 1000 uniform draws, each fifth of the length gets 200, give or take four standard deviations of 12.6.
    fifths = Counter(int(5 * (s.n_tokens - 0.5) / lengths[s.sha256]) for s in samples)
    assert all(150 < fifths[fifth] < 250 for fifth in range(5))
    assert any(sample.n_tokens == lengths[sample.sha256] for sample in samples)


@pytest.mark.parametrize(("max_tokens", "context"), [(7, None), (None, 7), (7, 30), (30, 7)])
def test_longer_texts_are_cut_to_the_limit_bos_included(with_bos, max_tokens, context):
    rows = [LINES[0], "the"]
    samples = tokenize_texts(texts_of(rows), with_bos, max_tokens=max_tokens, context=context)
    assert samples.samples[0].input_ids == (BOS, *own_ids(with_bos, LINES[0])[:6])
    assert samples.samples[1].input_ids == (BOS, *own_ids(with_bos, "the"))
    assert samples.counts["cut"] == 1
    assert samples.settings["limit"] == 7


def test_a_text_of_just_the_limit_is_not_cut(with_bos):
    n = 1 + len(own_ids(with_bos, LINES[0]))
    assert tokenize_texts(texts_of([LINES[0]]), with_bos, max_tokens=n).counts["cut"] == 0
    assert tokenize_texts(texts_of([LINES[0]]), with_bos, max_tokens=n - 1).counts["cut"] == 1


class Recorder(ExecutesSpecials):
    """Remembers how many characters it was given at once."""

    longest = 0

    def __call__(self, batch, **kwargs):
        self.longest = max(self.longest, *map(len, batch))
        return self.inner(batch, **kwargs)


def test_of_a_very_long_text_only_what_is_needed_is_tokenized(with_bos):
    text = "The stream of states , " * 450_000
    assert len(text) > 10_000_000
    recorder = Recorder(with_bos)
    samples = tokenize_texts(texts_of([text]), recorder, max_tokens=100)
    assert samples.samples[0].input_ids == (BOS, *own_ids(with_bos, text[:2000])[:99])
    assert samples.counts["cut"] == 1
    assert recorder.longest <= 32 * 100


def test_a_text_of_tokens_longer_than_expected_is_still_filled_to_the_limit(plain):
    tokenizer = build()
    tokenizer.add_tokens([AddedToken("=" * 100, special=False)])
    text = "=" * 100 * 50 + " the end"
    samples = tokenize_texts(texts_of([text]), tokenizer, max_tokens=10)
    assert samples.samples[0].input_ids == own_ids(tokenizer, text)[:10]
    assert samples.samples[0].n_tokens == 10


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
        min_size=1,
        max_size=8,
    ).filter(lambda rows: any(row.strip() for row in rows)),
    max_tokens=st.integers(2, 12),
)
def test_capped_ids_begin_the_whole_texts_ids(rows, max_tokens):
    tokenizer = WITH_BOS
    texts = texts_of(rows)
    samples = tokenize_texts(texts, tokenizer, max_tokens=max_tokens)
    assert samples.counts["texts"] == samples.counts["samples"] + samples.counts["zero_tokens"]
    for row, sample in zip(texts.rows, samples, strict=True):
        whole = (BOS, *tokenizer(row.text, add_special_tokens=False, split_special_tokens=True)["input_ids"])
        assert sample.input_ids == whole[:max_tokens]


WITH_BOS = build("<s> $A")


def test_texts_without_tokens_are_left_out_and_counted():
    core = Tokenizer(models.WordLevel({"the": 0, "<s>": 1}))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("~", "removed"), pre_tokenizers.WhitespaceSplit()]
    )
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>")
    samples = tokenize_texts(texts_of(["~~", "the ~ the", "~"]), tokenizer)
    assert [(s.text_id, s.input_ids) for s in samples] == [(1, (1, 0, 0))]
    assert samples.counts["zero_tokens"] == 2
    assert samples.settings["bos_rule"] == {"put": [1], "before": [1], "after": []}
    assert "2 of 3 texts have no token and are left out." in samples.warnings
    with pytest.raises(DataError, match="None of the 2 texts gives a sample: 2 have no token"):
        tokenize_texts(texts_of(["~~", "~"]), tokenizer)


def test_statistics_of_a_case_worked_by_hand(with_bos):
    the, a = (own_ids(with_bos, word)[0] for word in ("t", "a"))
    made = tokenize_texts(texts_of(["t", "a", "t", "at", "x"]), with_bos)
    assert [s.input_ids for s in made][:3] == [(BOS, the), (BOS, a), (BOS, the)]
    x = own_ids(with_bos, "x")[0]
    ids = [(BOS, the), (BOS, a), (BOS, the), (BOS, x, a), (BOS, x)]
    samples = replace(made, samples=tuple(s._replace(input_ids=i) for s, i in zip(made.samples, ids, strict=True)))
    assert samples.statistics() == {
        "n_samples": 5,
        "duplicates": 1,
        "distinct_last_tokens": 3,
        "tie_fraction": 0.8,
        "n_tokens": {"min": 2, "median": 2.0, "max": 3, "sum": 11},
    }


def test_the_hash_tells_apart_what_the_model_would_read(with_bos):
    samples = tokenize_texts(texts_of(LINES), with_bos)

    def having(*rows: tuple[int, ...]) -> Samples:
        made = [samples.samples[0]._replace(input_ids=row) for row in rows]
        return replace(samples, samples=tuple(made))

    cases = [having((1, 2), (3,)), having((1,), (2, 3)), having((3,), (1, 2)), having((1, 2, 3)), having((1, 2))]
    assert len({case.sha256 for case in cases}) == len(cases)
    assert having((1, 2), (3,)).sha256 == cases[0].sha256


def test_the_description_is_plain_json(with_bos):
    described = tokenize_texts(texts_of(LINES), with_bos, position="random", max_tokens=9).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["settings"]["position"] == "random"
    assert described["settings"]["tokenizer"]["bos_token_id"] == BOS
    assert described["statistics"]["n_samples"] == 5


def test_progress_ends_at_all_texts(with_bos):
    seen = []
    texts = texts_of([f"row {i}" for i in range(1100)])
    samples = tokenize_texts(texts, with_bos, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(512, 1100), (1024, 1100), (1100, 1100)]
    assert [s.input_ids[1:] for s in samples] == [own_ids(with_bos, row.text) for row in texts.rows]


def test_padding_and_truncation_set_on_the_tokenizer_play_no_part():
    tokenizer = build("<s> $A", pad_token="</s>", padding_side="left", model_max_length=4)
    tokenizer.backend_tokenizer.enable_padding(length=64)
    tokenizer.backend_tokenizer.enable_truncation(4)
    samples = tokenize_texts(texts_of(LINES), tokenizer)
    assert [s.input_ids for s in samples] == [(BOS, *own_ids(tokenizer, line)) for line in LINES]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_tokens": 0}, "max_tokens is a number of tokens"),
        ({"context": -1}, "context is a number of tokens"),
        ({"position": "middle"}, "'end', 'random', 'all'"),
        ({"position": True}, "'end', 'random', 'all'"),
        ({"position": 1.5}, "'end', 'random', 'all'"),
        ({"bos": "twice"}, "'auto', 'always' or 'never'"),
        ({"max_tokens": 1}, "0 tokens of the text fit"),
        ({"max_tokens": 5, "position": 4}, "position 4 is never reached"),
        ({"max_tokens": 5, "position": -5}, "position -5 is never reached"),
        ({"texts": LINES}, "sample 0 is a str"),
    ],
)
def test_options_out_of_range_are_usage_errors(with_bos, options, said):
    with pytest.raises(UsageError) as caught:
        tokenize_texts(**{"texts": texts_of(LINES), "tokenizer": with_bos, **options})
    assert said in str(caught.value)


def test_the_last_position_that_fits_is_allowed(with_bos):
    for position in (3, -4):
        samples = tokenize_texts(texts_of(LINES), with_bos, max_tokens=5, position=position)
        assert len(samples) == len(LINES)


def test_a_tokenizer_whose_specials_change_the_text_is_refused():
    class Rewrites:
        all_special_tokens = ()

        def __call__(self, batch, add_special_tokens, **kwargs):
            return {"input_ids": [[9, 5, 6] if add_special_tokens else [5, 7] for _ in batch]}

    with pytest.raises(ModelError, match="changes a text's own tokens"):
        tokenize_texts(texts_of(LINES), Rewrites())


def test_the_rule_is_found_where_one_text_alone_would_leave_it_open():
    class RepeatsBos:
        all_special_tokens = ()

        def __call__(self, batch, add_special_tokens, **kwargs):
            rows = {"aa": [1, 1], "ab": [1, 5]}
            return {"input_ids": [[1, *rows[t], 1] if add_special_tokens else rows[t] for t in batch]}

    for texts in (["aa", "ab"], ["ab", "aa"]):
        encoder = make_encoder(RepeatsBos(), texts)
        assert (encoder.before, encoder.after) == ((1,), (1,))
    encoder = make_encoder(RepeatsBos(), ["aa"])
    assert (encoder.before, encoder.after) == ((1, 1), ())
