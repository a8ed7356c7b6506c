from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residyn.errors import UsageError
from residyn.model.batches import Batch, BatchRules, plan_batches

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=80)
ROWS, TOKENS = st.integers(1, 20), st.integers(1, 200)
RULES = st.builds(BatchRules, TOKENS, ROWS, st.sampled_from([0.0, 0.06, 0.5]), st.integers(1, 30))
EARLIER = st.builds(BatchRules, TOKENS, ROWS)


@given(LENGTHS, RULES | EARLIER)
def test_every_row_is_read_once_by_batches_that_keep_the_rules(lengths, rules):
    plan = plan_batches(lengths, rules)
    assert sorted(plan.order) == list(range(len(lengths)))
    assert [row for b in plan.batches for row in range(b.start, b.stop)] == list(range(len(lengths)))
    for batch in plan.batches:
        own = [lengths[plan.order[row]] for row in range(batch.start, batch.stop)]
        assert (max(own), sum(own)) == (batch.longest, batch.tokens)
        size = len(own) * batch.longest
        assert len(own) == 1 or size <= rules.batch_tokens
        assert size - sum(own) <= (rules.padding or 0) * size
        assert rules.batch_rows is None or len(own) <= rules.batch_rows


@given(LENGTHS, EARLIER)
def test_in_runs_of_earlier_versions_batches_end_at_shards_and_are_as_large_as_allowed(lengths, rules):
    plan = plan_batches(lengths, rules)
    for batch, following in itertools.pairwise(plan.batches):
        assert batch.start // rules.rows_per_shard == (batch.stop - 1) // rules.rows_per_shard
        if batch.longest == following.longest and following.start % rules.rows_per_shard:
            assert (batch.stop - batch.start + 1) * batch.longest > rules.batch_tokens


@given(LENGTHS, RULES)
def test_the_batches_of_a_shard_are_those_that_hold_its_rows(lengths, rules):
    plan = plan_batches(lengths, rules)
    assert [row for shard in range(plan.n_shards) for row in plan.rows(shard)] == list(range(len(lengths)))
    for shard in range(plan.n_shards):
        rows = set(plan.rows(shard))
        holding = [i for i, b in enumerate(plan.batches) if rows & set(range(b.start, b.stop))]
        assert list(plan.covering(shard)) == holding


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), min_size=1, max_size=60), RULES)
def test_a_texts_samples_are_neighbours_longest_first_and_pass_once(drawn, rules):
    texts, lengths = [text for text, _ in drawn], [length for _, length in drawn]
    plan = plan_batches(lengths, rules, texts)
    runs = [list(rows) for _, rows in itertools.groupby(plan.order, key=lambda sample: texts[sample])]
    assert len(runs) == len(set(texts))
    assert all(lengths[a] >= lengths[b] for run in runs for a, b in itertools.pairwise(run))
    assert all(lengths[a[0]] >= lengths[b[0]] for a, b in itertools.pairwise(runs))
    batch_of = {row: i for i, b in enumerate(plan.batches) for row in range(b.start, b.stop)}
    places = {sample: row for row, sample in enumerate(plan.order)}
    assert all(len({batch_of[places[sample]] for sample in run}) == 1 for run in runs)
    longest = [max(lengths[sample] for sample in run) for run in runs]
    assert sum(batch.tokens for batch in plan.batches) == sum(longest)


def test_longest_first_and_ties_in_the_order_of_the_texts():
    plan = plan_batches([3, 5, 3, 9, 5], BatchRules(batch_tokens=10, rows_per_shard=4))
    assert plan.order == (3, 1, 4, 0, 2)
    assert plan.batches == (Batch(0, 1, 9, 9), Batch(1, 3, 5, 10), Batch(3, 4, 3, 3), Batch(4, 5, 3, 3))


def test_unlike_texts_share_a_batch_as_far_as_the_padding_goes():
    lengths = [10, 9, 8, 2]
    loose = plan_batches(lengths, BatchRules(40, 2, padding=0.1))
    assert loose.batches == (Batch(0, 3, 10, 27), Batch(3, 4, 2, 2))
    assert plan_batches(lengths, BatchRules(40, 2, padding=0.05)).batches[0] == Batch(0, 2, 10, 19)
    assert len(plan_batches(lengths, BatchRules(40, 2, padding=0.0)).batches) == 4


@pytest.mark.parametrize(("rows", "tokens"), [(0, 10), (4, 0)])
def test_sizes_below_one_are_refused(rows, tokens):
    with pytest.raises(UsageError, match="at least one"):
        plan_batches([3], BatchRules(tokens, rows))
