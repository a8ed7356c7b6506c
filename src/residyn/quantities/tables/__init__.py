"""Results as tidy tables: one row per transition or sublayer, for R, pandas or a spreadsheet.

Two things that look alike are kept apart. Samples are replicates: a mean over them has a 95 % bootstrap
interval (`ci_low`, `ci_high`). Units are not, they are parts of one network: over units a table gives the
median and the quartiles (`q25`, `q75`), which are a spread and not an interval for anything.
"""

from residyn.quantities.tables.tables import RESAMPLES, SEED, tables, write_frame, write_tables

__all__ = ["RESAMPLES", "SEED", "tables", "write_frame", "write_tables"]
