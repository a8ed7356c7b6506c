"""Results as tidy tables: one row per transition or sublayer, for R, pandas or a spreadsheet.

Two things that look alike are kept apart. A curve has a 95 % interval over documents (`ci_low`, `ci_high`). Units
are no replicates, they are parts of one network: over units a table also gives the quartiles (`q25`, `q75`), which
are a spread and not an interval for anything.
"""

from residyn.quantities.tables.tables import tables, write_frame, write_tables

__all__ = ["tables", "write_frame", "write_tables"]
