"""Small whole runs: the options that make one quick, and its files without what tells times."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

FEW = (
    *("--estimators", "gcmi", "--shuffles", "0", "--leave-out", "", "--components", "6", "--untrained", "1"),
    *(
        "--hosts",
        "1",
        "--grid",
        "2",
        "--directions",
        "2",
        "--radii",
        "1",
        "--resamples",
        "20",
        "--null-draws",
        "1",
    ),
    *("--jacobian-samples", "1", "--control-jacobians", "0", "--formats", "png"),
    *("--output-samples", "2", "--skip-samples", "1", "--control-outputs", "0"),
)
"""Options of a run of few numbers, which goes through every stage."""

TIMES = {
    "run.json": ("created", "timings"),
    "stages/report.json": ("fingerprint", "inputs", "files", "checksum"),
}
"""The fields of JSON files that tell times, or hash what does: run.json is an input of the report."""
_TIMES_ON_THE_PAGE = re.compile(rb"<dt>(?:created|[A-Za-z ]+)</dt><dd>(?:\d{4}-\d\d-\d\dT[\d:+]+|[\d.,]+ s)</dd>")
"""In report.html, the time at which the run was made and the seconds that its stages took."""


def without_times(run: Path) -> dict[str, bytes]:
    """The bytes of every file of a run, by its path; what tells times is left out of the three files that do."""
    found = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    return {name: _timeless(name, content) for name, content in sorted(found.items())}


def _timeless(name: str, content: bytes) -> bytes:
    if name == "report.html":
        return _TIMES_ON_THE_PAGE.sub(b"", content)
    fields = next((fields for file, fields in TIMES.items() if name == file or name.endswith(f"/{file}")), ())
    if not fields:
        return content
    return json.dumps({key: value for key, value in json.loads(content).items() if key not in fields}).encode()


def differing(run: Path, other: Path) -> list[str]:
    """The files that two runs do not have in common, but for times: by path, empty where they are equal."""
    ours, theirs = without_times(run), without_times(other)
    return [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]


def hash_of(run: Path) -> str:
    """The sha256 of a run's files, by path and content, but for times."""
    digest = hashlib.sha256()
    for name, content in without_times(run).items():
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()
