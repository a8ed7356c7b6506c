import getpass
import json
import socket
import subprocess
import sys

import pytest

from residyn.errors import StoreError
from residyn.store import info, read_run, update_run
from store.producer import capture, complete, make


def test_sections_are_merged_key_by_key(run):
    update_run(run, timings={"capture_s": 1.5}, warnings=["a"])
    update_run(run, timings={"analyze_s": 2}, warnings=["a", "b"], machine={"device": "cpu"})
    record = read_run(run)
    assert record["timings"] == {"capture_s": 1.5, "analyze_s": 2}
    assert record["warnings"] == ["a", "b"]
    assert record["machine"].keys() == {"platform", "cores", "memory_bytes", "device"}
    assert record["versions"]["residyn"] == info(run)["written_by"]


def test_provenance_names_no_person_and_no_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setenv("SECRET_OF_MINE", "swordfish-4711")
    run = complete(tmp_path / "run")
    update_run(run, model={"path": "/home/alice/models/x", "also": "file:///home/alice"}, texts=["/home/alice2/y"])
    text = (run / "run.json").read_text()
    assert "swordfish" not in text
    assert "/home/alice/" not in text
    assert read_run(run)["model"] == {"path": "~/models/x", "also": "file://~"}
    assert read_run(run)["texts"] == ["/home/alice2/y"]
    words = set(json.dumps(read_run(run)).replace('"', " ").split())
    assert not words & {getpass.getuser(), socket.gethostname()}


def test_info_counts_what_is_committed(tmp_path):
    make(tmp_path / "run", labels={"texts": "wikitext-2 train", "position": -2})
    capture(tmp_path / "run", shards=[0, 1])
    about = info(tmp_path / "run")
    assert (about["shards_committed"], about["shards_total"], about["complete"]) == (2, 6, False)
    assert (about["n_samples"], about["n_sublayers"], about["n_units"]) == (11, 5, 7)
    assert (about["texts"], about["position"]) == ("wikitext-2 train", -2)
    assert about["bytes"] > 0
    capture(tmp_path / "run")
    assert info(tmp_path / "run")["complete"]
    (tmp_path / "run" / "states.zarr" / "states" / "c.0.0.0").unlink()
    assert not info(tmp_path / "run")["complete"]
    json.dumps(about)


def test_a_lost_run_record_is_started_again_and_a_damaged_one_is_an_error(run):
    (run / "run.json").unlink()
    assert info(run)["created"] is None
    update_run(run, settings={"n": 3})
    assert read_run(run) == {"settings": {"n": 3}}
    for content in ("{", "[]"):
        (run / "run.json").write_text(content)
        with pytest.raises(StoreError, match=r"run\.json is damaged"):
            update_run(run, settings={})


def test_provenance_is_not_written_outside_a_run(tmp_path):
    with pytest.raises(StoreError, match="not a run directory"):
        update_run(tmp_path, model={})
    assert not list(tmp_path.iterdir())


def test_the_store_imports_neither_torch_nor_matplotlib_nor_zarr_before_it_is_used():
    heavy = "('torch', 'transformers', 'matplotlib', 'zarr')"
    code = f"import sys, residyn.store; print([name for name in {heavy} if name in sys.modules])"
    came = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert came.stdout.strip() == "[]"
