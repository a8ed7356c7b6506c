"""The run directory: create, commit, resume, verify, open. The format is described in docs/run-directory.md."""

from residyn.store.creation import check_target, create
from residyn.store.differences import OtherSettings, differing
from residyn.store.given import save_states
from residyn.store.kinds import HALVED, Kind
from residyn.store.layout import samples_per_shard
from residyn.store.ledger import committed
from residyn.store.lock import InUse, locked, undisturbed
from residyn.store.manifest import Manifest, has_manifest, read_manifest
from residyn.store.names import run_name
from residyn.store.provenance import (
    add_timing,
    dropped_samples,
    info,
    read_run,
    record_warnings,
    timing,
    update_run,
    withdraw_warnings,
    without_home,
)
from residyn.store.reader import open_states
from residyn.store.records import plain, read_json, write_json
from residyn.store.samples import coordinates, last_token_ties, read_samples
from residyn.store.staging import Receipt, encode, is_staging, leave_nonce, receipt_for, receipts, sees, stage
from residyn.store.table import SampleTable, StoredText, TableBuilder
from residyn.store.verification import Damage, StoreReport, verify
from residyn.store.writer import Writer, forget, open_writer

__all__ = [
    "HALVED",
    "Damage",
    "InUse",
    "Kind",
    "Manifest",
    "OtherSettings",
    "Receipt",
    "SampleTable",
    "StoreReport",
    "StoredText",
    "TableBuilder",
    "Writer",
    "add_timing",
    "check_target",
    "committed",
    "coordinates",
    "create",
    "differing",
    "dropped_samples",
    "encode",
    "forget",
    "has_manifest",
    "info",
    "is_staging",
    "last_token_ties",
    "leave_nonce",
    "locked",
    "open_states",
    "open_writer",
    "plain",
    "read_json",
    "read_manifest",
    "read_run",
    "read_samples",
    "receipt_for",
    "receipts",
    "record_warnings",
    "run_name",
    "samples_per_shard",
    "save_states",
    "sees",
    "stage",
    "timing",
    "undisturbed",
    "update_run",
    "verify",
    "withdraw_warnings",
    "without_home",
    "write_json",
]
