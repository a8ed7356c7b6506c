from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residyn.errors import UsageError
from residyn.model.batches import Batch, plan_batches

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 20), st.integers(1, 200))
def test_every_row_is_read_once_with_its_own_length(lengths, rows_per_shard, batch_tokens):
    plan = plan_batches(lengths, rows_per_shard, batch_tokens)
    assert sorted(plan.order) == list(range(len(lengths)))
    batches = [batch for shard in plan.shards for batch in shard]
    assert [row for b in batches for row in range(b.start, b.stop)] == list(range(len(lengths)))
    for batch in batches:
        assert {lengths[plan.order[row]] for row in range(batch.start, batch.stop)} == {batch.n_tokens}
        assert batch.stop - batch.start == 1 or (batch.stop - batch.start) * batch.n_tokens <= batch_tokens


@given(LENGTHS, st.integers(1, 20), st.integers(1, 200))
def test_no_batch_crosses_a_shard_and_batches_are_as_large_as_allowed(lengths, rows_per_shard, batch_tokens):
    plan = plan_batches(lengths, rows_per_shard, batch_tokens)
    for index, shard in enumerate(plan.shards):
        assert shard[0].start == index * rows_per_shard
        assert shard[-1].stop == min((index + 1) * rows_per_shard, len(lengths))
        for batch, following in itertools.pairwise(shard):
            if batch.n_tokens == following.n_tokens:
                assert (batch.stop - batch.start + 1) * batch.n_tokens > batch_tokens


def test_longest_first_and_ties_in_the_order_of_the_texts():
    plan = plan_batches([3, 5, 3, 9, 5], rows_per_shard=4, batch_tokens=10)
    assert plan.order == (3, 1, 4, 0, 2)
    assert plan.shards == ((Batch(0, 1, 9), Batch(1, 3, 5), Batch(3, 4, 3)), (Batch(4, 5, 3),))


@pytest.mark.parametrize(("rows", "tokens"), [(0, 10), (4, 0)])
def test_sizes_below_one_are_refused(rows, tokens):
    with pytest.raises(UsageError, match="at least one"):
        plan_batches([3], rows, tokens)
