"""The run directory: create, commit, resume, verify, open. The format is described in docs/run-directory.md."""

from residyn.store.creation import check_target, create
from residyn.store.differences import OtherSettings, differing
from residyn.store.layout import samples_per_shard
from residyn.store.lock import locked, undisturbed
from residyn.store.manifest import Manifest, has_manifest, read_manifest
from residyn.store.names import run_name
from residyn.store.provenance import (
    add_timing,
    dropped_samples,
    info,
    read_run,
    record_warnings,
    update_run,
    withdraw_warnings,
    without_home,
)
from residyn.store.reader import open_states
from residyn.store.records import plain, read_json, write_json
from residyn.store.samples import coordinates, last_token_ties, read_samples
from residyn.store.table import SampleTable, Source, TableBuilder
from residyn.store.verification import Damage, Report, verify
from residyn.store.writer import Writer, forget, open_writer

__all__ = [
    "Damage",
    "Manifest",
    "OtherSettings",
    "Report",
    "SampleTable",
    "Source",
    "TableBuilder",
    "Writer",
    "add_timing",
    "check_target",
    "coordinates",
    "create",
    "differing",
    "dropped_samples",
    "forget",
    "has_manifest",
    "info",
    "last_token_ties",
    "locked",
    "open_states",
    "open_writer",
    "plain",
    "read_json",
    "read_manifest",
    "read_run",
    "read_samples",
    "record_warnings",
    "run_name",
    "samples_per_shard",
    "undisturbed",
    "update_run",
    "verify",
    "withdraw_warnings",
    "without_home",
    "write_json",
]
