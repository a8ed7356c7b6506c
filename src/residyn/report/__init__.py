"""The report: one self-contained page of what a run directory holds, without network and without script."""

from residyn.report.write import write_report

__all__ = ["write_report"]
