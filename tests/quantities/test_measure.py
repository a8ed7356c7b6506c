"""One walk for all gathers: what blocks leave behind is put together as they come."""

import dask.array
import numpy as np
import xarray as xr

from residyn.adapters import from_array
from residyn.quantities.measure import gather
from residyn.quantities.replicates import plan_of
from residyn.quantities.sums import Gather


def _states(n_blocks: int) -> xr.DataArray:
    values = np.random.default_rng(0).standard_normal((8 * n_blocks, 4, 6)).astype(np.float32)
    return from_array(dask.array.from_array(values, chunks=(8, 4, 6)), [0, 0, 1, 1], ["attn", "mlp"] * 2)


class _Part:
    """A sum by group that counts how many of its kind there are."""

    alive = most = 0

    def __init__(self, total: float) -> None:
        self.total = total
        _Part.alive += 1
        _Part.most = max(_Part.most, _Part.alive)

    def __del__(self) -> None:
        _Part.alive -= 1


def test_sums_of_groups_take_no_more_memory_the_more_blocks_there_are(monkeypatch):
    monkeypatch.setattr("residyn.walk._BLOCK_BYTES", 8 * 4 * 6 * 4)
    most = {}
    for n_blocks in (20, 200):
        states = _states(n_blocks)
        plan = plan_of(states)
        counting = Gather(
            lambda block, _: _Part(float(block.sum())), lambda parts: _Part(sum(part.total for part in parts))
        )
        _Part.most = 0
        found = gather(states, [counting], plan)
        most[n_blocks] = _Part.most
        total = sum(part.total for part in found.whole[counting])
        np.testing.assert_allclose(total, states.values.sum(dtype=np.float64), rtol=1e-5)
        del found
    # Those of all groups, and those of the eight samples of each of the few blocks that are read at a time.
    assert most[200] <= plan.n_groups + 8 * 8, most
