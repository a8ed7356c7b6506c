"""The end of a run: report.html, and what the terminal shows of it all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from residyn import store
from residyn.cli import claims, stages
from residyn.cli.display import Display
from residyn.cli.origin import of_other_states


def report(directory: Path, display: Display) -> Path:
    """Write the page; its path."""
    from residyn.report import write_report
    from residyn.run.results import open_results

    path = directory / stages.RESULTS
    notice = of_other_states(directory, open_results(path)) if path.exists() else ""
    display.warn([notice] if notice else [])
    with stages.timed() as seconds, display.stage("Writing the report"):
        page = write_report(directory)
    store.update_run(directory, timings={"report_s": seconds()})
    return page


def summarize(directory: Path, figure: Path, page: Path, judged: Mapping[str, Any], display: Display) -> None:
    """What a finished run has to show: numbers, verdicts, and where everything is."""
    import pandas as pd

    table = pd.read_csv(directory / stages.TABLES / "summary.csv").to_dict("records")
    if display.as_json:
        display.emit(
            {
                "run": str(directory),
                "figure": str(figure),
                "report": str(page),
                "summary": table,
                "claims": judged["claims"],
                "timings": store.read_run(directory).get("timings", {}),
            }
        )
        return
    rows = [
        (
            row["quantity"],
            f"{row['n_transitions']} {row['kind']}",
            f"{row['statistic']} {row['value']:.4g}",
            f"{row['low']:.4g} to {row['high']:.4g}",
        )
        for row in table
    ]
    columns = [
        "quantity",
        "transitions",
        "value",
        "95 % interval over documents",
    ]
    display.table(str(directory), columns, rows)
    claims.show(judged, directory, display)
    display.result(f"Report:   {page}")
    display.result(f"Figure 1: {figure}")
    display.result(f"Numbers:  {directory / stages.TABLES} (csv), {directory / stages.RESULTS} (xarray)")
