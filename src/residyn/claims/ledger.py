"""What the tasks of a judgement leave behind: plain values, so that they can be stored and gone on from."""

from __future__ import annotations

Values = dict[str, list[float]]
"""A statistic's values by its name: the data's first, then its replicates."""
Ledger = dict[str, Values]
"""The values by the task that computed them."""
