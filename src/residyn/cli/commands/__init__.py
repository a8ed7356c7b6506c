"""The verbs, as people type them."""

from residyn.cli.commands.looking import check, compare, info, presets, verify
from residyn.cli.commands.running import analyze, capture, claims, controls, figure, report, run, teleport

VERBS = (
    run,
    check,
    capture,
    analyze,
    controls,
    teleport,
    claims,
    figure,
    report,
    compare,
    presets,
    info,
    verify,
)
"""In the order of the help page."""
